"""One-time codes: six digits by chance, or letters that link two chats, and what is kept of them."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from bot.clock import digits, letters
from conversations.identity import BASE32, CODE_DIGITS, LINK_LETTERS


class Codes:
    """`key` is the desk's own: without it, whoever reads the database could find a code by trying all million of them.

    Without a key one is made for this process; then a restart makes open codes void.
    """

    def __init__(self, key: bytes = b"") -> None:
        key = key or secrets.token_bytes(32)
        self._key = hmac.digest(key, b"relevo one-time code", hashlib.sha256)
        self._link_key = hmac.digest(key, b"relevo link code", hashlib.sha256)

    def new(self) -> str:
        return digits(CODE_DIGITS)

    def digest(self, conversation: int, email: str, code: str) -> str:
        """What is kept: good for this conversation and this address only."""
        return hmac.digest(self._key, f"{conversation}\0{email}\0{code}".encode(), hashlib.sha256).hex()

    def new_link(self) -> str:
        return letters(BASE32, LINK_LETTERS)

    def link_digest(self, code: str) -> str:
        """What is kept: it is looked up by this alone, so nothing but chance is in it."""
        return hmac.digest(self._link_key, code.encode(), hashlib.sha256).hex()
