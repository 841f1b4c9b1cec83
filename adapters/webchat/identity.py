"""Who a visitor is, as proved by the site the chat stands on: a short-lived JWT signed with a key the site shares with the desk."""

from __future__ import annotations

from typing import Final

import jwt
from msgspec import Struct

from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import WebChatSettings

LIFETIME_S: Final = 300
"""The furthest `exp` may lie ahead: a proof that lives longer can be replayed by whoever finds it in a log."""
_LEEWAY_S: Final = 10
_TOKEN_LIMIT: Final = 4_096


class Identity(Struct, frozen=True):
    """A proved customer: `subject` is the site's own lasting id for them."""

    subject: str
    name: str = ""
    email: str = ""


def verify(token: str, settings: WebChatSettings, now_ms: int) -> Identity:
    """The identity in `token`; raises Refusal (no_identity, identity_invalid, identity_expired).

    HS256 only (RFC 7518, 3.2), so that neither `none` nor a public key can stand in for the secret. Both active keys are always tried and
    PyJWT compares in constant time. Times are checked against the desk's own clock.
    """
    if not settings.identity_secrets:
        raise Refusal("no_identity")
    if len(token) > _TOKEN_LIMIT:
        raise Refusal("identity_invalid")
    claims = None
    for secret in settings.identity_secrets:
        try:
            claims = jwt.decode(
                token,
                secret.get_secret_value(),
                algorithms=["HS256"],
                audience=settings.audience or settings.site,
                options={"require": ["exp", "aud", "sub"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            continue
    if claims is None:
        raise Refusal("identity_invalid")
    expires = claims["exp"]
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise Refusal("identity_invalid")
    now = now_ms / 1000
    if expires + _LEEWAY_S < now:
        raise Refusal("identity_expired")
    if not expires <= now + LIFETIME_S + _LEEWAY_S:
        raise Refusal("identity_invalid")
    subject, name, email = (claims.get(key) or "" for key in ("sub", "name", "email"))
    if not (isinstance(subject, str) and isinstance(name, str) and isinstance(email, str)):
        raise Refusal("identity_invalid")
    if not subject or not subject.isprintable() or len(subject) > 128 or len(name) > 200 or len(email) > 254:
        raise Refusal("identity_invalid")
    return Identity(subject, "".join(c for c in name if c.isprintable()), "".join(c for c in email if c.isprintable()))
