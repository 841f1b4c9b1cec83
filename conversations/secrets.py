"""Finds keys, tokens, passwords and card numbers in what customers write, and masks them before anything is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

MASK = "[••••••]"
"""What stands in place of a secret. It tells nothing, not even a length."""

Kind = Literal["key", "token", "password", "card"]

PHRASES: Mapping[str, frozenset[str]] = {
    "secret.key": frozenset(),
    "secret.token": frozenset(),
    "secret.password": frozenset(),
    "secret.card": frozenset(),
}


class Masked(NamedTuple):
    """`kinds` are what was found, each once, in order."""

    text: str
    kinds: tuple[Kind, ...]


def mask(text: str) -> Masked:
    """`text` with every secret replaced by MASK. What is masked stays as it is when it is masked again; everything else is untouched."""
    if hash(text) in _clean:
        return Masked(text, ())
    masked = _mask(text)
    if not masked.kinds:
        if len(_clean) >= _CLEAN:
            _clean.clear()
        _clean.add(hash(text))
    return masked


_CLEAN = 2048
"""Texts of which it is remembered that there is nothing in them: each is looked at where it comes in and where it is decided. They are
known by their hash alone, since what customers wrote is not to be kept.
"""

_clean: set[int] = set()


def _mask(text: str) -> Masked:
    kinds: dict[Kind, None] = {}
    small = text.lower()
    # A plain loop: this is done for everything that anybody writes, and `any` with a generator takes three times as long.
    for sign in _SIGNS:
        if sign in small:
            text = _by_rules(text, small, kinds)
            break
    if _DIGITS.search(text):
        text = _CARD.sub(_hider("card", _card, kinds), text)
    return Masked(text, tuple(kinds))


def _by_rules(text: str, small: str, kinds: dict[Kind, None]) -> str:
    for kind, signs, pattern, hidden in _RULES:
        for sign in signs:
            if sign in small:
                text = pattern.sub(_hider(kind, hidden, kinds), text)
                break
    return text


def _hider(
    kind: Kind, hidden: Callable[[re.Match[str]], tuple[int, int] | None], kinds: dict[Kind, None]
) -> Callable[[re.Match[str]], str]:
    def hide(found: re.Match[str]) -> str:
        span = hidden(found)
        if span is None:
            return found[0]
        kinds[kind] = None
        start, end = span[0] - found.start(), span[1] - found.start()
        return found[0][:start] + MASK + found[0][end:]

    return hide


def _whole(found: re.Match[str]) -> tuple[int, int] | None:
    return found.span()


def _group(found: re.Match[str]) -> tuple[int, int] | None:
    return found.span("secret")


# --- private keys ---

_PEM = re.compile(
    # To the end of the block; when that was cut off, to the end of what can still be base64.
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----BEGIN )[\s\S]){0,20000}?-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:\s*+(?:[A-Za-z-]+: [^\n]*+|[A-Za-z0-9+/=]{20,}+))*+(?:\s[A-Za-z0-9+/]{1,19}={1,2})?)"
)
_PUTTY = re.compile(r"PuTTY-User-Key-File-\d:[\s\S]{0,20000}?(?:Private-MAC: [0-9a-f]+|\Z)")
_PEM_TAIL = re.compile(
    r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{40,}+={0,2}\s++){2,}+(?:[A-Za-z0-9+/=]++\s*+)?"
    r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
)

# --- tokens of known shapes (as their makers document them) ---

_TOKENS = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"  # AWS access key id
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255}"
    r"|glpat-[A-Za-z0-9_-]{20,64}"  # GitLab
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{20,250}|https://hooks\.slack\.com/services/[A-Z0-9]{8,}/[A-Z0-9]{8,}/[A-Za-z0-9]{16,}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/=]{24,}"  # Stripe
    r"|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{30,}|GOCSPX-[A-Za-z0-9_-]{28}"  # Google
    r"|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"  # SendGrid
    r"|npm_[A-Za-z0-9]{36}|pypi-AgE[A-Za-z0-9_-]{50,}|dop_v1_[a-f0-9]{64}|hf_[A-Za-z0-9]{34}"
    r"|sk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,200}"
    r"|\d{8,10}:AA[A-Za-z0-9_-]{33}"  # Telegram bot
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10,}"  # JWT
    r")(?![A-Za-z0-9_-])"
)
_BEARER = re.compile(r"\b(?:bearer|basic)[ :]+(?P<secret>(?=[A-Za-z0-9._~+/-]*[0-9])[A-Za-z0-9._~+/-]{16,}={0,2})", re.IGNORECASE)
_NAMED_TOKEN = re.compile(
    r"\b(?:aws_secret_access_key|api[ _-]?key|api[ _-]?token|access[ _-]?token|auth[ _-]?token|secret[ _-]?key|client[ _-]?secret"
    r"|clave (?:de )?api|token)"
    r"[\"']?\s*(?:[:=]|\bes\b|\bis\b)\s*[\"']?(?P<secret>(?=[A-Za-z0-9._~+/-]*[0-9])(?=[A-Za-z0-9._~+/-]*[A-Za-z])[A-Za-z0-9._~+/-]{16,}={0,2})",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://[^\s/:@]{1,100}:(?P<secret>(?!\[••)[^\s/@]{3,200})@", re.IGNORECASE)

# --- passwords ---

_PASSWORD = re.compile(
    r"(?<![\w.-])(?P<name>(?:[a-z0-9]+_)?(?:passwords?|passwd|passphrase|passcode|pwd|pass|psw|contrase[ñn]as?|clave|contra|pin)"
    r"(?: (?:de |del |for |of |my |the |mi )?(?:root|ssh|admin|administrador|sudo|ftp|panel|cpanel|plesk|mysql|vps|server|servidor|usuario"
    r"|user|acceso|correo|email|wifi|rdp|windows|ipmi|kvm|cuenta|account|actual|nueva|new|old|antigua|current|temporal)){0,3})"
    r"(?:\s*[\"']?\s*(?P<sign>[:=])\s*|\s+(?P<verb>es|is|era|was|sera)\s*:?\s+)"
    r"(?P<quote>[\"'`«“]?)(?P<secret>(?!\[••)[^\s\"'`«»“”]{3,200})",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"(?<![\w.-])(?:root|admin|administrador|administrator|ubuntu|debian|user|usuario)\s*[/:]\s*(?P<secret>(?!\[••)(?=\S*\d)(?=\S*[A-Za-z])[^\s/:,;\"']{6,100})(?=[\s,;]|$)",
    re.IGNORECASE,
)
_OPTION = re.compile(
    r"(?<!\S)(?:sshpass -p ?|mysql \S.{0,60}?-p(?! ))(?P<secret>(?!\[••)[^\s\"']{3,100})|--password[= ](?P<long>(?!\[••)[^\s\"']{3,100})"
)

_NOT_PASSWORDS = re.compile(
    r"(?:in)?correct[aoe]?s?|wrong|err[oó]nea|inv[aá]lid[ao]?|invalid|muy|mi|la|el|una?|que|no|not|very|too|the|a|an|required|requerid[ao]|obligatori[ao]|necesari[ao]"
    r"|expired|caducad[ao]|expir\w+|olvidad[ao]|forgotten|lost|perdid[ao]|yes|si|sí|null|none|true|false|ok|for|para|de|del|to|is|es|it|lo|reset|change[d]?|cambiar|cambiad[ao]"
    r"|segur[ao]|secure|fuerte|strong|weak|d[eé]bil|unica|[uú]nic[ao]|distint[ao]|different|same|misma|blank|vac[ií][ao]|empty|siempre|always|still|todav[ií]a|"
    r"being|my|your|tu|su|also|tambi[eé]n|never|nunca|working|funciona|importante|important|v[aá]lid[ao]s?|valid|conocid[ao]|known|fundamental|esencial|essential|key|p[uú]blic[ao]"
    r"|authentication|autenticaci[oó]n|yes/no|password|contrase[ñn]a|clave|unknown|desconocid[ao]|rejected|rechazad[ao]|accepted|denied|failed|\*+|x+|\.+|•+|<.*>|\{.*\}|\$\S*|%\S*",
    re.IGNORECASE,
)


def _password(found: re.Match[str]) -> tuple[int, int] | None:
    start, end = found.span("secret")
    value = found["secret"].rstrip(".,;:!?)")
    end = start + len(value)
    name = found["name"].casefold()
    if len(value) < 3 or _NOT_PASSWORDS.fullmatch(value):
        return None
    if name.startswith("pin") and not (value.isdigit() and 3 < len(value) < 13):
        return None
    if found["verb"]:
        # "la clave es reiniciar": after a verb only what nobody would write as a word of a sentence.
        wordlike = re.fullmatch(r"[a-záéíóúüñ]+", value, re.IGNORECASE) is not None
        quoted = bool(found["quote"])
        if wordlike and not quoted and not (value != value.lower() and value != value.capitalize()):
            return None
        if not wordlike and not re.search(r"[\d!@#$%^&*+=]", value):
            return None
    elif name in ("contra", "pass", "clave") and re.fullmatch(r"[a-záéíóúüñ]+", value, re.IGNORECASE) and found["sign"] != "=":
        return None
    return start, end


def _option(found: re.Match[str]) -> tuple[int, int] | None:
    return found.span("secret") if found["secret"] else found.span("long")


# --- cards ---

_DIGITS = re.compile(r"\d(?:[ -]?\d){12}")
_CARD = re.compile(r"(?<![\w.+#-])(?<!\d[ :/])\d(?:[ -]?\d){12,18}(?![\w-])(?!\.\d)")
_ISSUERS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|(?:6011|65\d\d|64[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|(?:5018|5020|5038|6304|6759|676[1-3])\d{8,15}|62\d{14,17}"
)
_GROUPED = re.compile(r"\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5}|\d{4}([ -])\d{4}\3\d{4}\3\d{4}\3\d{3}")


def _card(found: re.Match[str]) -> tuple[int, int] | None:
    digits = re.sub(r"[ -]", "", found[0])
    if _GROUPED.fullmatch(found[0]) and _ISSUERS.fullmatch(digits) and _luhn(digits):
        return found.span()
    return None


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = (int(c) * (2 if n % 2 else 1) for n, c in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


class _Rule(NamedTuple):
    """`signs`: what the pattern cannot match without, in small letters. Looking for them costs far less than the pattern does."""

    kind: Kind
    signs: tuple[str, ...]
    pattern: re.Pattern[str]
    hidden: Callable[[re.Match[str]], tuple[int, int] | None]


_TOKEN_SIGNS = (
    *("akia", "asia", "abia", "acca", "gh", "pat", "xox", "xapp", "hooks.slack", "k_live_", "k_test_", "whsec_", "aiza", "ya29."),
    *("gocspx", "sg.", "npm_", "pypi-", "dop_v1_", "hf_", "sk-", ":aa", "eyj"),
)
_RULES = (
    _Rule("key", ("private key",), _PEM, _whole),
    _Rule("key", ("putty",), _PUTTY, _whole),
    _Rule("key", ("private key",), _PEM_TAIL, _whole),
    _Rule("token", _TOKEN_SIGNS, _TOKENS, _whole),
    _Rule("token", ("bearer", "basic"), _BEARER, _group),
    _Rule("token", ("key", "token", "secret", "api"), _NAMED_TOKEN, _group),
    _Rule("password", ("://",), _IN_URL, _group),
    _Rule("password", ("pass", "pwd", "psw", "contra", "clave", "pin"), _PASSWORD, _password),
    _Rule("password", ("root", "admin", "ubuntu", "debian", "user", "usuario"), _CREDENTIALS, _group),
    _Rule("password", ("sshpass", "mysql", "--password"), _OPTION, _option),
)
_ALL = dict.fromkeys(sign for rule in _RULES for sign in rule.signs)
_SIGNS = tuple(sign for sign in _ALL if not any(other in sign for other in _ALL if other != sign))
"""The shortest of them, each once: nearly every text has none, and is not held to one rule after the other. Where a longer one stands, the
shorter in it does.
"""
