"""What every store promises of linked conversations: codes that count once, who is one person, what is passed on, lent proofs."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from conversations.events import DraftWanted, LinkFailed, LinkOffered, LinksChanged, NotPassed, ProofEnded, ProofGiven, decoder
from conversations.identity import LINK_CODES, LINK_TRIES, LINKS
from conversations.model import Linked
from storage import links
from storage.engines import Database
from storage.link_rows import LinkAgreed, LinkRefusal, LinkStep, LinkTry, NewLinkCode, Passing, Unlinking
from storage.rows import Claim, StoredEvent, Voucher
from tests.contracts.store_people import DirectoryContract, wanted
from tests.contracts.store_rows import NOW, event, new_id, turn

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
TELEGRAM, WEB, SLACK = "telegram:bot:1", "web:site:2", "slack:desk:D3"
PASSED = DraftWanted(key="k")


def passing(to: int) -> Passing:
    return Passing(to, msgspec.json.encode(PASSED).decode(), msgspec.json.encode(NotPassed(what="draft_wanted")).decode())


def steps(claim: Claim, *asked: Any) -> Any:
    """A turn that asks for them."""
    here = tuple(step for step in asked if not isinstance(step, Voucher))
    proofs = tuple(step for step in asked if isinstance(step, Voucher))
    codes = (step._replace(version=claim.version + 1) if isinstance(step, NewLinkCode) else step for step in here)
    return turn(claim, links=tuple(codes), proofs=proofs, ids=tuple(new_id() for _ in range(60)))


class LinksContract(DirectoryContract):
    async def meet(self, database: Database, *addresses: str) -> list[int]:
        """Their conversations, which have said something and been answered."""
        return [await self.link_turn(database, address) for address in addresses]

    async def link_turn(self, database: Database, address: str, *asked: LinkStep | Voucher, now: int = NOW, node: str = "a") -> int:
        (stored,) = await self.accept(database, event(f"l-{new_id()}", address), now=now)
        claims = [claim for claim in await self.claim(database, node, now=now) if claim.address == address]
        # What was told to others waits for them.
        kept = ", ".join(str(claim.conversation) for claim in claims)
        await self.run(database, f"UPDATE work SET owner = NULL, lease_until = 0 WHERE conversation NOT IN ({kept})")
        assert await self.commit(database, *(steps(claim, *asked) for claim in claims), now=now, node=node)
        return stored.conversation

    async def told(self, database: Database, now: int = NOW) -> dict[int, list[Any]]:
        """What each conversation has in its inbox, which is then decided."""
        claims = await self.claim(database, "reader", now=now + DAY)
        for claim in claims:
            await self.commit(database, turn(claim), node="reader", now=now + DAY)
        return {
            claim.conversation: [msgspec.structs.replace(decoder.decode(each.payload), seq=0, at=0) for each in claim.events]
            for claim in claims
            if claim.events
        }

    async def link(self, database: Database, giver: str, redeemer: str, code: str = "c1", now: int = NOW) -> tuple[int, int]:
        one = await self.link_turn(database, giver, NewLinkCode(code, 0, 900, "letter"), now=now)
        other = await self.link_turn(database, redeemer, LinkTry(code), now=now)
        await self.link_turn(database, redeemer, LinkAgreed(one), now=now)
        return one, other

    async def rows(self, database: Database) -> list[tuple[Any, ...]]:
        return await self.ask(database, "SELECT conversation, person, proof FROM link ORDER BY conversation")

    async def test_a_code_that_is_given_back_and_agreed_to_links_the_two(self, database: Database) -> None:
        one, other = await self.meet(database, TELEGRAM, WEB)
        await self.link_turn(database, TELEGRAM, NewLinkCode("c1", 0, 900, "letter"))
        assert [due.payload for due in await self.due(database) if due.payload == "letter"] == ["letter"]
        await self.link_turn(database, WEB, LinkTry("c1"))
        assert await self.rows(database) == []
        assert await self.told(database) == {other: [LinkOffered(peer=one, platform="telegram")]}
        await self.link_turn(database, WEB, LinkAgreed(one), now=NOW + 5)
        assert await self.rows(database) == [(one, one, "code"), (other, one, "code")]
        assert await self.told(database, NOW + 5) == {
            one: [LinksChanged(what="given", peer=other, platform="web", links=(Linked(other, "web", NOW + 5),))],
            other: [LinksChanged(what="redeemed", peer=one, platform="telegram", links=(Linked(one, "telegram", NOW + 5),))],
        }

    async def test_a_code_counts_once_and_for_ten_minutes(self, database: Database) -> None:
        one, other, third = await self.meet(database, TELEGRAM, WEB, SLACK)
        await self.link_turn(database, TELEGRAM, NewLinkCode("c1", 0, 900, "letter"))
        await self.link_turn(database, WEB, LinkTry("c1"))
        await self.link_turn(database, SLACK, LinkTry("c1"))
        assert await self.told(database) == {
            other: [LinkOffered(peer=one, platform="telegram")],
            third: [LinkFailed(reason="wrong", left=LINK_TRIES - 1)],
        }
        # Only who gave it back can agree.
        await self.link_turn(database, SLACK, LinkAgreed(one))
        assert await self.told(database) == {third: [LinkFailed(reason="lapsed")]}
        await self.link_turn(database, WEB, LinkAgreed(one), now=NOW + 10 * MINUTE)
        assert await self.told(database, NOW + 10 * MINUTE) == {other: [LinkFailed(reason="lapsed")]}
        await self.link_turn(database, TELEGRAM, NewLinkCode("c2", 0, 900, "letter"), now=NOW + HOUR)
        await self.link_turn(database, WEB, LinkTry("c2"), now=NOW + HOUR + 10 * MINUTE)
        assert [type(each) for each in (await self.told(database, NOW + 2 * HOUR))[other]] == [LinkFailed]
        assert await self.rows(database) == []

    async def test_a_newer_code_takes_the_place_of_the_one_before(self, database: Database) -> None:
        _, other = await self.meet(database, TELEGRAM, WEB)
        for code in ("c1", "c2"):
            await self.link_turn(database, TELEGRAM, NewLinkCode(code, 0, 900, "letter"))
        await self.link_turn(database, WEB, LinkTry("c1"))
        assert await self.told(database) == {other: [LinkFailed(reason="wrong", left=LINK_TRIES - 1)]}

    async def test_codes_and_tries_are_counted(self, database: Database) -> None:
        one, other = await self.meet(database, TELEGRAM, WEB)
        for n in range(LINK_CODES + 1):
            await self.link_turn(database, TELEGRAM, NewLinkCode(f"c{n}", 0, 900, "letter"))
        assert await self.told(database) == {one: [LinkFailed(reason="codes")]}
        for n in range(1, LINK_TRIES + 1):
            await self.link_turn(database, WEB, LinkTry(f"no{n}"))
            assert await self.told(database) == {other: [LinkFailed(reason="wrong", left=LINK_TRIES - n)]}
        # Not even the right one, now.
        await self.link_turn(database, WEB, LinkTry(f"c{LINK_CODES - 1}"))
        assert await self.told(database) == {other: [LinkFailed(reason="tries")]}
        assert await self.ask(database, "SELECT count(*) FROM outbox WHERE payload = 'letter'") == [(LINK_CODES,)]
        later = NOW + HOUR + 1
        await self.link_turn(database, TELEGRAM, NewLinkCode("later", 0, 900, "letter"), now=later)
        await self.link_turn(database, WEB, LinkTry("later"), now=later)
        assert await self.told(database, later) == {other: [LinkOffered(peer=one, platform="telegram")]}

    async def test_ones_own_code_and_that_of_a_linked_chat_link_nothing(self, database: Database) -> None:
        one, other = await self.link(database, TELEGRAM, WEB)
        await self.told(database)
        before = await self.rows(database)
        await self.link_turn(database, WEB, NewLinkCode("c2", 0, 900, "letter"))
        await self.link_turn(database, WEB, LinkTry("c2"))
        await self.link_turn(database, TELEGRAM, LinkTry("c2"))
        assert await self.told(database) == {other: [LinkFailed(reason="own")], one: [LinkFailed(reason="already")]}
        assert await self.rows(database) == before

    async def test_where_several_people_read_nothing_is_linked(self, database: Database) -> None:
        (one,) = await self.meet(database, "telegram:bot:-100")
        await self.link_turn(database, "telegram:bot:-100", LinkRefusal())
        assert await self.told(database) == {one: [LinkFailed(reason="shared")]}

    async def test_three_chats_are_one_person_whichever_way_they_were_linked(self, database: Database) -> None:
        one, other = await self.link(database, TELEGRAM, WEB)
        _, third = await self.link(database, WEB, SLACK, "c2")
        assert {person for _, person, _ in await self.rows(database)} == {one}
        told = await self.told(database)
        assert [each.what for each in told[one]] == ["given", "joined"]
        assert {each.id for each in told[third][-1].links} == {one, other}
        assert [(each.peer, each.platform) for each in told[one]] == [(other, "web"), (third, "slack")]

    async def test_two_people_of_two_chats_each_become_one(self, database: Database) -> None:
        one, other = await self.link(database, TELEGRAM, WEB)
        third, fourth = await self.link(database, SLACK, "discord:bot:4", "c2")
        await self.told(database)
        await self.link_turn(database, SLACK, NewLinkCode("c3", 0, 900, "letter"))
        await self.link_turn(database, WEB, LinkTry("c3"))
        await self.link_turn(database, WEB, LinkAgreed(third))
        told = await self.told(database)
        assert {len(each[-1].links) for each in told.values()} == {3}
        assert {id: each[-1].peer for id, each in told.items()} == {one: third, other: third, third: other, fourth: other}
        assert len({person for _, person, _ in await self.rows(database)}) == 1

    async def test_one_person_has_so_many_chats_and_no_more(self, database: Database) -> None:
        for n in range(1, LINKS):
            await self.link(database, TELEGRAM, f"web:site:{n}", f"c{n}", now=NOW + n * HOUR)
        assert len(await self.rows(database)) == LINKS
        await self.told(database, NOW + 20 * HOUR)
        _, over = await self.meet(database, TELEGRAM, SLACK)
        await self.link_turn(database, TELEGRAM, NewLinkCode("over", 0, 900, "letter"))
        await self.link_turn(database, SLACK, LinkTry("over"))
        assert (await self.told(database))[over] == [LinkFailed(reason="full")]
        assert len(await self.rows(database)) == LINKS

    async def test_a_link_is_undone_from_either_side(self, database: Database) -> None:
        for undoing, other in ((TELEGRAM, WEB), (WEB, TELEGRAM)):
            one, two = await self.link(database, TELEGRAM, WEB, f"c-{undoing}")
            me, they = (one, two) if undoing == TELEGRAM else (two, one)
            await self.told(database)
            await self.link_turn(database, undoing, Unlinking(they))
            assert await self.rows(database) == []
            platform = undoing.partition(":")[0], other.partition(":")[0]
            assert await self.told(database) == {
                me: [LinksChanged(what="lost", peer=they, platform=platform[1])],
                they: [LinksChanged(what="left", peer=they, platform=platform[0])],
            }
            await self.link_turn(database, undoing, Unlinking(they))
            assert await self.told(database) == {me: [LinkFailed(reason="gone")]}

    async def test_who_leaves_three_leaves_two(self, database: Database) -> None:
        one, other = await self.link(database, TELEGRAM, WEB)
        _, third = await self.link(database, WEB, SLACK, "c2")
        await self.told(database)
        await self.link_turn(database, TELEGRAM, Unlinking(0))
        told = await self.told(database)
        assert {id: (each[-1].what, len(each[-1].links)) for id, each in told.items()} == {
            one: ("left", 0),
            other: ("lost", 1),
            third: ("lost", 1),
        }
        assert {conversation for conversation, _, _ in await self.rows(database)} == {other, third}

    async def test_what_is_passed_arrives_at_a_linked_chat_alone(self, database: Database) -> None:
        one, other = await self.link(database, TELEGRAM, WEB)
        (stranger,) = await self.meet(database, SLACK)
        await self.told(database)
        await self.link_turn(database, WEB, passing(one), passing(stranger))
        assert await self.told(database) == {one: [PASSED], other: [NotPassed(what="draft_wanted")]}

    async def test_a_step_applied_twice_is_applied_once(self, database: Database) -> None:
        one, other = await self.link(database, TELEGRAM, WEB)
        await self.told(database)
        await self.accept(database, event("again", WEB))
        (claim,) = await self.claim(database)
        same = steps(claim, passing(one), Unlinking(one))
        for _ in range(2):
            assert await self.commit(database, same)
        told = await self.told(database)
        assert [type(each) for each in told[one]] == [DraftWanted, LinksChanged]
        assert [type(each) for each in told[other]] == [LinksChanged]

    # --- at the same moment ---

    async def both(self, database: Database, *asked: tuple[str, LinkStep]) -> None:
        """Each asked for on a node of its own, all at once."""
        stored: list[StoredEvent] = []
        for address, _ in asked:
            stored += await self.accept(database, event(f"b-{new_id()}", address))
        claims: dict[str, tuple[Claim, str]] = {}
        for node in ("n1", "n2") * 2:  # some are woken for nothing
            claims |= {claim.address: (claim, node) for claim in await self.claim(database, node, limit=1)}
        await asyncio.gather(*(self.commit(database, steps(claims[address][0], step), node=claims[address][1]) for address, step in asked))

    async def test_two_who_give_back_one_code_at_the_same_moment(self, database: Database) -> None:
        await self.meet(database, TELEGRAM, WEB, SLACK)
        await self.link_turn(database, TELEGRAM, NewLinkCode("c1", 0, 900, "letter"))
        await self.both(database, (WEB, LinkTry("c1")), (SLACK, LinkTry("c1")))
        told = [each for events in (await self.told(database)).values() for each in events]
        assert sorted(type(each).__name__ for each in told) == ["LinkFailed", "LinkOffered"]

    @pytest.mark.parametrize("round", range(3))
    async def test_two_who_link_crosswise_at_the_same_moment_are_linked_once(self, database: Database, round: int) -> None:
        one, other = await self.meet(database, TELEGRAM, WEB)
        await self.link_turn(database, TELEGRAM, NewLinkCode("c1", 0, 900, "letter"))
        await self.link_turn(database, WEB, NewLinkCode("c2", 0, 900, "letter"))
        await self.both(database, (TELEGRAM, LinkTry("c2")), (WEB, LinkTry("c1")))
        await self.told(database)
        await self.both(database, (TELEGRAM, LinkAgreed(other)), (WEB, LinkAgreed(one)))
        told = [each for events in (await self.told(database)).values() for each in events]
        assert sorted(each.what if isinstance(each, LinksChanged) else each.reason for each in told) == ["already", "given", "redeemed"]
        assert len(await self.rows(database)) == 2

    # --- proofs that are lent ---

    async def people(self, database: Database) -> None:
        await self.bring(database, wanted("C-1", "ana@example.com"), wanted("C-2", "ben@example.com"))

    def proving(self, email: str = "ana@example.com") -> Voucher:
        return Voucher(new_id(), email, NOW + DAY)

    async def identities(self, database: Database) -> list[tuple[Any, ...]]:
        return await self.ask(database, "SELECT address, email, proof, proved_at, until FROM identity ORDER BY address")

    async def test_what_was_proven_counts_in_the_linked_chat_as_old_as_it_is(self, database: Database) -> None:
        await self.people(database)
        await self.link_turn(database, TELEGRAM, self.proving())
        await self.told(database)
        _, other = await self.link(database, TELEGRAM, WEB, now=NOW + 9)
        given = (await self.told(database, NOW + 9))[other][-1]
        assert isinstance(given, ProofGiven)
        assert (given.how, given.email, given.proved_at, given.until) == ("link", "ana@example.com", NOW, NOW + DAY)
        assert await self.identities(database) == [
            (TELEGRAM, "ana@example.com", "token", NOW, NOW + DAY),
            (WEB, "ana@example.com", "link", NOW, NOW + DAY),
        ]

    async def test_what_is_proven_later_is_lent_too_and_a_proof_of_ones_own_is_kept(self, database: Database) -> None:
        await self.people(database)
        _, other = await self.link(database, TELEGRAM, WEB)
        await self.told(database)
        await self.link_turn(database, TELEGRAM, self.proving(), now=NOW + 1)
        assert [each.how for each in (await self.told(database))[other]] == ["link"]
        await self.link_turn(database, WEB, self.proving("ben@example.com"), now=NOW + 2)
        assert [(address, email, proof) for address, email, proof, *_ in await self.identities(database)] == [
            (TELEGRAM, "ana@example.com", "token"),
            (WEB, "ben@example.com", "token"),
        ]

    async def test_a_lent_proof_ends_with_the_link(self, database: Database) -> None:
        await self.people(database)
        await self.link_turn(database, TELEGRAM, self.proving())
        one, other = await self.link(database, TELEGRAM, WEB)
        await self.told(database)
        await self.link_turn(database, TELEGRAM, Unlinking(other))
        told = await self.told(database)
        assert told[other][-1] == ProofEnded(email="ana@example.com")
        assert not any(isinstance(each, ProofEnded) for each in told[one])
        assert [row[0] for row in await self.identities(database)] == [TELEGRAM]

    async def test_a_lent_proof_ends_when_its_lender_leaves_the_others(self, database: Database) -> None:
        await self.people(database)
        await self.link_turn(database, TELEGRAM, self.proving())
        await self.link(database, TELEGRAM, WEB)
        await self.link(database, WEB, SLACK, "c2")
        await self.told(database)
        assert [row[2] for row in await self.identities(database)] == ["link", "token", "link"]
        await self.link_turn(database, TELEGRAM, Unlinking(0))
        assert [row[0] for row in await self.identities(database)] == [TELEGRAM]

    async def test_a_lent_proof_ends_when_the_address_is_the_accounts_no_longer(self, database: Database) -> None:
        await self.people(database)
        await self.link_turn(database, TELEGRAM, self.proving())
        one, other = await self.link(database, TELEGRAM, WEB)
        await self.told(database)
        await self.bring(database, wanted("C-1", "ana@example.org"))
        ended = [ProofEnded(email="ana@example.com")]
        assert await self.told(database) == {one: ended, other: ended}
        assert await self.identities(database) == []
        # Nor is it lent to who comes later.
        _, third = await self.link(database, TELEGRAM, SLACK, "c2")
        assert not any(isinstance(each, ProofGiven) for each in (await self.told(database))[third])

    async def test_what_is_over_is_not_lent(self, database: Database) -> None:
        await self.people(database)
        await self.link_turn(database, TELEGRAM, self.proving())
        await self.told(database)
        _, other = await self.link(database, TELEGRAM, WEB, now=NOW + DAY)
        assert [type(each) for each in (await self.told(database, NOW + DAY))[other]] == [LinksChanged]

    async def test_an_import_and_a_link_at_the_same_moment_leave_no_proof_by_an_address_that_is_gone(self, database: Database) -> None:
        from storage import directory

        await self.people(database)
        await self.link_turn(database, TELEGRAM, self.proving())
        one, _ = await self.meet(database, TELEGRAM, WEB)
        await self.link_turn(database, TELEGRAM, NewLinkCode("c1", 0, 900, "letter"))
        await self.link_turn(database, WEB, LinkTry("c1"))
        plan = await database.read(lambda conn: directory.compare(conn, {"C-1": wanted("C-1", "new@example.com")}, False))
        await asyncio.gather(
            self.link_turn(database, WEB, LinkAgreed(one)), database.write(lambda conn: directory.apply(conn, plan, new_id, NOW))
        )
        assert len(await self.rows(database)) == 2
        assert await self.identities(database) == []
        told = await self.told(database)
        for events in told.values():
            proofs = [type(each) for each in events if isinstance(each, ProofGiven | ProofEnded)]
            assert not proofs or proofs[-1] is ProofEnded

    async def test_codes_are_forgotten_when_they_are_long_over(self, database: Database) -> None:
        await self.link(database, TELEGRAM, WEB)
        assert await database.write(lambda conn: links.expire(conn, NOW)) == 0
        assert await database.write(lambda conn: links.expire(conn, NOW + DAY)) == 1
        assert len(await self.rows(database)) == 2
