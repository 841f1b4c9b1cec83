"""What may be set about Discord, and the limits of its API that the rest of this package keeps."""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

API: Final = "https://discord.com/api/v10"
GATEWAY: Final = "wss://gateway.discord.gg/"

CONTENT: Final = 2_000
ROWS: Final = 5
BUTTONS_IN_ROW: Final = 5
OPTIONS: Final = 25
LABEL: Final = 80
INPUT: Final = 4_000
OPTION_TEXT: Final = 100
RADIOS: Final = 10
TITLE: Final = 45
FILES: Final = 10
FILE_OUT: Final = 10 * 1024 * 1024
"""Bytes of one file that a bot may send where nobody has boosted the server."""

FILE_IN: Final = 20 * 1024 * 1024
"""Bytes of one file that we take: as in the live chat."""

ANSWER_S: Final = 3.0
"""How long Discord waits for the first answer to an interaction (developer docs, "Receiving and Responding")."""

TOKEN_S: Final = 14 * 60
"""How long we use an interaction's token; it lives fifteen minutes."""


class DiscordSettings(BaseModel):
    """Discord is on when `token` is set. The other two are for proxies, compatible servers and tests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr = SecretStr("")
    api_base_url: str = API
    gateway_url: str = GATEWAY

    @field_validator("token")
    @classmethod
    def _bot_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value().strip()
        if token and not _id_in(token):
            raise ValueError("this is not the token of a bot (Developer Portal, your application, Bot, Reset Token)")
        return SecretStr(token)

    @field_validator("api_base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return _address(value, ("http", "https"), API).rstrip("/")

    @field_validator("gateway_url")
    @classmethod
    def _socket(cls, value: str) -> str:
        return _address(value, ("ws", "wss"), GATEWAY)

    @property
    def account(self) -> str:
        """The bot's own id, which is what the first part of its token says. It stays when the token is reset."""
        return _id_in(self.token.get_secret_value())


def _id_in(token: str) -> str:
    """The id in `<id, base64>.<when>.<proof>`, or "" when it is no such token."""
    first, *rest = token.split(".")
    if len(rest) != 2 or not all(rest):
        return ""
    try:
        id = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return id if id.isdecimal() and len(id) <= 20 else ""


def _address(value: str, schemes: tuple[str, ...], example: str) -> str:
    try:
        parts = urlsplit(value)
        right = parts.scheme in schemes and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"write it like {example}")
    return value
