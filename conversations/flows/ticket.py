"""The ticket: its form with the critical-incident block and the financial branch, what is known beforehand, and its opening."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import MaxLen
from msgspec import to_builtins
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from conversations import ownership
from conversations.assets import find_assets, read_assets
from conversations.assets import remarks as asset_remarks
from conversations.diagnostics import recognise
from conversations.effects import CountOutcome, MirrorTicket, OpenTicket
from conversations.events import MessageReceived, Opened
from conversations.flows import copies, my_tickets
from conversations.forms import Ask, Condition, Form
from conversations.identity import EMAIL, mailbox
from conversations.mentions import find_time
from conversations.model import Attachment, Filling, OwnTicket
from conversations.moments import MINUTE, Moment, clock_shown, day_shown, shown, typed
from conversations.money import amount_shown, read_amount, read_invoice
from conversations.tickets import promised_minutes
from conversations.times import read_day, read_time
from conversations.turn import Guide, Turn
from conversations.values import Occasion, Remark, Wrong
from conversations.wording import wording_of

SUBSTANCE = 15
"""Characters from which what was said before is worth being the description."""

TITLE_LIMIT = 80
SERVICE_LIMIT = 120

SERVICES_OFFERED = 10

WORDS = ("service", "origin", "diagnostics", "details")
"""The fields that hold what was typed, as it was typed."""

TITLED = frozenset({"service", "details"})
"""Those of them that a title may be made of."""

PHRASES: Mapping[str, frozenset[str]] = {
    "email.unclear": frozenset({"typed"}),
    "ticket.not_own": frozenset({"assets"}),
    "ticket.team_checks": frozenset(),
}


def read_email(text: str, occasion: Occasion) -> str:
    """An e-mail address. Raises Wrong."""
    found = EMAIL.search(text[:200])
    if found is None:
        raise Wrong("email.unclear", near="@" in text, typed=text.strip()[:60])
    return found.group()


def find_email(text: str, occasion: Occasion) -> str | None:
    found = EMAIL.search(text)
    return found.group() if found else None


def _by(read: Any) -> BeforeValidator:
    """A reader of (text, occasion) as a step of the check."""

    def check(raw: Any, info: ValidationInfo) -> Any:
        if not isinstance(raw, str):
            raise Wrong("form.unclear", typed=str(raw)[:60])
        return read(raw, info.context)

    return BeforeValidator(check)


def _assets(raw: Any) -> list[str]:
    return read_assets(raw if isinstance(raw, str) else " ".join(map(str, raw)) if isinstance(raw, list) else "")


def _moment(written: str) -> Moment:
    return Moment.parse(written) or Moment(0, "UTC")


def _diagnosed(text: str) -> list[Remark]:
    return [remark for report in recognise(text)[:3] for remark in report.remarks()]


class File(BaseModel):
    """An attachment, as an answer keeps it."""

    model_config = ConfigDict(extra="ignore")
    id: Annotated[str, MaxLen(200)]
    name: Annotated[str, MaxLen(255)] = ""
    mime: Annotated[str, MaxLen(127)] = ""
    size: int = 0
    note: Annotated[str, MaxLen(2000)] = ""


Assets = Annotated[list[str], BeforeValidator(_assets)]
Instant = Annotated[str, _by(lambda text, occasion: str(read_time(text, occasion)))]
Day = Annotated[str, _by(read_day)]
Amount = Annotated[str, _by(read_amount)]
Invoice = Annotated[str, _by(read_invoice)]
Email = Annotated[str, _by(read_email)]

TECHNICAL: Condition = {"department": "technical"}
HIGH: Condition = {"priority": "high"}
CRITICAL: Condition = {"department": "technical", "priority": "high"}
FINANCIAL: Condition = {"department": "financial"}
ON_THE_NETWORK: Condition = {**CRITICAL, "symptom": ("unreachable", "slow", "loss", "ddos")}


class Ticket(BaseModel):
    """Fields are asked in this order; answers are kept under these names."""

    department: Annotated[str, Ask("ticket.department", choices="departments")]
    priority: Annotated[str, Ask("ticket.priority", choices="priorities", hint="ticket.priority.hint")]
    reason: Annotated[
        str | None,
        Ask(
            "ticket.reason",
            when=CRITICAL,
            choices="reasons",
            hint="ticket.reason.hint",
            instead=("ticket.reason.none", "priority", "regular"),
        ),
    ] = None
    urgency: Annotated[
        str | None,
        Ask(
            "ticket.urgency",
            when={**FINANCIAL, **HIGH},
            choices="billing_reasons",
            hint="ticket.reason.hint",
            instead=("ticket.reason.none", "priority", "regular"),
        ),
    ] = None
    symptom: Annotated[str | None, Ask("ticket.symptom", when=CRITICAL, choices="symptoms")] = None
    assets: Annotated[
        Assets | None,
        Ask(
            "ticket.assets",
            when=TECHNICAL,
            required=HIGH,
            hint="ticket.assets.hint",
            remarks=asset_remarks,
            found=lambda said, occasion: find_assets(said) or None,
        ),
    ] = None
    service: Annotated[
        str | None, MaxLen(SERVICE_LIMIT), Ask("ticket.service", when=TECHNICAL, required=HIGH, hint="ticket.service.hint")
    ] = None
    since: Annotated[
        Instant | None,
        Ask(
            "ticket.since",
            when=CRITICAL,
            hint="ticket.since.hint",
            shown=lambda value, locale: shown(_moment(value), locale),
            editable=lambda value: typed(_moment(value)),
            found=find_time,
        ),
    ] = None
    ongoing: Annotated[Literal["yes", "intermittent", "over"] | None, Ask("ticket.ongoing", when=CRITICAL)] = None
    scope: Annotated[Literal["one", "several", "account"] | None, Ask("ticket.scope", when=CRITICAL)] = None
    origin: Annotated[str | None, MaxLen(200), Ask("ticket.origin", when=ON_THE_NETWORK, required=False, hint="ticket.origin.hint")] = None
    change: Annotated[Literal["none", "reboot", "update", "firewall", "migration", "other"] | None, Ask("ticket.change", when=CRITICAL)] = (
        None
    )
    diagnostics: Annotated[
        str | None,
        MaxLen(8000),
        Ask("ticket.diagnostics", when=CRITICAL, required=False, long=True, hint="ticket.diagnostics.hint", remarks=_diagnosed),
    ] = None
    reboot: Annotated[Literal["yes", "ask_first", "no"] | None, Ask("ticket.reboot", when=CRITICAL)] = None
    invoice: Annotated[Invoice | None, Ask("ticket.invoice", when=FINANCIAL, required=False, hint="ticket.invoice.hint")] = None
    amount: Annotated[
        Amount | None, Ask("ticket.amount", when=FINANCIAL, required=False, hint="ticket.amount.hint", shown=amount_shown)
    ] = None
    method: Annotated[str | None, Ask("ticket.method", when=FINANCIAL, required=False, choices="methods")] = None
    paid_on: Annotated[Day | None, Ask("ticket.paid_on", when=FINANCIAL, required=False, hint="ticket.paid_on.hint", shown=day_shown)] = (
        None
    )
    details: Annotated[str, MaxLen(4000), Ask("ticket.details", long=True, hint="ticket.details.hint")]
    files: Annotated[list[File] | None, MaxLen(10), Ask("ticket.files", required=False, files=True, hint="ticket.files.hint")] = None
    email: Annotated[Email | None, Ask("ticket.email", required=False, hint="ticket.email.hint", found=find_email)] = None


FORM = Form("ticket", 1, Ticket)


def begin(turn: Turn) -> dict[str, Any]:
    """What the conversation already tells: the last question as the description, files that came, a proven address."""
    state = turn.state
    known: dict[str, Any] = {}
    # A question that was answered is no problem to be described.
    if len(state.question) >= SUBSTANCE and (not state.topic or "?" not in state.question):
        known["details"] = state.question
    if state.files:
        known["files"] = [to_builtins(file) for file in state.files]
    if state.email:
        known["email"] = state.email
    return known


def known(turn: Turn, field: str) -> tuple[str, ...]:
    """Whose account is proven picks the service from its own."""
    if field != "service" or (proof := ownership.proven(turn.state, turn.event.at)) is None:
        return ()
    names = dict.fromkeys(service.name or f"#{service.number.lstrip('#')}" for service in proof.services)
    return tuple(name[:SERVICE_LIMIT] for name in names)[:SERVICES_OFFERED]


def remarks(turn: Turn, field: str, value: Any) -> list[Remark]:
    """What the account has to do with a value: it is taken in any case, for who is in trouble must not be kept waiting."""
    state, at = turn.state, turn.event.at
    if field == "reboot" and value == "yes" and not ownership.allows(state, "reboot", at, turn.knowledge.desk.facts):
        return [Remark("ticket.team_checks")]
    if field == "assets" and (proof := ownership.proven(state, at)) is not None and (others := ownership.foreign(value, proof)):
        return [Remark("ticket.not_own", {"assets": ", ".join(others[:5])})]
    return []


def send(turn: Turn, filling: Filling, answers: dict[str, Any]) -> None:
    """Open the ticket and say what happens next. The draft's key is the ticket's, so that it opens once however often it is sent."""
    state = turn.state
    high = answers.get("priority") == "high"
    department, priority = answers.get("department", ""), answers.get("priority", "regular")
    minutes = promised_minutes(turn.knowledge.desk.facts, department, priority)
    due = turn.event.at + minutes * MINUTE
    subject = title(turn, answers)
    email = state.email or answers.get("email", "")
    # Kept in the form in which it is looked for: whoever proves to have this mailbox finds the ticket.
    email = mailbox(email) or email
    proof = ownership.proven(state, turn.event.at)
    turn.do(CountOutcome("ticket", state.topic))
    turn.do(
        OpenTicket(
            key=filling.key,
            number=filling.number,
            form=filling.form,
            version=filling.version,
            locale=turn.locale,
            department=department,
            priority=priority,
            title=subject,
            text=answers["details"],
            answers={name: value for name, value in answers.items() if name != "files"},
            files=tuple(Attachment(**file) for file in answers.get("files", ())),
            due_at=due,
            topic=state.topic,
            name=state.name,
            email=email,
            proof=proof.how if proof else "",
            proved_at=proof.at if proof else 0,
            account=proof.number if proof else "",
        )
    )
    turn.remember(ticket=filling.key, ticket_number=filling.number, question="", asked_at=0, topic="", files=(), misses=0)
    own = copies.addressed(turn, OwnTicket(filling.key, filling.number, subject, opened_at=turn.event.at), email)
    my_tickets.keep(turn, own)
    by = clock_shown(Moment(due, turn.knowledge.desk.time_zone), turn.locale)
    opened = turn.phrase("ticket.opened_high" if high else "ticket.opened", number=filling.number, minutes=minutes, due=by)
    where = turn.phrase("ticket.reply_mail", email=email) if email else turn.phrase("ticket.reply_here")
    turn.say((*opened, *where))
    copies.confirm(turn, own, opened, answers["details"])


def title(turn: Turn, answers: Mapping[str, Any]) -> str:
    """One line for lists: the symptom with what it is about, or how the description begins."""
    wording = wording_of(turn.knowledge, turn.locale)
    about = next(iter(answers.get("assets", ())), "") or answers.get("service", "") or answers.get("invoice", "")
    if "symptom" in answers:
        begins = wording.shown(FORM.by_name["symptom"], answers["symptom"])
    else:
        first = re.split(r"(?<=[.!?])\s|\n", answers["details"].strip(), maxsplit=1)[0]
        begins = first if len(first) <= TITLE_LIMIT else first[: TITLE_LIMIT - 1].rstrip() + "…"
        # A title has no full stop, least of all one in the middle of a mail's subject. Dots that trail off stay.
        begins = begins if begins.endswith("..") else begins.removesuffix(".")
    return f"{begins} · {about}" if about and about not in begins else begins


# --- what becomes of it when the messages it came from are changed ---


def mirrored(turn: Turn, opened: Opened, before: MessageReceived, now: MessageReceived) -> MirrorTicket | None:
    """The ticket with the words of a message as they are `now`, and without its files when it is deleted; None when it has none of them.

    What was read from words (a choice, a time, an amount, an address) is no longer the customer's text, and stays.
    """
    words = before.text.split()
    names = [name for name in WORDS if words and isinstance(said := opened.answers.get(name), str) and said.split() == words]
    dropped = {file.id for file in before.files} if now.deleted else set()
    files = tuple(file for file in opened.files if file.id not in dropped)
    if not names and files == opened.files:
        return None
    answers = dict(opened.answers)
    for name in names:
        answers[name] = now.text.strip()[: FORM.by_name[name].limit]
        if not answers[name] and name != "details":
            del answers[name]
    named = opened.ticket.title
    if not TITLED.isdisjoint(names):
        untitled = turn.knowledge.texts.label("ticket.mirrored_title", turn.locale)
        named = title(turn, {**answers, "details": answers.get("details") or untitled})
    return MirrorTicket(
        key=opened.ticket.key,
        title=named,
        text=answers["details"] if "details" in names else opened.text,
        answers=answers,
        files=files,
        edited_at=opened.edited_at if now.deleted else now.edited,
        deleted_at=now.deleted or opened.deleted_at,
    )


def cut_at(answers: Mapping[str, Any], now: MessageReceived) -> int:
    """How many characters a field took of a text that is longer, or 0."""
    said = now.text.strip()
    limits = [limit for name in WORDS if (limit := FORM.by_name[name].limit) < len(said) and answers.get(name) == said[:limit]]
    return max(limits, default=0)


GUIDE = Guide(FORM, begin, send, known, remarks)
