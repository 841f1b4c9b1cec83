"""The statements about people: accounts, their addresses and services, who proved to be whom, and codes that were sent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, Text, bindparam, delete, func, select, update
from sqlalchemy.engine import Dialect

from storage.schema import account, account_address, address, challenge, identity, service
from storage.statements import Builder

REGISTERED = account_address.c.category == "registered"


class PeopleStatements(Builder):
    """The statements in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._reading()
        self._proving()
        self._importing()

    # --- who they are ---

    def _reading(self) -> None:
        of_account = bindparam("of_account", type_=BigInteger)
        self.accounts = (
            select(account)
            .join(account_address, account_address.c.account == account.c.id)
            .where(REGISTERED, account_address.c.email == bindparam("email", type_=Text))
            .order_by(account.c.id)
        )
        self.addresses = (
            select(account_address)
            .where(account_address.c.account == of_account)
            .order_by(account_address.c.category, account_address.c.created_at, account_address.c.email)
        )
        self.services = (
            select(service).where(service.c.account == of_account, service.c.ended_at.is_(None)).order_by(service.c.name, service.c.number)
        )

    # --- who proved to be whom ---

    def _proving(self) -> None:
        self.lock_accounts = (
            select(account.c.id)
            .join(account_address, account_address.c.account == account.c.id)
            .where(REGISTERED, self._listed(account_address.c.email))
            .order_by(account.c.id)
            .with_for_update(of=account)
        )
        self.challenges = select(*list(challenge.c)[2:]).where(
            challenge.c.shard == bindparam("at_shard", type_=challenge.c.shard.type),
            challenge.c.conversation == bindparam("at_conversation", type_=challenge.c.conversation.type),
        )
        self.sends_to = select(func.sum(challenge.c.sends)).where(
            challenge.c.email == bindparam("email", type_=Text), challenge.c.created_at > bindparam("since", type_=BigInteger)
        )
        key = ["shard", "conversation", "email"]
        put, columns = self._insert(challenge), challenge.c.keys()
        self.put_challenge = self._many(
            put.on_conflict_do_update(index_elements=key, set_={name: put.excluded[name] for name in columns if name not in key}),
            *columns,
        )
        self.expire_challenges = (
            delete(challenge).where(challenge.c.expires_at < bindparam("before", type_=BigInteger)).returning(challenge.c.conversation)
        )
        put, columns = self._insert(identity), identity.c.keys()
        self.put_identity = self._many(
            put.on_conflict_do_update(index_elements=["address"], set_={name: put.excluded[name] for name in columns if name != "address"}),
            *columns,
        )
        self.expire_identities = (
            delete(identity).where(identity.c.until < bindparam("before", type_=BigInteger)).returning(identity.c.address)
        )
        self.void_challenges = update(challenge).where(self._listed(challenge.c.email)).values(code_hash="")
        # Where the address leads tells which conversation has to hear of it.
        key_of = (identity.c.account, identity.c.email)
        self.proven_by = (
            select(address.c.shard, address.c.conversation, identity.c.email)
            .join(address, address.c.address == identity.c.address)
            .where(self._listed(*key_of))
            .order_by(address.c.shard, address.c.conversation)
        )
        self.drop_identities = delete(identity).where(self._listed(*key_of))

    # --- the directory ---

    def _importing(self) -> None:
        self.all_accounts = select(account).order_by(account.c.id)
        self.all_addresses = select(account_address)
        self.all_services = select(service)
        put = self._insert(account)
        self.put_accounts = self._many(
            put.on_conflict_do_update(
                index_elements=["number"], set_={name: put.excluded[name] for name in ("name", "locale", "zone", "updated_at")}
            ),
            *account.c.keys(),
        )
        self.account_ids = select(account.c.number, account.c.id).where(self._listed(account.c.number))
        put = self._insert(account_address)
        self.put_addresses = self._many(
            put.on_conflict_do_update(
                index_elements=["account", "category", "email"],
                set_={"verified_at": func.coalesce(account_address.c.verified_at, put.excluded.verified_at)},
            ),
            *account_address.c.keys(),
        )
        self.drop_addresses = delete(account_address).where(
            self._listed(account_address.c.account, account_address.c.category, account_address.c.email)
        )
        put = self._insert(service)
        self.put_services = self._many(
            put.on_conflict_do_update(
                index_elements=["account", "number"],
                set_={name: put.excluded[name] for name in ("name", "kind", "addresses", "ended_at")},
            ),
            *service.c.keys(),
        )
        self.end_services = (
            update(service)
            .where(self._listed(service.c.account, service.c.number), service.c.ended_at.is_(None))
            .values(ended_at=bindparam("now", type_=BigInteger))
        )
        self.drop_accounts = tuple(
            delete(table).where(self._listed(table.c.id if table is account else table.c.account))
            for table in (service, account_address, account)
        )
        self.registered_twice = (
            select(account_address.c.email)
            .where(REGISTERED, self._listed(account_address.c.email))
            .group_by(account_address.c.email)
            .having(func.count() > 1)
            .order_by(account_address.c.email)
        )


_built: dict[str, PeopleStatements] = {}


def of(conn: Connection) -> PeopleStatements:
    """The statements in the dialect of this connection."""
    found = _built.get(conn.dialect.name)
    if found is None:
        found = _built[conn.dialect.name] = PeopleStatements(conn.dialect)
    return found
