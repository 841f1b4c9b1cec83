"""Who the desk's customers are: accounts by their registered address, with their addresses and services."""

from __future__ import annotations

from sqlalchemy import Connection

from storage import people_statements
from storage.rows import Account, AccountAddress, Service


def account_by_email(conn: Connection, email: str) -> Account | None:
    """Whose *registered* address this is; `email` as conversations.identity.mailbox gives it. The addresses for single categories of
    mail prove nothing.
    """
    row = conn.execute(people_statements.of(conn).account_by_email, {"email": email}).first()
    return None if row is None else Account(*row)


def addresses(conn: Connection, account: int) -> list[AccountAddress]:
    """All of an account's (by its id), of every category, verified or not."""
    return [AccountAddress(*row) for row in conn.execute(people_statements.of(conn).addresses, {"of_account": account})]


def services(conn: Connection, account: int) -> list[Service]:
    """Those that have not ended, by name."""
    return [Service(*row) for row in conn.execute(people_statements.of(conn).services, {"of_account": account})]
