"""Who the desk's customers are: accounts by their registered address, with their addresses and services."""

from __future__ import annotations

from sqlalchemy import Connection

from storage import people_statements
from storage.rows import Account, AccountAddress, Service


def accounts(conn: Connection, email: str) -> list[Account]:
    """Whose *registered* address this is, oldest first; `email` as conversations.identity.mailbox gives it. The addresses for single
    categories of mail prove nothing.

    `relevo customers import` refuses a second account for an address; the tables do not.
    """
    return [Account(*row) for row in conn.execute(people_statements.of(conn).accounts, {"email": email})]


def addresses(conn: Connection, account: int) -> list[AccountAddress]:
    """All of an account's (by its id), of every category, verified or not."""
    return [AccountAddress(*row) for row in conn.execute(people_statements.of(conn).addresses, {"of_account": account})]


def services(conn: Connection, account: int) -> list[Service]:
    """Those that have not ended, by name."""
    return [Service(*row) for row in conn.execute(people_statements.of(conn).services, {"of_account": account})]
