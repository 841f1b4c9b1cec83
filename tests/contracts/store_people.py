"""What every store promises of people: who they are, what proves it and what ends that, and the directory they come from."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from conversations.events import CodeSent, ProofEnded, ProofFailed, ProofGiven, decoder
from conversations.model import OwnService
from storage import directory, people, proofs, transcript
from storage.directory import Listed, Plan, Taken, Wanted
from storage.engines import Database
from storage.rows import Account, AccountAddress, CodeCheck, NewCode, Service, Voucher
from tests.contracts.store_rows import NOW, StoreSteps, event, new_id, turn

ANA = Account(11, "C-1", "Ana", "es", "Europe/Madrid", NOW, NOW)


class PeopleContract(StoreSteps):
    async def put(self, database: Database) -> None:
        await self.run(database, f"INSERT INTO account VALUES (11, 'C-1', 'Ana', 'es', 'Europe/Madrid', {NOW}, {NOW})")
        await self.run(
            database,
            "INSERT INTO account_address VALUES "
            f"(11, 'registered', 'ana@example.com', {NOW}, {NOW}), (11, 'billing', 'books@example.com', NULL, {NOW}), "
            f"(12, 'registered', 'ben@example.com', {NOW}, {NOW})",
        )
        await self.run(
            database,
            "INSERT INTO service VALUES (11, '123456', 'web-1', 'dedicated', '[\"192.0.2.7\"]', NULL), "
            f"(11, '123457', 'old', 'vps', '[]', {NOW}), (12, '123458', 'ben-1', 'vps', '[]', NULL)",
        )

    async def test_an_account_is_found_by_its_registered_address_alone(self, database: Database) -> None:
        await self.put(database)
        assert await database.read(lambda conn: people.accounts(conn, "ana@example.com")) == [ANA]
        for other in ("books@example.com", "nobody@example.com", "ben@example.com", ""):
            assert await database.read(lambda conn, other=other: people.accounts(conn, other)) == []  # type: ignore[misc]

    async def test_an_account_has_its_own_addresses_and_services(self, database: Database) -> None:
        await self.put(database)
        assert await database.read(lambda conn: people.addresses(conn, 11)) == [
            AccountAddress(11, "billing", "books@example.com", None, NOW),
            AccountAddress(11, "registered", "ana@example.com", NOW, NOW),
        ]
        assert await database.read(lambda conn: people.services(conn, 11)) == [
            Service(11, "123456", "web-1", "dedicated", '["192.0.2.7"]', None)
        ]
        assert await database.read(lambda conn: people.services(conn, 99)) == []


WEB = "web:site:ana"
MAIL = "email:desk:ana%40example.com"
MINUTE, DAY = 60_000, 86_400_000


def wanted(number: str = "C-1", email: str = "ana@example.com", *services: Listed, billing: str = "") -> Wanted:
    emails = {("registered", email)} | ({("billing", billing)} if billing else set())
    return Wanted(number, f"Name of {number}", "es", "", frozenset(emails), services)


WEB_1 = Listed("123456", "web-1", "dedicated", '["192.0.2.7"]')
MAIL_1 = Listed("123457", "mail-1", "vps", "[]")


class DirectoryContract(StoreSteps):
    async def bring(self, database: Database, *accounts: Wanted, remove_missing: bool = False, now: int = NOW) -> tuple[Plan, int]:
        listed = {account.number: account for account in accounts}
        plan = await database.read(lambda conn: directory.compare(conn, listed, remove_missing))
        return plan, await database.write(lambda conn: directory.apply(conn, plan, new_id, now))

    async def account(self, database: Database, email: str) -> Account | None:
        return next(iter(await database.read(lambda conn: people.accounts(conn, email))), None)

    async def test_what_was_imported_is_there_and_counts_as_verified(self, database: Database) -> None:
        plan, _ = await self.bring(database, wanted("C-1", "ana@example.com", WEB_1, MAIL_1, billing="books@example.com"))
        ana = await self.account(database, "ana@example.com")
        assert ana is not None
        assert ana[1:] == ("C-1", "Name of C-1", "es", "", NOW, NOW)
        kept = await database.read(lambda conn: people.addresses(conn, ana.id))
        assert {(one.category, one.email, one.verified_at) for one in kept} == {
            ("registered", "ana@example.com", NOW),
            ("billing", "books@example.com", NOW),
        }
        services = await database.read(lambda conn: people.services(conn, ana.id))
        assert [service[1:] for service in services] == [(*MAIL_1, None), (*WEB_1, None)]
        assert (plan.created, plan.changed, plan.same, plan.size) == (1, 0, 0, 5)

    async def test_the_same_again_writes_nothing(self, database: Database) -> None:
        accounts = (wanted("C-1", "ana@example.com", WEB_1), wanted("C-2", "ben@example.com"))
        await self.bring(database, *accounts)
        plan, _ = await self.bring(database, *accounts, now=NOW + 9)
        assert (plan.created, plan.changed, plan.same, plan.size) == (0, 0, 2, 0)
        assert await self.ask(database, f"SELECT count(*) FROM account WHERE updated_at > {NOW}") == [(0,)]

    async def test_what_changed_is_changed_and_what_is_not_named_is_left_alone(self, database: Database) -> None:
        await self.bring(
            database, wanted("C-1", "ana@example.com", WEB_1, MAIL_1, billing="a@example.com"), wanted("C-2", "ben@example.com")
        )
        before = await self.account(database, "ana@example.com")
        plan, _ = await self.bring(database, wanted("C-1", "ana@example.org", WEB_1._replace(name="www")), now=NOW + 9)
        after = await self.account(database, "ana@example.org")
        assert before is not None
        assert after is not None
        assert (after.id, after.updated_at) == (before.id, NOW + 9)
        assert await self.account(database, "ana@example.com") is None
        assert await self.account(database, "ben@example.com") is not None
        assert [one.email for one in await database.read(lambda conn: people.addresses(conn, after.id))] == [
            "a@example.com",
            "ana@example.org",
        ]
        assert [one.name for one in await database.read(lambda conn: people.services(conn, after.id))] == ["mail-1", "www"]
        assert (plan.created, plan.changed, plan.same) == (0, 1, 0)

    async def test_what_is_missing_goes_when_that_is_wanted(self, database: Database) -> None:
        await self.bring(
            database, wanted("C-1", "ana@example.com", WEB_1, MAIL_1), wanted("C-2", "ben@example.com", Listed("9", "x", "", "[]"))
        )
        plan, _ = await self.bring(database, wanted("C-1", "ana@example.com", WEB_1), remove_missing=True, now=NOW + 9)
        assert len(plan.accounts_gone) == 1
        assert await self.account(database, "ben@example.com") is None
        assert await self.ask(database, "SELECT number, ended_at FROM service ORDER BY number") == [("123456", None), ("123457", NOW + 9)]
        plan, _ = await self.bring(database, wanted("C-1", "ana@example.com", WEB_1, MAIL_1), now=NOW + 10)
        assert await self.ask(database, "SELECT count(*) FROM service WHERE ended_at IS NULL") == [(2,)]

    async def test_two_accounts_may_swap_their_addresses(self, database: Database) -> None:
        await self.bring(database, wanted("C-1", "ana@example.com"), wanted("C-2", "ben@example.com"))
        await self.bring(database, wanted("C-1", "ben@example.com"), wanted("C-2", "ana@example.com"))
        ana = await self.account(database, "ana@example.com")
        assert ana is not None
        assert ana.number == "C-2"

    async def test_an_address_that_another_account_has_is_told(self, database: Database) -> None:
        await self.bring(database, wanted("C-1", "ana@example.com"))
        plan = await database.read(lambda conn: directory.compare(conn, {"C-2": wanted("C-2", "ana@example.com")}, False))
        assert plan.taken == (("ana@example.com", "C-2", "C-1"),)
        with pytest.raises(Taken):  # somebody who did not look
            await database.write(lambda conn: directory.apply(conn, plan, new_id, NOW))
        assert await self.ask(database, "SELECT count(*) FROM account") == [(1,)]


class ProofsContract(DirectoryContract):
    async def step(self, database: Database, *steps: NewCode | CodeCheck | Voucher, address: str = WEB, now: int = NOW) -> Any:
        """A turn that asks for `steps`; the outcomes of it, which are claimed with the next."""
        await self.accept(database, event(f"p-{new_id()}", address), now=now)
        (claim,) = await self.claim(database, now=now)
        assert await self.commit(database, turn(claim, proofs=steps), now=now)
        claims = await self.claim(database, now=now)
        for one in claims:
            await self.commit(database, turn(one), now=now)
        return [msgspec.structs.replace(decoder.decode(pending.payload), seq=0, at=0) for one in claims for pending in one.events]

    def code(self, hash: str = "right", email: str = "ana@example.com", way: str = "mail") -> NewCode:
        return NewCode(new_id(), email, hash, way, 1000 + new_id() % 100_000, 900, MAIL if way == "mail" else "", "letter")

    def check(self, hash: str, email: str = "ana@example.com", until: int = NOW + DAY) -> CodeCheck:
        return CodeCheck(new_id(), email, hash, until)

    async def started(self, database: Database) -> None:
        await self.bring(database, wanted("C-1", "ana@example.com", WEB_1), wanted("C-2", "ben@example.com", MAIL_1))

    async def test_a_code_that_is_given_back_proves_the_account(self, database: Database) -> None:
        await self.started(database)
        assert await self.step(database, self.code()) == [CodeSent(email="ana@example.com", left=2)]
        (given,) = await self.step(database, self.check("right"), now=NOW + 9)
        ana = await self.account(database, "ana@example.com")
        assert ana is not None
        own = OwnService("123456", "web-1", "dedicated", ("192.0.2.7",))
        assert given == ProofGiven(
            account=ana.id, number="C-1", name="Name of C-1", email="ana@example.com", how="code", until=NOW + DAY, services=(own,)
        )
        assert await self.ask(database, "SELECT address, email, proof, proved_at, until FROM identity") == [
            (WEB, "ana@example.com", "code", NOW + 9, NOW + DAY)
        ]

    async def test_a_code_proves_once(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        await self.step(database, self.check("right"))
        assert await self.step(database, self.check("right")) == [ProofFailed(email="ana@example.com", reason="expired")]

    async def test_a_letter_is_sent_to_a_registered_address_only_and_the_words_are_the_same(self, database: Database) -> None:
        await self.started(database)
        assert await self.step(database, self.code(email="nobody@example.com"), address="web:site:1") == [
            CodeSent(email="nobody@example.com", left=2)
        ]
        assert await self.step(database, self.code(), address="web:site:2") == [CodeSent(email="ana@example.com", left=2)]
        due = await self.due(database)
        assert [(one.address, one.payload) for one in due] == [(MAIL, "letter")]
        for email, address in (("nobody@example.com", "web:site:1"), ("ana@example.com", "web:site:2")):
            assert await self.step(database, self.check("wrong", email), address=address) == [
                ProofFailed(email=email, reason="wrong", left=2)
            ]
        # Not even the code itself helps where nobody is registered.
        assert await self.step(database, self.check("right", "nobody@example.com"), address="web:site:1") == [
            ProofFailed(email="nobody@example.com", reason="wrong", left=1)
        ]

    async def test_three_wrong_codes_make_the_right_one_void(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        told = [await self.step(database, self.check(guess)) for guess in ("a", "b", "c", "right")]
        assert [(one.reason, one.left) for (one,) in told] == [("wrong", 2), ("wrong", 1), ("wrong", 0), ("expired", 0)]

    async def test_a_code_counts_for_ten_minutes(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        (late,) = await self.step(database, self.check("right"), now=NOW + 10 * MINUTE)
        assert late == ProofFailed(email="ana@example.com", reason="expired")
        await self.step(database, self.code("newer"), now=NOW + 10 * MINUTE)
        (given,) = await self.step(database, self.check("newer"), now=NOW + 20 * MINUTE - 1)
        assert isinstance(given, ProofGiven)

    async def test_a_newer_code_makes_the_older_void(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code("old"), self.code("new"))
        assert [type(one) for one in await self.step(database, self.check("old"), self.check("new"))] == [ProofFailed, ProofGiven]

    async def test_a_code_is_no_good_in_another_conversation_or_for_another_address(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        assert [one.reason for one in await self.step(database, self.check("right"), address="web:site:thief")] == ["expired"]
        assert [one.reason for one in await self.step(database, self.check("right", "ben@example.com"))] == ["expired"]

    async def test_codes_are_not_sent_without_end(self, database: Database) -> None:
        await self.started(database)
        told = [(await self.step(database, self.code(email=email)))[0] for email in ("ana@example.com", "x@example.com", "ana@example.com")]
        assert [one.left for one in told] == [2, 1, 0]
        (refused,) = await self.step(database, self.code())
        assert refused == ProofFailed(email="ana@example.com", reason="too_many")
        (again,) = await self.step(database, self.code(), now=NOW + DAY)
        assert isinstance(again, CodeSent)

    async def test_many_chats_cannot_flood_one_mailbox(self, database: Database) -> None:
        await self.started(database)
        told = [(await self.step(database, self.code(), address=f"web:site:{n}"))[0] for n in range(12)]
        assert [isinstance(one, CodeSent) for one in told] == [True] * 10 + [False] * 2

    async def test_who_proved_it_may_ask_for_codes_again(self, database: Database) -> None:
        await self.started(database)
        for _ in range(5):
            assert isinstance((await self.step(database, self.code()))[0], CodeSent)
            assert isinstance((await self.step(database, self.check("right")))[0], ProofGiven)

    async def test_without_mail_there_is_no_code(self, database: Database) -> None:
        await self.started(database)
        assert await self.step(database, self.code(way="")) == [ProofFailed(email="ana@example.com", reason="unavailable")]
        assert await self.step(database, self.code(way="log")) == [CodeSent(email="ana@example.com", left=2, way="log")]
        (claim,) = await self.ask(database, "SELECT shard, conversation FROM challenge")
        live = [await database.read(lambda conn, h=h: proofs.live(conn, claim, "ana@example.com", h)) for h in ("right", "x")]  # type: ignore[misc]
        assert live == [True, False]
        assert await self.due(database) == []

    async def test_the_page_vouches_for_registered_addresses_only(self, database: Database) -> None:
        await self.started(database)
        until = NOW + DAY
        (given,) = await self.step(database, Voucher(new_id(), "ben@example.com", until))
        assert (given.how, given.number, given.until) == ("token", "C-2", until)
        assert await self.step(database, Voucher(new_id(), "nobody@example.com", until), address="web:site:2") == []

    async def test_the_same_commit_twice_counts_once(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        await self.accept(database, event("twice", WEB))
        (claim,) = await self.claim(database)
        once = turn(claim, proofs=(self.check("wrong"),))
        assert await self.commit(database, once)
        assert await self.commit(database, once)
        assert await self.ask(database, "SELECT attempts FROM challenge") == [(1,)]
        assert await self.ask(database, "SELECT count(*) FROM inbox WHERE author = 'system'") == [(2,)]

    async def test_when_the_registered_address_changes_what_it_proved_is_void_and_the_conversation_hears(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        await self.step(database, self.check("right"))
        await self.step(database, self.code("open"), address="web:site:2")
        await self.step(database, Voucher(new_id(), "ben@example.com", NOW + DAY), address="web:site:3")
        _, ended = await self.bring(database, wanted("C-1", "ana@example.org"))
        assert ended == 1
        (claim,) = await self.claim(database)
        assert claim.address == WEB
        assert [decoder.decode(one.payload) for one in claim.events] == [ProofEnded(email="ana@example.com")]
        await self.commit(database, turn(claim))
        assert [one.reason for one in await self.step(database, self.check("open"), address="web:site:2")] == ["expired"]
        assert await self.ask(database, "SELECT email FROM identity") == [("ben@example.com",)]

    async def test_a_code_does_not_prove_an_account_that_got_the_address_later(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        await self.bring(database, wanted("C-1", "ben@example.com"), wanted("C-2", "ana@example.com"))
        assert [one.reason for one in await self.step(database, self.check("right"))] == ["expired"]

    async def test_who_is_removed_has_proved_nothing(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        await self.step(database, self.check("right"))
        _, ended = await self.bring(database, wanted("C-2", "ben@example.com"), remove_missing=True)
        assert ended == 1
        assert await self.ask(database, "SELECT count(*) FROM identity") == [(0,)]

    async def test_what_a_customer_wrote_can_be_replaced_by_what_may_be_kept(self, database: Database) -> None:
        await self.accept(database, event("k", WEB, payload="123456"))
        (claim,) = await self.claim(database)
        await self.commit(database, turn(claim, redactions=((claim.events[0].id, "hidden"),)))
        assert await self.ask(database, "SELECT payload FROM inbox") == [("hidden",)]

    async def test_mail_is_no_part_of_the_chats_transcript(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        ((first, *_),) = await database.read(lambda conn: [transcript.since(conn, [(WEB, 0)], 100)[0]])
        assert first.author == "customer"
        said = await database.read(lambda conn: transcript.since(conn, [(WEB, 0)], 100))
        assert "letter" not in {entry.payload for page in said for entry in page}
        assert await self.ask(database, "SELECT count(*) FROM outbox WHERE payload = 'letter'") == [(1,)]

    async def test_codes_and_proofs_are_forgotten_when_they_are_long_over(self, database: Database) -> None:
        await self.started(database)
        await self.step(database, self.code())
        await self.step(database, self.check("right"))
        assert await database.write(lambda conn: proofs.expire(conn, NOW)) == 0
        assert await database.write(lambda conn: proofs.expire(conn, NOW + 2 * DAY)) == 2

    async def test_an_import_and_a_proof_at_the_same_moment_leave_no_proof_by_an_address_that_is_gone(self, database: Database) -> None:
        await self.bring(database, *(wanted(f"C-{n}", f"c{n}@example.com") for n in range(8)))

        async def prove(n: int) -> None:
            address = f"web:site:{n}"
            await self.accept(database, event("v", address))
            claims = await self.claim(database, f"node{n}", limit=1)
            for claim in claims:
                who = int(claim.address.rpartition(":")[2])
                proving = turn(claim, proofs=(Voucher(new_id(), f"c{who}@example.com", NOW + DAY),))
                await self.commit(database, proving, node=f"node{n}")

        moved = {f"C-{n}": wanted(f"C-{n}", f"new{n}@example.com") for n in range(8)}
        plan = await database.read(lambda conn: directory.compare(conn, moved, False))
        await asyncio.gather(
            *map(prove, range(4)), database.write(lambda conn: directory.apply(conn, plan, new_id, NOW)), *map(prove, range(4, 8))
        )
        assert await self.ask(database, "SELECT email FROM identity") == []
        assert len(await self.ask(database, "SELECT email FROM account_address WHERE email LIKE 'new%'")) == 8
