"""What may be set for e-mail: the desk's own address, and the server that takes its mail."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from conversations.identity import mailbox

HOW = "write it like smtps://user:password@mail.example.com/ or smtp://user:password@mail.example.com:587/"


class Server(Struct, frozen=True):
    """Where mail is handed in. `tls`: from the first byte, by STARTTLS (RFC 3207) before anything else is said, or not at all."""

    host: str
    port: int
    tls: Literal["direct", "starttls", "never"]
    user: str = ""
    password: str = ""


class EmailSettings(BaseModel):
    """The desk sends mail when `address` is set. `name` stands beside it as the sender; the desk's own name when it is empty."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    address: str = ""
    name: Annotated[str, Field(max_length=80)] = ""
    smtp_url: Annotated[SecretStr, Field(validate_default=True)] = SecretStr("")

    @field_validator("address")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if value and not mailbox(value):
            raise ValueError("write one e-mail address, like support@example.com")
        return mailbox(value)

    @field_validator("name")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("it must be one line of plain characters")
        return value.strip()

    @field_validator("smtp_url")
    @classmethod
    def _both_or_neither(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if "address" not in info.data:
            return value  # the address is wrong itself, and that is told first
        if not value.get_secret_value():
            if info.data["address"]:
                raise ValueError(f"it must be set where RELEVO_EMAIL__ADDRESS is; {HOW}")
            return value
        server_of(value.get_secret_value())
        if not info.data["address"]:
            raise ValueError("RELEVO_EMAIL__ADDRESS must be set as well: it is who the mail is from")
        return value

    @property
    def server(self) -> Server:
        return server_of(self.smtp_url.get_secret_value())


def server_of(url: str) -> Server:
    """The server in `smtp://user:password@host:port/` (STARTTLS, 587) or `smtps://…` (TLS at once, 465); the password percent-encoded.

    Without STARTTLS only on this very machine, or with `?starttls=never`; `?starttls=always` asks for it here too. Raises ValueError with
    a text that holds nothing of the URL.
    """
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise ValueError(HOW) from None
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = asked.pop("starttls", "")
    if parts.scheme not in ("smtp", "smtps") or not host or parts.path not in ("", "/") or parts.fragment or asked or port == 0:
        raise ValueError(HOW)
    if starttls not in ("", "always", "never") or (starttls and parts.scheme == "smtps"):
        raise ValueError("behind ? there may be starttls=always or starttls=never, with smtp:// only")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError("a user needs a password, and a password a user; percent-encode what is not a letter or a digit")
    if parts.scheme == "smtps":
        return Server(host, port or 465, "direct", user, password)
    plain = starttls == "never" or (not starttls and is_here(host))
    return Server(host, port or 587, "never" if plain else "starttls", user, password)


def is_here(host: str) -> bool:
    """Whether what is said to this host stays on this machine (RFC 1122 3.2.1.3, RFC 6761 6.3)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
