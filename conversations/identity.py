"""Who somebody is: e-mail addresses in the form in which equal means the same, and the kinds of address an account has."""

from __future__ import annotations

import re

LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = re.compile(rf"(?<![\w.+-])[A-Za-z0-9][\w.+-]{{0,63}}@(?:{LABEL}\.){{1,8}}[A-Za-z]{{2,24}}(?![\w-])", re.ASCII)
"""An address people really have; far stricter than RFC 5322 allows, so that a typing slip is noticed while it can be mended."""

REGISTERED = "registered"
CODE = re.compile(r"(?<!\d)\d{3}[ .-]?\d{3}(?!\d)", re.ASCII)
CODE_DIGITS = 6
CODE_MINUTES = 10
"""How long a code counts."""

TRIES = 3
"""How often a code may be tried: with the limits on sending, a guess comes true once in a hundred years of trying day and night."""

SENDS = 3
"""Codes that one conversation may ask for in a day, as long as none of them was given back."""

SENDS_TO_ONE = 10
"""Codes that are sent to one address in a day, whoever asks: a mailbox must not be flooded, nor its code guessed from many chats."""

SERVICES_KEPT = 50
"""How many of an account's services a conversation remembers."""

CATEGORIES = ("billing", "support", "abuse")
"""What an account may have addresses of its own for; whatever has none goes to the registered one."""


BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letters that are misread when something is dictated."""

LINK_LETTERS = 16
"""Of base 32, so 80 bits: nobody guesses that, and it fits into a link into any chat."""

LINK_MINUTES = 10
"""How long a link code counts, and how long it may then be agreed to."""

LINK_CODES = 5
LINK_TRIES = 5
"""Codes that one conversation may ask for, and wrong ones it may try, within an hour."""

LINKS = 8
"""Chats that one person may have linked."""

_LINK_CODE = re.compile(rf"[{BASE32}]{{{LINK_LETTERS}}}")
_MISREAD = str.maketrans("OIL", "011", " -\u2013_")


def link_code(text: str) -> str:
    """A link code in the form that it is kept by, whatever case and blanks it was typed with; "" when `text` is none."""
    code = text.upper().translate(_MISREAD) if len(text) <= 40 else ""
    return code if _LINK_CODE.fullmatch(code) else ""


def shown_code(code: str) -> str:
    """A link code in groups that can be read out."""
    return "-".join(code[n : n + 4] for n in range(0, len(code), 4))


def mailbox(text: str) -> str:
    """The address in the form that is stored and compared, all of it in lower case; "" when `text` is not an address.

    RFC 5321 lets the part before the @ tell case apart; no provider does, and people do not type it the same way twice.
    """
    text = text.strip()
    return text.lower() if EMAIL.fullmatch(text) else ""
