"""What goes to the customer's e-mail as well: that a ticket was opened, what the team writes, and that it is done with."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from conversations.effects import Mail
from conversations.identity import mailbox
from conversations.model import Attachment, Break, Doc, Inline, Message, OwnTicket, Paragraph, Text
from conversations.turn import Turn

EXCERPT = 600

PHRASES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("mail.ways", "mail.sent"), frozenset[str]()),
    "mail.opened": frozenset({"title"}),
}


def addressed(turn: Turn, own: OwnTicket, email: str) -> OwnTicket:
    """The ticket with the address that its copies go to."""
    return replace(own, email=mailbox(turn.state.email) or mailbox(email))


def copy(turn: Turn, own: OwnTicket, doc: Doc, files: tuple[Attachment, ...] = ()) -> None:
    """Say it by mail as well: to the proven address, else to the one that the ticket was sent with. Nothing can be pressed in a mail,

    so instead of choices it says where to go on.
    """
    email = mailbox(turn.state.email) or own.email
    if email:
        said = (*doc, *turn.phrase("mail.ways"))
        turn.do(Mail(email, Message(said, turn.locale, files=files, subject=f"[{own.number}] {own.title}", about=own.number)))


def confirm(turn: Turn, own: OwnTicket, opened: Doc, details: str) -> None:
    """That a ticket was opened: its number, the promise, and what was sent, in short.

    What was written is in it only when the address is proven. An address that is merely typed may be anybody's, and the desk must not
    carry strangers' words to them.
    """
    sent: Doc = ()
    if turn.state.email:
        short = details if len(details) <= EXCERPT else details[:EXCERPT].rstrip() + "…"
        sent = (*turn.phrase("mail.sent"), written(short))
    copy(turn, own, (*turn.phrase("mail.opened", title=own.title), *opened, *sent))


def written(text: str) -> Paragraph:
    """What a person wrote, line by line, as it is."""
    leaves: list[Inline] = []
    for line in text.splitlines():
        leaves += [*([Break()] if leaves else []), Text(line)]
    return Paragraph(tuple(leaves))
