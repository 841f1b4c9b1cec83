"""The statements about linked conversations: who is one person, the codes that prove it, and the proofs that are lent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, bindparam, delete, select, text
from sqlalchemy.engine import Dialect

from storage.schema import address, conversation, identity, link, link_code
from storage.statements import Builder


class LinkStatements(Builder):
    """The statements in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._links()
        self._codes()
        self._proofs()

    def _links(self) -> None:
        key = ["shard", "conversation"]
        mine = link.alias("mine")
        self.groups = (
            select(link, conversation.c.address)
            .join(conversation, (conversation.c.shard == link.c.shard) & (conversation.c.id == link.c.conversation))
            .where(link.c.person.in_(select(mine.c.person).where(self._listed(mine.c.shard, mine.c.conversation))))
            .order_by(link.c.person, link.c.linked_at, link.c.conversation)
        )
        self.find_places = select(conversation.c.shard, conversation.c.id, conversation.c.address).where(
            self._listed(conversation.c.shard, conversation.c.id)
        )
        put, kept = self._insert(link), [each.name for each in link.c if each.name not in key]
        self.put_links = self._many(
            put.on_conflict_do_update(index_elements=key, set_={name: put.excluded[name] for name in kept}),
            *link.c.keys(),
        )
        self.drop_links = delete(link).where(self._listed(link.c.shard, link.c.conversation))

    def _codes(self) -> None:
        key = ["shard", "conversation"]
        self.codes_of = select(link_code).where(self._listed(link_code.c.shard, link_code.c.conversation))
        self.find_codes = select(link_code).where(text("code_hash <> ''"), self._listed(link_code.c.code_hash))
        put, kept = self._insert(link_code), [each.name for each in link_code.c if each.name not in key]
        self.put_code = self._many(
            put.on_conflict_do_update(index_elements=key, set_={name: put.excluded[name] for name in kept}),
            *link_code.c.keys(),
        )
        before = bindparam("before", type_=BigInteger)
        self.expire_codes = (
            delete(link_code)
            .where(link_code.c.expires_at < before, link_code.c.codes_since < before, link_code.c.tries_since < before)
            .returning(link_code.c.conversation)
        )

    def _proofs(self) -> None:
        self.identities = (
            select(address.c.conversation, identity)
            .join(address, address.c.address == identity.c.address)
            .where(self._listed(address.c.shard, address.c.conversation))
            .order_by(identity.c.proved_at.desc(), identity.c.address)
        )
        self.drop_identities = delete(identity).where(self._listed(identity.c.address))
        self.drop_identities_of = delete(identity).where(
            identity.c.address.in_(select(address.c.address).where(self._listed(address.c.shard, address.c.conversation)))
        )


_built: dict[str, LinkStatements] = {}


def of(conn: Connection) -> LinkStatements:
    """The statements in the dialect of this connection."""
    found = _built.get(conn.dialect.name)
    if found is None:
        found = _built[conn.dialect.name] = LinkStatements(conn.dialect)
    return found
