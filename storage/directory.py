"""The directory of customers as a billing panel exports it: what differs from what is kept, written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from conversations.events import ProofEnded, encoder
from conversations.identity import REGISTERED
from storage import people_statements, statements
from storage.statements import rows
from storage.turns import wake

T = TypeVar("T")

CHUNK = 2000
"""Rows to a statement: none may run into a database's time limit for one."""


class Listed(NamedTuple):
    """A service as it is wanted; `addresses` is JSON."""

    number: str
    name: str
    kind: str
    addresses: str


class Wanted(NamedTuple):
    """An account as it is wanted. `emails` are (category, address), one of them registered; a category with none is left as it is."""

    number: str
    name: str
    locale: str
    zone: str
    emails: frozenset[tuple[str, str]]
    services: tuple[Listed, ...]


class Plan(NamedTuple):
    """What has to be written. `lost` are registered addresses that an account has no longer; `taken` those that another account has,
    as (address, the account that is to have it, the one that has it), and then nothing may be written.
    """

    accounts: tuple[tuple[str, str, str, str], ...]
    emails: tuple[tuple[str, str, str], ...]
    services: tuple[tuple[str, Listed], ...]
    emails_gone: tuple[tuple[int, str, str], ...]
    services_ended: tuple[tuple[int, str], ...]
    accounts_gone: tuple[int, ...]
    lost: tuple[tuple[int, str], ...]
    taken: tuple[tuple[str, str, str], ...]
    created: int
    changed: int
    same: int

    @property
    def size(self) -> int:
        """How many rows will be written, for a progress bar."""
        return sum(map(len, self[:6]))


class Taken(Exception):
    """Two accounts would have the same registered address: somebody else wrote to the directory meanwhile. Nothing was written."""


class _Kept(NamedTuple):
    id: int
    number: str
    name: str
    locale: str
    zone: str
    emails: set[tuple[str, str]]
    services: dict[str, tuple[Listed, bool]]

    @property
    def registered(self) -> set[str]:
        return {email for category, email in self.emails if category == REGISTERED}


def _kept(conn: Connection) -> dict[str, _Kept]:
    st = people_statements.of(conn)
    found = {row.id: _Kept(row.id, row.number, row.name, row.locale, row.zone, set(), {}) for row in conn.execute(st.all_accounts)}
    for row in conn.execute(st.all_addresses):
        if row.account in found:
            found[row.account].emails.add((row.category, row.email))
    for row in conn.execute(st.all_services):
        if row.account in found:
            listed = Listed(row.number, row.name, row.kind, row.addresses)
            found[row.account].services[row.number] = (listed, row.ended_at is None)
    return {kept.number: kept for kept in found.values()}


def compare(conn: Connection, wanted: Mapping[str, Wanted], remove_missing: bool) -> Plan:
    """What has to be written so that the directory is as `wanted` (by number). Only reads.

    What is not named stays as it is; with `remove_missing` accounts that are not named go, and services that are not end.
    """
    kept = _kept(conn)
    accounts: list[tuple[str, str, str, str]] = []
    emails: list[tuple[str, str, str]] = []
    services: list[tuple[str, Listed]] = []
    emails_gone: list[tuple[int, str, str]] = []
    ended: list[tuple[int, str]] = []
    lost: list[tuple[int, str]] = []
    created = same = 0
    for number, want in wanted.items():
        have = kept.get(number)
        if have is None:
            created += 1
            accounts.append(want[:4])
            emails += [(number, *email) for email in sorted(want.emails)]
            services += [(number, listed) for listed in want.services]
            continue
        before = len(accounts) + len(emails) + len(services) + len(emails_gone) + len(ended)
        named = {category for category, _ in want.emails}
        gone = {(category, email) for category, email in have.emails - want.emails if category in named}
        new = want.emails - have.emails
        if want[1:4] != have[2:5] or any(category == REGISTERED for category, _ in gone | new):
            accounts.append(want[:4])
        emails += [(number, *email) for email in sorted(new)]
        emails_gone += [(have.id, *email) for email in sorted(gone)]
        lost += [(have.id, email) for category, email in sorted(gone) if category == REGISTERED]
        services += [(number, listed) for listed in want.services if have.services.get(listed.number) != (listed, True)]
        if remove_missing:
            listed_here = {listed.number for listed in want.services}
            ended += [(have.id, each) for each, (_, running) in have.services.items() if running and each not in listed_here]
        same += before == len(accounts) + len(emails) + len(services) + len(emails_gone) + len(ended)
    missing = [have for number, have in kept.items() if number not in wanted] if remove_missing else []
    lost += [(have.id, email) for have in missing for email in sorted(have.registered)]
    staying = {email: have.number for number, have in kept.items() if number not in wanted for email in have.registered}
    taken = [] if remove_missing else [(email, number, staying[email]) for number, _, email in _registered(emails) if email in staying]
    return Plan(
        tuple(accounts),
        tuple(emails),
        tuple(services),
        tuple(emails_gone),
        tuple(ended),
        tuple(have.id for have in missing),
        tuple(lost),
        tuple(taken),
        created,
        len(wanted) - created - same,
        same,
    )


def apply(conn: Connection, plan: Plan, ids: Callable[[], int], now: int, written: Callable[[int], object] = lambda n: None) -> int:
    """Write it; `written` is told how many rows more. Returns how many proofs ended. Raises Taken.

    Whoever proved an account by an address that it has no longer, has proved nothing: open codes are void, and each conversation that
    rested on it hears of it, all in this transaction.
    """
    st = people_statements.of(conn)
    # As in a turn: first the queue, then the accounts. Then nobody can prove anything by these addresses until we are done.
    wake(conn, _proven(conn, plan.lost), now)
    for some in _chunks(plan.lost):
        conn.execute(st.lock_accounts, rows((email,) for _, email in some)).all()

    def put(many: statements.Many, values: Sequence[tuple[Any, ...]]) -> None:
        for some in _chunks(values):
            many(conn, some)
            written(len(some))

    def drop(statement: Any, values: Sequence[tuple[Any, ...]], **more: int) -> None:
        for some in _chunks(values):
            conn.execute(statement, {**rows(some), **more})
            written(len(some))

    drop(st.drop_addresses, plan.emails_gone)
    drop(st.end_services, plan.services_ended, now=now)
    for gone in _chunks(plan.accounts_gone):
        for statement in st.drop_accounts:
            conn.execute(statement, rows((id,) for id in gone))
        written(len(gone))
    put(st.put_accounts, [(ids(), *account, now, now) for account in plan.accounts])
    numbers = sorted({number for number, *_ in (*plan.emails, *plan.services)})
    id_of = {number: id for those in _chunks(numbers) for number, id in conn.execute(st.account_ids, rows((each,) for each in those)).all()}
    # What the panel vouches for needs no link to be followed.
    put(st.put_addresses, [(id_of[number], category, email, now, now) for number, category, email in plan.emails])
    put(st.put_services, [(id_of[number], *listed, None) for number, listed in plan.services])
    for new in _chunks([(email,) for _, _, email in _registered(plan.emails)]):
        if twice := [email for (email,) in conn.execute(st.registered_twice, rows(new)).all()]:
            raise Taken(", ".join(twice))
    return _end_proofs(conn, plan.lost, ids, now)


def _end_proofs(conn: Connection, lost: Sequence[tuple[int, str]], ids: Callable[[], int], now: int) -> int:
    st = people_statements.of(conn)
    events = []
    for shard, conversation, email in _proven(conn, lost, with_email=True):
        id = ids()
        events.append((shard, conversation, id, "system", f"proof:{id}", encoder.encode(ProofEnded(email=email)).decode(), now))
    for some in _chunks(lost):
        conn.execute(st.void_challenges, rows((email,) for _, email in some))
        conn.execute(st.drop_identities, rows(some))
    wake(conn, {event[:2] for event in events}, now)
    statements.of(conn).add_events(conn, events)
    return len(events)


def _proven(conn: Connection, lost: Sequence[tuple[int, str]], with_email: bool = False) -> list[Any]:
    """The conversations in which one of these addresses proved the account."""
    st = people_statements.of(conn)
    found = [tuple(row) for some in _chunks(lost) for row in conn.execute(st.proven_by, rows(some)).all()]
    return found if with_email else [row[:2] for row in found]


def _registered(emails: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [email for email in emails if email[1] == REGISTERED]


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
