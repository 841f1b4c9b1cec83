"""Who somebody is: e-mail addresses in the form in which equal means the same, and the kinds of address an account has."""

from __future__ import annotations

import re

LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = re.compile(rf"(?<![\w.+-])[A-Za-z0-9][\w.+-]{{0,63}}@(?:{LABEL}\.){{1,8}}[A-Za-z]{{2,24}}(?![\w-])", re.ASCII)
"""An address people really have; far stricter than RFC 5322 allows, so that a typing slip is noticed while it can be mended."""

REGISTERED = "registered"
CATEGORIES = ("billing", "support", "abuse")
"""What an account may have addresses of its own for; whatever has none goes to the registered one."""


def mailbox(text: str) -> str:
    """The address in the form that is stored and compared, all of it in lower case; "" when `text` is not an address.

    RFC 5321 lets the part before the @ tell case apart; no provider does, and people do not type it the same way twice.
    """
    text = text.strip()
    return text.lower() if EMAIL.fullmatch(text) else ""
