"""What every store promises of kept files: every place that may refer to one is read to its end, and tells of it."""

from __future__ import annotations

import msgspec

from conversations.events import FormAnswered, MessageReceived, encoder
from conversations.model import Attachment
from storage import references
from storage.engines import Database
from storage.rows import NewMessage
from tests.contracts.store_rows import StoreSteps, event, new_id, turn
from tests.contracts.store_tickets import OPENING, TICKET, entry


def digest(number: int) -> str:
    return f"{number:064x}"


def listed(*numbers: int) -> str:
    return msgspec.json.encode([Attachment(f"{digest(number)}.proof", "a.png") for number in numbers]).decode()


class ReferencesContract(StoreSteps):
    async def referred(self, database: Database, limit: int) -> list[str]:
        found: set[str] = set()
        for place in references.PLACES:
            part = references.Part((), None)
            while True:
                after = part.last
                part = await database.read(lambda conn, place=place, after=after: references.read(conn, place, after, limit))  # type: ignore[misc]
                found |= references.digests(part.texts)
                if part.last is None:
                    break
        return sorted(found)

    async def test_every_file_that_is_referred_to_is_found(self, database: Database) -> None:
        files = (Attachment(digest(1), "a.png"),)
        came = encoder.encode(MessageReceived(text=f'a "quoted" word, {digest(90)}', files=files)).decode()
        filled = encoder.encode(FormAnswered(form="f", version=1, answers={"files": [{"id": digest(2)}]}, key="1.0")).decode()
        await self.accept(database, event("a", payload=came), event("b", "memory:desk:ben", payload=filled))
        first, second = await self.claim(database)
        said = NewMessage(first.version + 1, 0, f'{{"files":{listed(3)}}}', 0, "")
        ticket = TICKET._replace(files=listed(5), answers=f'{{"shots":{listed(6, 7)}}}')
        opened = turn(first, state=f'{{"draft":{listed(4)}}}', tickets=(ticket,), changes=(OPENING,))._replace(messages=(said,))
        assert await self.commit(database, opened, turn(second, tickets=(TICKET,), changes=(OPENING,)))
        await self.accept(database, event("c", "memory:desk:eva"))
        (third,) = await self.claim(database)
        ticket = TICKET._replace(key="k9")
        entries = tuple(entry("more", id=new_id())._replace(ticket="k9", files=listed(number)) for number in (8, 9))
        assert await self.commit(database, turn(third, tickets=(ticket,), changes=(OPENING._replace(ticket="k9"),), entries=entries))
        for limit in (1, 2, 3, 100):
            assert await self.referred(database, limit) == [digest(number) for number in range(1, 10)]

    async def test_no_row_is_passed_over(self, database: Database) -> None:
        numbers = range(1, 41)
        for number in numbers:
            await self.accept(database, event("k", f"memory:desk:{number}", payload=listed(number)))
        assert await self.referred(database, 7) == [digest(number) for number in numbers]
        assert await self.referred(database, 40) == [digest(number) for number in numbers]
