"""The life of a ticket as plain data: its states and the ways between them, what a reply does to it, and what the desk promises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

from conversations.moments import HOUR
from conversations.texts import fold

TicketState = Literal["new", "open", "claimed", "waiting_customer", "waiting_vendor", "resolved", "closed", "reopened", "merged"]
STATES: tuple[TicketState, ...] = get_args(TicketState)

_UNDER_WAY: frozenset[TicketState] = frozenset({"open", "claimed", "waiting_customer", "waiting_vendor", "resolved", "closed", "merged"})

WAYS: Mapping[TicketState, frozenset[TicketState]] = {
    "new": _UNDER_WAY,
    "open": _UNDER_WAY - {"open"},
    "claimed": _UNDER_WAY - {"claimed"},
    "waiting_customer": _UNDER_WAY - {"waiting_customer"},
    "waiting_vendor": _UNDER_WAY - {"waiting_vendor"},
    "reopened": _UNDER_WAY,
    "resolved": frozenset({"reopened", "closed", "merged"}),
    "closed": frozenset({"reopened"}),
    "merged": frozenset(),
}
"""From each state, those it may come to. What is merged lives on in another ticket."""

FINISHED: frozenset[TicketState] = frozenset({"resolved", "closed", "merged"})
"""Nobody has anything to do for these; each stays open for the customer to take up again, except what is merged."""

AUTO_CLOSE_HOURS = 72
FIRST_REPLY = "first_reply_minutes"
AUTO_CLOSE = "auto_close_hours"


def allowed(before: str, state: str) -> bool:
    return state in WAYS.get(before, ())  # type: ignore[call-overload]


def after_team_wrote(state: str) -> str:
    """Unless the team says otherwise it is the customer's turn; what is finished stays so."""
    return state if state in FINISHED else "waiting_customer"


def after_customer_wrote(state: str) -> str:
    """What was finished is taken up again; what waited for the customer is the team's again. Else nothing changes."""
    match state:
        case "resolved" | "closed":
            return "reopened"
        case "waiting_customer":
            return "open"
        case _:
            return state


def promised_minutes(facts: Mapping[str, str], department: str, priority: str) -> int:
    """How soon the first reply is promised; 0 when nothing is.

    The fact is `first_reply_minutes`; one with `_<department>`, `_<priority>` or `_<department>_<priority>` after it is more particular.
    """
    for name in (f"{FIRST_REPLY}_{department}_{priority}", f"{FIRST_REPLY}_{priority}", f"{FIRST_REPLY}_{department}", FIRST_REPLY):
        if facts.get(name, "").isdecimal():
            return int(facts[name])
    return 0


def auto_close_hours(facts: Mapping[str, str]) -> int:
    """How long after it was resolved a ticket closes by itself."""
    given = facts.get(AUTO_CLOSE, "")
    return int(given) if given.isdecimal() and int(given) else AUTO_CLOSE_HOURS


def closes_at(facts: Mapping[str, str], resolved_at: int) -> int:
    return resolved_at + auto_close_hours(facts) * HOUR


# --- a bare thanks ---

_WORDS_AT_MOST = 8


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_THANKS = _words(
    "gracias grax thx ty thanks thank thankyou agradecido agradecida cheers perfecto perfect genial great excelente excellent",
    "estupendo fantastico awesome solucionado resuelto solved resolved arreglado fixed",
)
"""One of these must be there."""

_BESIDE = _words(
    "muchas muchisimas mil por todo toda la el tu su vuestra ayuda atencion rapidez respuesta a ti ustedes vosotros equipo ya esta",
    "muy amable amables bien todo ok vale listo de nuevo un saludo saludos adios hasta luego buen dia buenas tardes noches y",
    "funciona eso es",
    "you very much so a lot many for all your the help support quick fast reply response it is now works working that s team everyone",
    "good job well done okay and again bye have nice day ok yes si guys",
)


_CLOSING_SIGNS = re.compile("[\\s.,;:!¡)(\U0001f44d\U0001f64f\U0001f60a\U0001f600\U0001f642\U0001f44c✅❤\ufe0f\U0001f3fb-\U0001f3ff'’-]*")


def is_bare_thanks(text: str) -> bool:
    """Whether a text does nothing but thank and close: short, no question, and not a word that could be news.

    Cautious on purpose: a thanks too many that reopens a ticket costs a glance, a problem taken for a thanks costs a customer.
    """
    plain = fold(text)
    words = re.findall(r"[^\W\d_]+", plain)
    if "?" in text or "¿" in text or len(words) > _WORDS_AT_MOST:
        return False
    if not _CLOSING_SIGNS.fullmatch(re.sub(r"[^\W\d_]+", "", plain)):
        return False
    if not words:
        return bool(re.search("[\U0001f44d\U0001f64f\U0001f60a\U0001f44c✅❤]", text))
    return all(word in _THANKS or word in _BESIDE for word in words) and any(word in _THANKS for word in words)
