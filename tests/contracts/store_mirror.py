"""What every store promises of edits and deletions: found in their own conversation, applied whole and once, nothing else touched."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from storage import mirror, tickets, turns
from storage.engines import Database
from storage.rows import Claim, EntryMirror, NewChange, NewEntry, NewRequest, RequestMirror, Ticket, TicketMirror, Turn
from tests.contracts.store_rows import ADDRESS, NOW, StoreSteps, event, turn
from tests.contracts.store_tickets import OPENING, TICKET

SAID = '{"type":"message","text":"since yesterdai"}'
REQUEST = NewRequest("r1", "AAAA-BBBB", "en", "a question\nof two lines\nand more", "", "", "")
WORDS = TicketMirror("k1", "Up", "It is up", '{"details":"It is up"}', "[]", NOW + 1, None)
ENTRY = EntryMirror("k1", 0, "since yesterday", "[]", NOW + 1, None)


class Dies(Exception):
    """The process is gone at this very place."""


class MirrorContract(StoreSteps):
    async def written(self, database: Database, address: str = ADDRESS) -> Claim:
        """A ticket with a reply that came as `m1`; a claim of what came after."""
        await self.accept(database, event("m1", address, SAID))
        [claim] = await self.claim(database)
        entry = NewEntry("k1", claim.events[0].id, "customer", "Ana", "since yesterdai", "[]", NOW)
        done = turn(claim, tickets=(TICKET,), changes=(OPENING,), entries=(entry,), requests=(REQUEST,))
        assert await self.commit(database, done)
        await self.accept(database, event("e1", address))
        [claim] = await self.claim(database)
        return claim

    async def looked_up(self, database: Database, key: str, claim: Claim) -> mirror.Found:
        return await database.read(lambda conn: mirror.find(conn, claim[:2], key))

    async def edit(self, database: Database, claim: Claim) -> Turn:
        found = await self.looked_up(database, "m1", claim)
        assert found.message is not None
        return turn(
            claim,
            changes=(NewChange("k1", claim.events[0].id, "customer", "memory", "new", "new", "edited", NOW),),
            redactions=((found.message.id, "NOW"), (claim.events[0].id, "EMPTY")),
            mirrored=(WORDS, ENTRY._replace(id=found.message.id), RequestMirror("of two lines", "of one line")),
        )

    async def stands(self, database: Database) -> tuple[Ticket, tickets.History]:
        [ticket] = await database.read(tickets.list_all)
        return ticket, await database.read(lambda conn: tickets.history(conn, ticket))

    async def test_a_message_is_found_by_its_key_with_what_became_of_it(self, database: Database) -> None:
        claim = await self.written(database)
        found = await self.looked_up(database, "m1", claim)
        assert found.message is not None
        assert (found.message.payload, found.message.entries) == (SAID, ("k1",))
        assert [ticket.key for ticket in found.tickets] == ["k1"]

    async def test_one_that_is_not_there_not_decided_or_not_of_this_conversation_is_not_found(self, database: Database) -> None:
        claim = await self.written(database)
        assert await self.looked_up(database, "m2", claim) == (None, ())
        assert await self.looked_up(database, "e1", claim) == (None, ())
        [other] = await self.accept(database, event("m1", "memory:desk:eve"))
        stranger = claim._replace(shard=other.shard, conversation=other.conversation)
        assert await self.looked_up(database, "m1", stranger) == (None, ())

    async def test_at_which_address_an_event_came(self, database: Database) -> None:
        await self.written(database)
        await self.accept(database, event("m1", "memory:desk:eve"), event("m2", "memory:desk:eve"))
        asked = (("m1", [ADDRESS]), ("m2", [ADDRESS, "memory:desk:eve"]), ("m2", [ADDRESS]), ("e1", [ADDRESS]), ("m1", ["memory:desk:no"]))
        found = [await database.read(lambda conn: mirror.place(conn, among, key)) for key, among in asked]  # noqa: B023
        assert found == [ADDRESS, "memory:desk:eve", None, ADDRESS, None]

    async def test_what_was_sent_under_keys_of_messages_from_one_of_them_on(self, database: Database) -> None:
        await self.written(database)
        await self.accept(database, *(event(key, ADDRESS, SAID) for key in ("m0", "m3", "m2", "i9")), event("m4", "memory:desk:eve", SAID))

        async def said(address: str, since: str, limit: int = 9) -> list[str]:
            found = await database.read(lambda conn: mirror.said(conn, address, since, limit))
            assert {payload for _, payload in found} <= {SAID}
            return [key for key, _ in found]

        assert await said(ADDRESS, "m1") == ["m3", "m2", "m1"]
        assert await said(ADDRESS, "m0", 2) == ["m3", "m2"]
        assert await said("memory:desk:eve", "m1") == ["m4"]
        assert await said("memory:desk:no", "m0") == []

    async def test_words_are_changed_wherever_they_went_and_nothing_else_is(self, database: Database) -> None:
        claim = await self.written(database)
        before, _ = await self.stands(database)
        assert await self.commit(database, await self.edit(database, claim), now=NOW + 5)
        after, history = await self.stands(database)
        words = before._replace(title="Up", text="It is up", answers='{"details":"It is up"}')
        assert after == words._replace(edited_at=NOW + 1, updated_at=NOW + 5)
        [entry] = history.entries
        assert (entry.text, entry.at, entry.edited_at, entry.deleted_at) == ("since yesterday", NOW, NOW + 1, None)
        assert [change.note for change in history.changes] == ["", "edited"]
        assert await self.ask(database, "SELECT payload FROM inbox ORDER BY id") == [("NOW",), ("EMPTY",)]
        assert await self.ask(database, "SELECT text FROM request") == [("a question\nof one line\nand more",)]

    async def test_killed_at_the_commit_it_is_applied_once(self, database: Database) -> None:
        """Dead before the end of the transaction, nothing of it is there; dead after it, the same commit again changes nothing."""
        claim = await self.written(database)
        before = await self.stands(database)
        edit = await self.edit(database, claim)

        def dying(conn: Connection) -> None:
            turns.commit(conn, "a", [edit], NOW + 5)
            raise Dies

        with pytest.raises(Dies):
            await database.write(dying)
        assert await self.stands(database) == before
        assert await self.ask(database, "SELECT payload FROM inbox ORDER BY id") == [(SAID,), ("{}",)]
        assert await self.commit(database, edit, now=NOW + 5)
        after = await self.stands(database)
        assert await self.commit(database, edit, now=NOW + 9)
        assert await self.stands(database) == after
        assert len(after[1].changes) == 2
        assert await self.ask(database, "SELECT text FROM request") == [("a question\nof one line\nand more",)]

    async def test_of_a_request_only_whole_lines_are_replaced(self, database: Database) -> None:
        claim = await self.written(database)
        lines = (RequestMirror("more", "less"), RequestMirror("", "x"), RequestMirror("a question\nof two lines", ""))
        await self.commit(database, turn(claim, mirrored=lines))
        assert await self.ask(database, "SELECT text FROM request") == [("and more",)]
