"""What the keeper of a desk may set: environment variables and `.env`, prefix RELEVO_, nested with `__`; secrets also from files."""

from __future__ import annotations

import difflib
import os
import secrets
import typing
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.discord.settings import DiscordSettings
from adapters.email.settings import EmailSettings
from adapters.slack.settings import SlackSettings
from adapters.telegram.settings import TelegramSettings
from adapters.webchat.settings import WebChatSettings, origin_of

PREFIX = "RELEVO_"
BESIDE_THE_CODE = Path(__file__).resolve().parent.parent
KEY_LENGTH = 32
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class WrongSetting(Exception):
    """The start must stop. The message is one line that names the variable, and never holds a secret."""


class HttpSettings(BaseModel):
    """Where the desk listens, and how the world reaches it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    public_url: str = ""
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        return origin_of(value) if value else ""

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(origin_of(text) for text in value)


class LogSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "console"

    @field_validator("level", "format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class FilesSettings(BaseModel):
    """What is done with the files that customers send."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clamd: str = ""

    @field_validator("clamd")
    @classmethod
    def _address(cls, value: str) -> str:
        host, _, port = value.removeprefix("tcp://").rpartition(":")
        far = (
            value.startswith("tcp://")
            and bool(host)
            and "/" not in value[6:]
            and port.isascii()
            and port.isdigit()
            and 0 < int(port) < 65_536
        )
        if value and not far and not value.removeprefix("unix:").startswith("/"):
            raise ValueError("write it like unix:/run/clamav/clamd.ctl or tcp://127.0.0.1:3310")
        return value


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", enable_decoding=False, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr = SecretStr("")
    content_dir: Path = BESIDE_THE_CODE / "content" / "introserv"
    data_dir: Path = Path("var")
    secret_key: SecretStr = SecretStr("")
    http: HttpSettings = HttpSettings()
    webchat: WebChatSettings = WebChatSettings()
    email: EmailSettings = EmailSettings()
    discord: DiscordSettings = DiscordSettings()
    slack: SlackSettings = SlackSettings()
    telegram: TelegramSettings = TelegramSettings()
    files: FilesSettings = FilesSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: Any) -> Any:
        return _split_lists(cls, data)

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url and url.split(":", 1)[0] not in ("sqlite", "sqlite+aiosqlite", "postgresql", "postgresql+asyncpg"):
            raise ValueError("write it like sqlite:///var/relevo.db or postgresql://user:password@host/name")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < KEY_LENGTH:
            raise ValueError(f"it must be at least {KEY_LENGTH} characters long")
        return value

    @property
    def database(self) -> str:
        """The address of the database: a file in the data directory unless one was given."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.data_dir.resolve() / 'relevo.db'}"

    @property
    def tried_out(self) -> bool:
        """Only this machine can reach the desk, as far as was set up: then, without mail, one-time codes go to the log."""
        public = (self.http.public_url, self.http.allowed_origins, self.http.trusted_proxies)
        return self.http.host in LOOPBACK and not any((*public, self.chat.public_url, self.chat.allowed_origins, self.chat.trusted_proxies))

    @property
    def chat(self) -> WebChatSettings:
        """The live chat's settings; what it does not say itself is as for the whole server."""
        chat = self.webchat
        return chat.model_copy(
            update={
                "public_url": chat.public_url or self.http.public_url,
                "allowed_origins": (*chat.allowed_origins, *self.http.allowed_origins),
                "trusted_proxies": chat.trusted_proxies or self.http.trusted_proxies,
            }
        )


def _split_lists(model: type[BaseModel], data: Any) -> Any:
    """Lists are written with commas: easier to type into an environment than JSON."""
    if not isinstance(data, Mapping):
        return data
    split: dict[str, Any] = {}
    for name, value in data.items():
        field = model.model_fields.get(name)
        kind = field.annotation if field else None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            split[name] = _split_lists(kind, value)
        elif isinstance(value, str) and typing.get_origin(kind) is tuple:
            split[name] = tuple(part for part in (part.strip() for part in value.split(",")) if part)
        else:
            split[name] = value
    return split


def variables(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[tuple[str, bool]]:
    """Every variable there is, and whether it is a secret (and may come from the file that NAME_FILE names)."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from variables(kind, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", kind is SecretStr or SecretStr in typing.get_args(kind)


def load(env_file: Path = Path(".env")) -> Settings:
    """The settings of this process. Raises WrongSetting at the first thing that is wrong, missing or unknown."""
    given = {name.upper(): value for name, value in (_from_file(env_file) | os.environ).items() if name.upper().startswith(PREFIX)}
    known = dict(variables())
    secret_files = {f"{name}_FILE": name for name, secret in known.items() if secret}
    from_files: dict[str, Any] = {}
    for name, value in given.items():
        if secret := secret_files.get(name):
            if secret in given:
                raise WrongSetting(f"{name}: {secret} is set as well; keep one of the two")
            *path, last = secret.removeprefix(PREFIX).lower().split("__")
            inner = from_files
            for step in path:
                inner = inner.setdefault(step, {})
            inner[last] = _secret_in(name, value)
        elif name not in known:
            # Compared without the prefix, which makes everything alike.
            names = {known_name.removeprefix(PREFIX): known_name for known_name in (*known, *secret_files)}
            near = difflib.get_close_matches(name.removeprefix(PREFIX), names, 1, 0.5)
            raise WrongSetting(f"{name}: there is no such setting" + (f"; did you mean {names[near[0]]}?" if near else ""))
    try:
        return Settings(_env_file=env_file, **from_files)
    except ValidationError as error:
        raise WrongSetting(_first_fault(error, known)) from None


def _from_file(path: Path) -> dict[str, str]:
    try:
        return {name: value or "" for name, value in dotenv_values(path).items()}
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{path}: it cannot be read ({type(error).__name__})") from None


def _secret_in(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{name}: the file {path} cannot be read ({type(error).__name__})") from None


def _first_fault(error: ValidationError, known: Mapping[str, bool]) -> str:
    """One line. The wrong value itself is not in it: it may be a secret."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    steps = [str(step).upper() for step in fault["loc"]]
    # The place may go on inside a list or a union, which are one variable.
    names = [PREFIX + "__".join(steps[:count]) for count in range(len(steps), 0, -1)]
    name = next((name for name in names if name in known), names[-1] if names else PREFIX)
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}"


def secret_key(settings: Settings) -> SecretStr:
    """The desk's own key: the one that was set, or one made on the first run and kept in the data directory, for its owner only.

    Raises WrongSetting when it can be neither read nor made.
    """
    if settings.secret_key.get_secret_value():
        return settings.secret_key
    path = settings.data_dir / "secret_key"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # Written aside and linked into place: a crash or a second start can never leave or read half a key.
            aside = path.with_name(f".secret_key.{secrets.token_hex(8)}")
            aside.touch(mode=0o600, exist_ok=False)
            aside.write_text(secrets.token_urlsafe(48), encoding="ascii")
            try:
                path.hardlink_to(aside)
            except FileExistsError:
                pass
            finally:
                aside.unlink()
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise WrongSetting(f"{PREFIX}DATA_DIR: {path} cannot be used ({error.strerror})") from None
    if len(key) < KEY_LENGTH:
        raise WrongSetting(f"{PREFIX}SECRET_KEY: the key in {path} is too short; remove the file to have a new one made")
    return SecretStr(key)
