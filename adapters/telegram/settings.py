"""What the owner of a Telegram bot may set."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

OFFICIAL = "https://api.telegram.org"


def _server(text: str, ending: str) -> str:
    """An address to which a token can be appended; raises ValueError on anything that is none."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"write it like {OFFICIAL}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address carries no user name or password")
    bare = text.strip().rstrip("/")
    return bare if bare.endswith("/bot") else bare + ending


class TelegramSettings(BaseModel):
    """The platform is on when there is a token. `base_url` and `base_file_url` are for a Bot API server of one's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr = SecretStr("")
    base_url: str = OFFICIAL
    base_file_url: str = ""
    mode: Literal["polling", "webhook"] = "polling"
    webhook_secret: Annotated[SecretStr, Field(validate_default=True)] = SecretStr("")

    @field_validator("token")
    @classmethod
    def _like_a_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token and not re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,256}", token):
            raise ValueError("copy the whole token that BotFather gave you: digits, a colon, letters")
        return value

    @field_validator("base_url", "base_file_url")
    @classmethod
    def _addresses(cls, value: str, info: ValidationInfo) -> str:
        if value:
            _server(value, "")
        return value

    @field_validator("mode", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("webhook_secret")
    @classmethod
    def _secret_for_webhook(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        # https://core.telegram.org/bots/api#setwebhook: 1 to 256 characters of A-Z, a-z, 0-9, _ and -.
        secret = value.get_secret_value()
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
            raise ValueError("1 to 256 of the characters A-Z, a-z, 0-9, _ and - are allowed")
        if not secret and info.data.get("mode") == "webhook":
            raise ValueError("a webhook needs one, so that nobody else can send updates: set a long random word")
        return value

    @property
    def api(self) -> str:
        """What the token is appended to for a method."""
        return _server(self.base_url, "/bot")

    @property
    def files(self) -> str:
        """What the token is appended to for a file's content."""
        if self.base_file_url:
            return _server(self.base_file_url, "/file/bot")
        return self.api.removesuffix("/bot") + "/file/bot"

    @property
    def account(self) -> str:
        """The bot's own id: the part of its token that is no secret. It names the account in addresses."""
        return self.token.get_secret_value().partition(":")[0]


class Pace(Struct, frozen=True):
    """How long to wait for what, in seconds; other values are for tests.

    `poll`: how long the server may hold a request for news (it takes 50 at most). `read`: for the answer to a call: short ones make sends
    whose fate nobody knows. `album`: quiet after a part of an album, by which it is held for whole, since no part says that it is the
    last. `again`: before looking again while something is still being taken in. `conflict`: between tries when somebody else polls.
    """

    poll: int = 50
    connect: float = 10.0
    read: float = 20.0
    media: float = 120.0
    album: float = 1.5
    again: float = 0.5
    retry: float = 1.0
    retry_limit: float = 30.0
    conflict: float = 5.0
    conflicts: int = 6
