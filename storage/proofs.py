"""One-time codes and what they prove: part of a turn's commit, which sends a code, checks one, and puts what came of it into the inbox.

All of it is one transaction with the turn: a code cannot be tried without the try being counted, nor proven without the code being
spent, whenever the process dies; and a turn that is applied twice is applied once.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from conversations.events import CodeSent, Event, ProofFailed, ProofGiven, encoder
from conversations.identity import CODE_MINUTES, SENDS, SENDS_TO_ONE, SERVICES_KEPT, TRIES
from conversations.model import OwnService
from conversations.moments import DAY, MINUTE
from storage import people, people_statements, statements
from storage.rows import Account, CodeCheck, NewCode, Service, Turn, Voucher
from storage.statements import CANCELLED, DUE, rows

INTERACTIVE = 0


class _Challenge(NamedTuple):
    """In the order of its table's columns, after the conversation."""

    email: str
    account: int | None
    code_hash: str
    sends: int
    attempts: int
    created_at: int
    expires_at: int


Key = tuple[int, int]


def follow(conn: Connection, turns: Sequence[Turn], now: int) -> None:
    """Do what the turns ask for, in their order; what comes of each is an event of its conversation."""
    lock(conn, {step.email for turn in turns for step in turn.proofs})
    events = []
    for turn in turns:
        place = turn.claim[:2]
        for step in turn.proofs:
            match step:
                case NewCode():
                    outcome: Event | None = _send(conn, place, step, now)
                case CodeCheck():
                    outcome = _check(conn, place, turn.claim.address, step, now)
                case Voucher():
                    outcome = _vouch(conn, turn.claim.address, step, now)
            if outcome is not None:
                events.append((*place, step.id, "system", f"proof:{step.id}", encoder.encode(outcome).decode(), now))
    statements.of(conn).add_events(conn, events)


def live(conn: Connection, place: Key, email: str, code_hash: str) -> bool:
    """Whether this code was kept and would prove something: only then is there anything to be told of it."""
    found = _challenges(conn, place).get(email)
    return found is not None and found.account is not None and hmac.compare_digest(found.code_hash, code_hash)


def expire(conn: Connection, before: int) -> int:
    """Forget codes that expired before `before` (epoch ms), and what was counted of them; proofs too. Returns how many."""
    st = people_statements.of(conn)
    gone = conn.execute(st.expire_challenges, {"before": before}).all()
    return len(gone) + len(conn.execute(st.expire_identities, {"before": before}).all())


def lock(conn: Connection, emails: Iterable[str]) -> None:
    """Let nobody take these addresses away from their accounts until this transaction has ended."""
    # An import that takes one of these addresses away locks the same rows: either it sees what is proven here, or we see that it is gone.
    # Read afterwards and not with the lock, which would give what stood before it was waited for.
    conn.execute(people_statements.of(conn).lock_accounts, rows((email,) for email in sorted(emails))).all()


def _challenges(conn: Connection, place: Key) -> dict[str, _Challenge]:
    found = conn.execute(people_statements.of(conn).challenges, {"at_shard": place[0], "at_conversation": place[1]})
    return {row.email: _Challenge(*row) for row in found}


def _put(conn: Connection, place: Key, challenge: _Challenge) -> None:
    people_statements.of(conn).put_challenge(conn, [(*place, *challenge)])


def registered(conn: Connection, email: str) -> Account | None:
    """The account that a conversation is proven to speak for. It is one account's: of several, the oldest."""
    return next(iter(people.accounts(conn, email)), None)


def _send(conn: Connection, place: Key, step: NewCode, now: int) -> Event:
    """The same is done whether the address is registered or not, down to a letter that is written and never sent."""
    st = people_statements.of(conn)
    account = registered(conn, step.email)
    here = {email: one for email, one in _challenges(conn, place).items() if one.created_at > now - DAY}
    sends = sum(one.sends for one in here.values())
    to_it: int = conn.scalar(st.sends_to, {"email": step.email, "since": now - DAY}) or 0
    if not step.way:
        return ProofFailed(email=step.email, reason="unavailable")
    if sends >= SENDS or to_it >= SENDS_TO_ONE:
        return ProofFailed(email=step.email, reason="too_many")
    before = here.get(step.email)
    _put(
        conn,
        place,
        _Challenge(
            step.email,
            account.id if account else None,
            step.code_hash,
            (before.sends if before else 0) + 1,
            0,
            before.created_at if before else now,
            now + CODE_MINUTES * MINUTE,
        ),
    )
    if step.to:
        status = DUE if account else CANCELLED
        letter = (*place, step.version, step.ord, step.to.partition(":")[0], step.to, step.letter, status, INTERACTIVE, now, now, now)
        statements.of(conn).add_messages(conn, [letter])
    return CodeSent(email=step.email, left=SENDS - sends - 1, way="mail" if step.way == "mail" else "log")


def _check(conn: Connection, place: Key, address: str, step: CodeCheck, now: int) -> Event:
    account = registered(conn, step.email)
    kept = _challenges(conn, place).get(step.email)
    if kept is None or not kept.code_hash or kept.expires_at <= now:
        return ProofFailed(email=step.email, reason="expired")
    right = hmac.compare_digest(kept.code_hash, step.code_hash)
    # Whoever is registered there now must be who was when the code was sent.
    if right and account is not None and account.id == kept.account:
        _put(conn, place, kept._replace(code_hash="", sends=0, attempts=0))
        return _given(conn, address, account, "code", step, now)
    attempts = kept.attempts + 1
    over = attempts >= TRIES
    _put(conn, place, kept._replace(code_hash="" if over else kept.code_hash, attempts=attempts))
    return ProofFailed(email=step.email, reason="wrong", left=TRIES - attempts)


def _vouch(conn: Connection, address: str, step: Voucher, now: int) -> Event | None:
    account = registered(conn, step.email)
    return None if account is None else _given(conn, address, account, "token", step, now)


def _given(conn: Connection, address: str, account: Account, how: Literal["code", "token"], step: CodeCheck | Voucher, now: int) -> Event:
    people_statements.of(conn).put_identity(conn, [(address, account.id, step.email, how, now, step.until)])
    return given(conn, account, step.email, how, step.until)


def given(conn: Connection, account: Account, email: str, how: Literal["code", "token", "link"], until: int, at: int = 0) -> ProofGiven:
    """What a conversation is told of a proof; `at` is when it was proven, if that was elsewhere and before."""
    services = people.services(conn, account.id)
    return ProofGiven(
        account=account.id,
        number=account.number,
        name=account.name,
        email=email,
        how=how,
        until=until,
        services=tuple(map(_own, services[:SERVICES_KEPT])),
        more=max(0, len(services) - SERVICES_KEPT),
        proved_at=at,
    )


def _own(service: Service) -> OwnService:
    return OwnService(service.number, service.name, service.kind, tuple(json.loads(service.addresses)))
