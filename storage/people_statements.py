"""The statements about people: accounts, their addresses and services, who proved to be whom, and codes that were sent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, Text, bindparam, select
from sqlalchemy.engine import Dialect

from storage.schema import account, account_address, service
from storage.statements import Builder


class PeopleStatements(Builder):
    """The statements in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._reading()

    def _reading(self) -> None:
        of_account = bindparam("of_account", type_=BigInteger)
        registered = (account_address.c.category == "registered", account_address.c.email == bindparam("email", type_=Text))
        self.account_by_email = (
            select(account)
            .join(account_address, account_address.c.account == account.c.id)
            .where(*registered)
            .order_by(account.c.id)
            .limit(1)
        )
        self.addresses = (
            select(account_address)
            .where(account_address.c.account == of_account)
            .order_by(account_address.c.category, account_address.c.created_at, account_address.c.email)
        )
        self.services = (
            select(service).where(service.c.account == of_account, service.c.ended_at.is_(None)).order_by(service.c.name, service.c.number)
        )


_built: dict[str, PeopleStatements] = {}


def of(conn: Connection) -> PeopleStatements:
    """The statements in the dialect of this connection."""
    found = _built.get(conn.dialect.name)
    if found is None:
        found = _built[conn.dialect.name] = PeopleStatements(conn.dialect)
    return found
