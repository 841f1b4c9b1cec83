"""One-time codes: six digits by chance, and what is kept of them."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from bot.clock import digits
from conversations.identity import CODE_DIGITS


class Codes:
    """`key` is the desk's own: without it, whoever reads the database could find a code by trying all million of them.

    Without a key one is made for this process; then a restart makes open codes void.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = hmac.digest(key or secrets.token_bytes(32), b"relevo one-time code", hashlib.sha256)

    def new(self) -> str:
        return digits(CODE_DIGITS)

    def digest(self, conversation: int, email: str, code: str) -> str:
        """What is kept: good for this conversation and this address only."""
        return hmac.digest(self._key, f"{conversation}\0{email}\0{code}".encode(), hashlib.sha256).hex()
