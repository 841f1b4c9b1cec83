"""What the keeper of a desk sets about Slack."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

ACCOUNT = "desk"
"""The account in addresses. There is one Slack per desk, and the ids of its chats say which workspace they are in."""


class SlackSettings(BaseModel):
    """On when `bot_token` is set. `app_token` opens the socket; `signing_secret` vouches for what comes by HTTP.

    `base_url` is where the Web API is: GovSlack, a proxy, or a test's own server.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    # In this order: each check below looks at what stands before it.
    mode: Literal["socket", "http"] = "socket"
    bot_token: SecretStr = SecretStr("")
    app_token: Annotated[SecretStr, Field(validate_default=True)] = SecretStr("")
    signing_secret: Annotated[SecretStr, Field(validate_default=True)] = SecretStr("")
    base_url: str = "https://slack.com/api/"

    @property
    def on(self) -> bool:
        return bool(self.bot_token.get_secret_value())

    @field_validator("mode", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("bot_token")
    @classmethod
    def _bot(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token and not token.startswith(("xoxb-", "xoxe.xoxb-")):
            raise ValueError("a bot token begins with xoxb-; it is on the app's page under OAuth & Permissions")
        return _one_word(value)

    @field_validator("app_token")
    @classmethod
    def _app(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        token, on = value.get_secret_value(), _on(info)
        if token and not token.startswith("xapp-"):
            raise ValueError("an app-level token begins with xapp-; it is on the app's page under Basic Information")
        if on and not token and info.data.get("mode") == "socket":
            raise ValueError("it is missing: Socket Mode needs an app-level token (xapp-…) with the scope connections:write")
        if token and not on and "bot_token" in info.data:
            raise ValueError("it is set, but RELEVO_SLACK__BOT_TOKEN is not: both are needed")
        return _one_word(value)

    @field_validator("signing_secret")
    @classmethod
    def _signing(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if _on(info) and not value.get_secret_value() and info.data.get("mode") == "http":
            raise ValueError("it is missing: without it nobody could tell Slack's requests from anybody's")
        if value.get_secret_value() and len(value.get_secret_value()) < 16:
            raise ValueError("it is too short for a signing secret; it is on the app's page under Basic Information")
        return _one_word(value)

    @field_validator("base_url")
    @classmethod
    def _url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("write it like https://slack.com/api/")
        return value if value.endswith("/") else value + "/"


def _on(info: ValidationInfo) -> bool:
    token = info.data.get("bot_token")
    return isinstance(token, SecretStr) and bool(token.get_secret_value())


def _one_word(value: SecretStr) -> SecretStr:
    # What is copied with a line end or a space would otherwise be a header that no server takes.
    if any(character.isspace() or not character.isprintable() for character in value.get_secret_value()):
        raise ValueError("there is white space in it: copy it again")
    return value
