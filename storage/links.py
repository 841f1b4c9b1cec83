"""Conversations of one person: part of a turn's commit, which makes and takes link codes, joins and parts, and passes on what is told.

All of it is one transaction with the turn: a code is spent with what came of it, and a form leaves one conversation with the event that
brings it to the other. Every conversation that may hear of it is locked in its place in the queue, in key order and before anything is
read, so that two people who link crosswise wait for each other in turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from conversations.events import Event, LinkFailed, LinkOffered, LinksChanged, ProofEnded, encoder
from conversations.identity import LINK_CODES, LINK_MINUTES, LINK_TRIES, LINKS
from conversations.model import Linked
from conversations.moments import HOUR, MINUTE
from storage import link_statements, people_statements, proofs, statements
from storage.link_rows import Disproof, LinkAgreed, LinkRefusal, LinkTry, NewLinkCode, Passing, Unlinking
from storage.rows import CodeCheck, Turn, Voucher
from storage.schema import shard_of
from storage.statements import DUE, rows

INTERACTIVE = 0

Key = tuple[int, int]


class _Code(NamedTuple):
    """In the order of its table's columns."""

    shard: int
    conversation: int
    code_hash: str = ""
    expires_at: int = 0
    taken_by: int = 0
    codes: int = 0
    codes_since: int = 0
    tries: int = 0
    tries_since: int = 0


class _Member(NamedTuple):
    """A conversation of a person's."""

    shard: int
    conversation: int
    person: int
    proof: str
    linked_at: int
    address: str

    @property
    def platform(self) -> str:
        return self.address.partition(":")[0]


class _Identity(NamedTuple):
    """What was proven in a conversation."""

    conversation: int
    address: str
    account: int
    email: str
    proof: str
    proved_at: int
    until: int


def concerned(conn: Connection, turns: Sequence[Turn]) -> list[Key]:
    """Every conversation whose queue must be held for what these turns ask: their own, and all that may hear of it. In key order."""
    asking = [turn for turn in turns if turn.links or any(isinstance(step, CodeCheck | Voucher) for step in turn.proofs)]
    if not asking:
        return []
    st = link_statements.of(conn)
    own = {turn.claim[:2] for turn in asking}
    hashes = [(step.code_hash,) for turn in asking for step in turn.links if isinstance(step, LinkTry)]
    if hashes:
        own |= {(row.shard, row.conversation) for row in conn.execute(st.find_codes, rows(hashes))}
    named = {step.peer for turn in asking for step in turn.links if isinstance(step, LinkAgreed | Unlinking) and step.peer}
    named |= {step.to for turn in asking for step in turn.links if isinstance(step, Passing)}
    own |= {(shard_of(id), id) for id in named}
    found = {(row.shard, row.conversation) for row in conn.execute(st.groups, rows(sorted(own)))}
    known = {(row.shard, row.id) for row in conn.execute(st.find_places, rows(sorted(own)))}
    return sorted((own & known) | found | {turn.claim[:2] for turn in turns})


def follow(conn: Connection, turns: Sequence[Turn], now: int) -> set[Key]:
    """Do what the turns ask for, in their order; what comes of it are events. Returns the conversations that have some."""
    events: list[tuple[int, int, int, str, str, str, int]] = []
    for turn in turns:
        if turn.links or any(isinstance(step, CodeCheck | Voucher) for step in turn.proofs):
            events += _Follow(conn, turn, now).events()
    statements.of(conn).add_events(conn, events)
    return {event[:2] for event in events}


def expire(conn: Connection, before: int) -> int:
    """Forget codes that expired before `before` (epoch ms), and what was counted before it. Returns how many."""
    return len(conn.execute(link_statements.of(conn).expire_codes, {"before": before}).all())


class _Follow:
    """What one turn asks for."""

    def __init__(self, conn: Connection, turn: Turn, now: int) -> None:
        self._conn = conn
        self._st = link_statements.of(conn)
        self._turn = turn
        self._place: Key = turn.claim[:2]
        self._now = now
        self._told: list[tuple[Key, str]] = []

    def events(self) -> Iterator[tuple[int, int, int, str, str, str, int]]:
        for step in self._turn.links:
            match step:
                case NewLinkCode():
                    self._offer(step)
                case LinkTry(code_hash):
                    self._try(code_hash)
                case LinkAgreed(peer):
                    self._agree(peer)
                case Unlinking(peer):
                    self._part(peer)
                case LinkRefusal():
                    self._tell(self._place, LinkFailed(reason="shared"))
                case Passing(to, payload, back):
                    joined = any(member.conversation == to for member in self._group(self._place))
                    self._told.append(((shard_of(to), to), payload) if joined else (self._place, back))
                case Disproof():
                    self._conn.execute(self._st.drop_identities_of, rows([self._place]))
        if any(isinstance(step, CodeCheck | Voucher) for step in self._turn.proofs):
            self._lend(self._group(self._place))
        # A turn comes with as many ids as it can need; should there ever be more to tell, it must not be half told.
        for (place, payload), id in zip(self._told, self._turn.ids[: len(self._told)], strict=True):
            yield (*place, id, "system", f"link:{id}", payload, self._now)

    def _tell(self, place: Key, event: Event) -> None:
        self._told.append((place, encoder.encode(event).decode()))

    # --- codes ---

    def _code_of(self, place: Key) -> _Code:
        row = self._conn.execute(self._st.codes_of, rows([place])).first()
        return _Code(*place) if row is None else _Code(*row)

    def _put(self, code: _Code) -> None:
        self._st.put_code(self._conn, [code])

    def _offer(self, step: NewLinkCode) -> None:
        before = self._code_of(self._place)
        if before.codes_since <= self._now - HOUR:
            before = before._replace(codes=0, codes_since=self._now)
        if before.codes >= LINK_CODES:
            self._tell(self._place, LinkFailed(reason="codes"))
            return
        expires = self._now + LINK_MINUTES * MINUTE
        self._put(before._replace(code_hash=step.code_hash, expires_at=expires, taken_by=0, codes=before.codes + 1))
        to, now = self._turn.claim.address, self._now
        letter = (*self._place, step.version, step.ord, to.partition(":")[0], to, step.letter, DUE, INTERACTIVE, now, now, now)
        statements.of(self._conn).add_messages(self._conn, [letter])

    def _try(self, code_hash: str) -> None:
        """A right code is spent at once, whoever else has it too; what it is for waits until the customer agrees."""
        mine = self._code_of(self._place)
        if mine.tries_since <= self._now - HOUR:
            mine = mine._replace(tries=0, tries_since=self._now)
        if mine.tries >= LINK_TRIES:
            self._tell(self._place, LinkFailed(reason="tries"))
            return
        row = self._conn.execute(self._st.find_codes, rows([(code_hash,)])).first()
        found = None if row is None else _Code(*row)
        if found is None or found.expires_at <= self._now:
            self._put(mine._replace(tries=mine.tries + 1))
            self._tell(self._place, LinkFailed(reason="wrong", left=LINK_TRIES - mine.tries - 1))
            return
        giver = found[:2]
        if giver == self._place:
            self._tell(self._place, LinkFailed(reason="own"))
            return
        hers, his = self._group(giver), self._group(self._place)
        if any(member[:2] == giver for member in his):
            self._tell(self._place, LinkFailed(reason="already"))
        elif max(1, len(hers)) + max(1, len(his)) > LINKS:
            self._tell(self._place, LinkFailed(reason="full"))
        else:
            until = self._now + LINK_MINUTES * MINUTE
            self._put(found._replace(code_hash="", expires_at=until, taken_by=self._place[1]))
            self._tell(self._place, LinkOffered(peer=giver[1], platform=self._platform(giver)))

    def _agree(self, peer: int) -> None:
        giver = (shard_of(peer), peer)
        code = self._code_of(giver)
        if code.taken_by != self._place[1] or code.expires_at <= self._now:
            self._tell(self._place, LinkFailed(reason="lapsed"))
            return
        self._put(code._replace(taken_by=0))
        hers, his = self._group(giver), self._group(self._place)
        if any(member[:2] == giver for member in his):
            self._tell(self._place, LinkFailed(reason="already"))
            return
        if max(1, len(hers)) + max(1, len(his)) > LINKS:
            self._tell(self._place, LinkFailed(reason="full"))
            return
        person = hers[0].person if hers else his[0].person if his else peer
        rewritten = [(*member[:2], person, member.proof, member.linked_at) for member in (*hers, *his)]
        new = [(*place, person, "code", self._now) for place, group in ((giver, hers), (self._place, his)) if not group]
        # Those of one side hear of the other's from now on.
        self._st.put_links(self._conn, sorted(rewritten + new))
        group = self._group(giver)
        mine = {self._place, *(member[:2] for member in his)}
        for member in group:
            with_giver = member[:2] not in mine
            other = self._place if with_giver else giver
            what: Literal["given", "redeemed", "joined"] = (
                "given" if member[:2] == giver else "redeemed" if member[:2] == self._place else "joined"
            )
            self._changed(member, what, other[1], self._platform(other), group)
        self._lend(group)

    # --- who is one person ---

    def _group(self, place: Key) -> list[_Member]:
        return [_Member(*row) for row in self._conn.execute(self._st.groups, rows([place]))]

    def _platform(self, place: Key) -> str:
        row = self._conn.execute(self._st.find_places, rows([place])).first()
        return "" if row is None else str(row.address).partition(":")[0]

    def _changed(
        self,
        member: _Member,
        what: Literal["given", "redeemed", "joined", "left", "lost"],
        peer: int,
        platform: str,
        group: Iterable[_Member],
    ) -> None:
        links = tuple(
            Linked(each.conversation, each.platform, max(each.linked_at, member.linked_at)) for each in group if each[:2] != member[:2]
        )
        self._tell(member[:2], LinksChanged(what=what, peer=peer, platform=platform, links=links))

    def _part(self, peer: int) -> None:
        group = self._group(self._place)
        gone = next((member for member in group if member.conversation == (peer or self._place[1])), None)
        if gone is None:
            self._tell(self._place, LinkFailed(reason="gone"))
            return
        rest = [member for member in group if member is not gone]
        dropped = [gone, *(rest if len(rest) == 1 else [])]
        self._conn.execute(self._st.drop_links, rows(member[:2] for member in dropped))
        by = next((member.platform for member in group if member[:2] == self._place), gone.platform)
        self._changed(gone, "left", gone.conversation, by, ())
        for member in rest:
            self._changed(member, "lost", gone.conversation, gone.platform, rest)
        self._take_back([gone])
        self._take_back(rest)

    # --- proofs that are lent ---

    def _identities(self, group: Sequence[_Member]) -> list[_Identity]:
        """Newest first; those that count no longer are none."""
        places = rows(member[:2] for member in group)
        found = (_Identity(*row) for row in self._conn.execute(self._st.identities, places))
        return [each for each in found if each.until > self._now]

    def _lend(self, group: Sequence[_Member]) -> None:
        """Where nothing was proven itself, what was last proven in another chat of the person counts, as old and as long as there."""
        if len(group) < 2:
            return
        # An address that is being taken away is waited for, and then not found any more.
        proofs.lock(self._conn, {each.email for each in self._identities(group)})
        found = self._identities(group)
        own = [each for each in found if each.proof != "link"]
        if not own:
            return
        lent = own[0]
        account = proofs.registered(self._conn, lent.email)
        if account is None or account.id != lent.account:
            return
        provers = {each.conversation for each in own}
        have: defaultdict[int, set[tuple[int, str, int]]] = defaultdict(set)
        for each in found:
            have[each.conversation].add((each.account, each.email, each.proved_at))
        for member in group:
            if member.conversation in provers or (lent.account, lent.email, lent.proved_at) in have[member.conversation]:
                continue
            row = (member.address, lent.account, lent.email, "link", lent.proved_at, lent.until)
            people_statements.of(self._conn).put_identity(self._conn, [row])
            self._tell(member[:2], proofs.given(self._conn, account, lent.email, "link", lent.until, lent.proved_at))

    def _take_back(self, side: Sequence[_Member]) -> None:
        """A lent proof stays only where it is lent from is still among them."""
        found = self._identities(side)
        own = {(each.account, each.email) for each in found if each.proof != "link"}
        over = [each for each in found if each.proof == "link" and (each.account, each.email) not in own]
        self._conn.execute(self._st.drop_identities, rows((each.address,) for each in over))
        for each in over:
            self._tell((shard_of(each.conversation), each.conversation), ProofEnded(email=each.email))
