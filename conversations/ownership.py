"""Whose account it is: how sensitive the things are that the desk does, and whether what was proven is enough for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Literal

from conversations.model import Proof, State
from conversations.moments import HOUR, MINUTE

Sensitivity = Literal["public", "account", "critical"]

SENSITIVITY: Mapping[str, Sensitivity] = {
    "services": "account",
    "reboot": "critical",
}
"""What the desk does that is not for everybody: by the action of a choice, or by the field of a form that consents to it.

public: for whoever asks. account: for whom the account was proven to be. critical: for whom it was proven only just now.
"""

PROOF_HOURS = 24
FRESH_MINUTES = 15
"""Where the desk says nothing else (the facts proof_hours and proof_fresh_minutes)."""


def proof_ms(facts: Mapping[str, str]) -> int:
    """How long a proof counts."""
    return _number(facts, "proof_hours", PROOF_HOURS) * HOUR


def proven(state: State, at: int) -> Proof | None:
    """The proof that counts at this time, if there is one. One from the future is none, but for clocks that differ a little."""
    proof = state.proof
    return proof if proof is not None and proof.at - MINUTE <= at < proof.until else None


def allows(state: State, action: str, at: int, facts: Mapping[str, str]) -> bool:
    """Whether what is proven is enough for `action`. This is the one place where that is decided."""
    match SENSITIVITY.get(action, "public"):
        case "public":
            return True
        case "account":
            return proven(state, at) is not None
        case "critical":
            proof = proven(state, at)
            return proof is not None and at - proof.at < _number(facts, "proof_fresh_minutes", FRESH_MINUTES) * MINUTE


def foreign(assets: Iterable[str], proof: Proof) -> list[str]:
    """Those addresses and order numbers (as conversations.assets writes them) that are none of the account's own.

    None are when not all of its services are known here.
    """
    if proof.more:
        return []
    numbers = {service.number.lstrip("#") for service in proof.services}
    own = [ip_interface(address) for service in proof.services for address in service.addresses]
    return [asset for asset in assets if not (asset[1:] in numbers if asset.startswith("#") else _within(ip_interface(asset), own))]


def _within(asset: IPv4Interface | IPv6Interface, own: Iterable[IPv4Interface | IPv6Interface]) -> bool:
    return any(asset.version == each.version and asset.network.subnet_of(each.network) for each in own)  # type: ignore[arg-type]


def _number(facts: Mapping[str, str], name: str, otherwise: int) -> int:
    written = facts.get(name, "")
    return int(written) if written.isascii() and written.isdecimal() else otherwise
