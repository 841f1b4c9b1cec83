"""What the owner of a site may set about the live chat."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


def origin_of(text: str) -> str:
    """`scheme://host[:port]` in the form browsers send it; raises ValueError on anything that is not exactly an origin."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not an origin: write it like https://www.example.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an origin carries no user name or password")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = 443 if parts.scheme == "https" else 80
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{host.lower()}{port}"


class Rate(BaseModel):
    """A token bucket: `burst` at once, then `per_second` on average."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    burst: Annotated[float, Field(ge=1)]
    per_second: Annotated[float, Field(gt=0)]


class WebChatLimits(BaseModel):
    """Everything that comes from a browser is bounded here. Times are seconds, sizes bytes unless said otherwise."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[int, Field(ge=1, le=20_000, description="code points of one message")] = 4_000
    body: Annotated[int, Field(ge=1_024)] = 65_536
    body_seconds: Annotated[float, Field(gt=0)] = 10
    sessions: Rate = Rate(burst=10, per_second=0.2)
    messages: Rate = Rate(burst=8, per_second=1)
    connects: Rate = Rate(burst=60, per_second=2)
    identifies: Rate = Rate(burst=10, per_second=0.5)
    strikes: Rate = Rate(burst=20, per_second=0.5)
    remembered: Annotated[int, Field(ge=100, description="buckets kept in memory, for each kind")] = 20_000
    sockets_per_conversation: Annotated[int, Field(ge=1)] = 20
    sockets_per_ip: Annotated[int, Field(ge=1)] = 200
    frame: Annotated[int, Field(ge=256)] = 4_096
    auth_seconds: Annotated[float, Field(gt=0)] = 5
    beat_seconds: Annotated[float, Field(gt=0)] = 25
    poll_seconds: Annotated[float, Field(gt=0)] = 25
    send_seconds: Annotated[float, Field(gt=0, description="a browser that takes nothing for so long is dropped")] = 20
    idle_days: Annotated[int, Field(ge=1)] = 30
    answers: Annotated[int, Field(ge=1, description="fields of one page of a form")] = 40
    answer: Annotated[int, Field(ge=1, le=20_000, description="code points of one field of a form")] = 10_000
    file: Annotated[int, Field(ge=1_024)] = 20_971_520
    file_seconds: Annotated[float, Field(gt=0)] = 300
    files: Rate = Rate(burst=20, per_second=0.001)
    uploads: Rate = Rate(burst=20, per_second=0.2)
    uploads_at_once: Annotated[int, Field(ge=1)] = 5

    @model_validator(mode="before")
    @classmethod
    def _rest_of_a_rate(cls, data: Any) -> Any:
        """Half of a rate may be set alone: the other half stays."""
        if not isinstance(data, Mapping):
            return data
        given = dict(data)
        for name, field in cls.model_fields.items():
            if isinstance(field.default, Rate) and isinstance(given.get(name), Mapping):
                given[name] = field.default.model_dump() | dict(given[name])
        return given


class WebChatSettings(BaseModel):
    """`site` names this chat in addresses and is the audience of identity tokens, unless `audience` says otherwise.

    The desk's own page may always use the chat; `allowed_origins` are the other sites it is embedded in. `identity_secrets` are the one or
    two active HS256 keys that sign identity tokens (two while rotating). X-Forwarded-For is believed only from `trusted_proxies`.
    """

    model_config = ConfigDict(extra="forbid")

    site: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")] = "desk"
    public_url: str = ""
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#1d4ed8"
    allowed_origins: tuple[str, ...] = ()
    audience: str = ""
    identity_secrets: Annotated[tuple[SecretStr, ...], Field(max_length=2)] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    limits: WebChatLimits = WebChatLimits()

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(origin_of(text) for text in value)

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        return origin_of(value) if value else ""

    @field_validator("identity_secrets")
    @classmethod
    def _long_enough(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        # A shorter key than the hash is the weak end of HMAC (RFC 7518, section 3.2).
        if any(len(secret.get_secret_value().encode()) < 32 for secret in value):
            raise ValueError("an identity secret is at least 32 bytes long")
        return value
