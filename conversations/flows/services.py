"""The customer's own services, as far as they are proven to be the customer's."""

from __future__ import annotations

from collections.abc import Mapping

from conversations import ownership
from conversations.flows import menu
from conversations.model import Bold, Bullets, Filling, Inline, OwnService, Text
from conversations.turn import Turn

SHOWN = 20

PHRASES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("choice.services", "services.none", "services.list", "services.list_words"), frozenset[str]()),
    "services.more": frozenset({"n"}),
}
"""What is said here, and what each phrase is given."""


def show(turn: Turn) -> None:
    """Called only where conversations.ownership allows it; without a proof there is nothing to show."""
    proof = ownership.proven(turn.state, turn.event.at)
    ways = () if isinstance(turn.frame, Filling) else menu.ways_out(turn)  # a form's own question follows
    if proof is None or not proof.services:
        turn.say(turn.phrase("services.none"), ways)
        return
    more = proof.more + max(0, len(proof.services) - SHOWN)
    rest = turn.phrase("services.more", n=more) if more else ()
    turn.say((*turn.phrase("services.list"), Bullets(tuple(map(line, proof.services[:SHOWN]))), *rest), ways)


def line(service: OwnService) -> tuple[Inline, ...]:
    details = [service.kind, f"#{service.number.lstrip('#')}", ", ".join(service.addresses)]
    return (Bold((Text(service.name or service.number),)), Text("".join(f" · {detail}" for detail in details if detail)))
