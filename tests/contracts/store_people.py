"""What every store promises of people: an account is found by its registered address alone, with what belongs to it."""

from __future__ import annotations

from storage import people
from storage.engines import Database
from storage.rows import Account, AccountAddress, Service
from tests.contracts.store_rows import NOW, StoreSteps

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
        assert await database.read(lambda conn: people.account_by_email(conn, "ana@example.com")) == ANA
        for other in ("books@example.com", "nobody@example.com", "ben@example.com", ""):
            assert await database.read(lambda conn, other=other: people.account_by_email(conn, other)) is None  # type: ignore[misc]

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
