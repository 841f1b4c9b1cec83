"""The statements about notices: who subscribes, what is published, and what becomes of it for each recipient."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.engine import Dialect

from storage.schema import conversation, notice, notice_recipient, outbox, subscription, web_session
from storage.statements import SENT, Builder

PLANNED, DELIVERED, FAILED, UNREACHABLE = range(4)
"""What became of a notice for one recipient."""

_UNPLANNED = text("planned_at IS NULL")
_UNSETTLED = text("notice_recipient.status = 0")

# In the order of the narrow index, or SQLite would rather read through a wider one.
_first_unsettled = (
    select(notice_recipient.c.notice)
    .where(_UNSETTLED)
    .order_by(notice_recipient.c.shard, notice_recipient.c.conversation, notice_recipient.c.notice)
    .limit(literal_column("1"))
)
WAITING = select(select(notice.c.id).where(_UNPLANNED).exists(), _first_unsettled.scalar_subquery().is_not(None))
"""Whether anything has yet to be planned, and whether of anything it is not known what became of it. Asked all the time, so it stands here:
the others are built when there is a notice.
"""


def _begins(name: str) -> ColumnElement[bool]:
    """Whether a conversation's address begins with that parameter. No LIKE: in an address `%` is a letter of a name that was written so."""
    beginning = bindparam(name, type_=Text)
    return func.substr(conversation.c.address, 1, func.length(beginning)) == beginning


class NoticeStatements(Builder):
    """The statements in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._subscriptions()
        self._publishing()
        self._planning()
        self._settling()

    def _subscriptions(self) -> None:
        key = ["shard", "conversation", "topic"]
        put = self._insert(subscription)
        self.put_subscriptions = self._many(
            put.on_conflict_do_update(index_elements=key, set_={"since": put.excluded.since}), *subscription.c.keys()
        )
        self.drop_subscriptions = self._many(
            delete(subscription).where(*(subscription.c[name] == bindparam(f"at_{name}", type_=subscription.c[name].type) for name in key)),
            *(f"at_{name}" for name in key),
        )
        self.subscriptions_of = (
            select(subscription)
            .where(self._listed(subscription.c.shard, subscription.c.conversation))
            .order_by(subscription.c.shard, subscription.c.conversation, subscription.c.topic)
        )
        at = (conversation.c.shard == subscription.c.shard) & (conversation.c.id == subscription.c.conversation)
        # A list and no look-up for each: sessions are found by their token, never by their address.
        self.abandoned = (
            select(subscription.c.shard, subscription.c.conversation, func.max(subscription.c.since))
            .select_from(subscription.join(conversation, at))
            .where(
                _begins("among"),
                ~_begins("but"),
                conversation.c.address.not_in(select(web_session.c.address)),
            )
            .group_by(subscription.c.shard, subscription.c.conversation)
        )
        self.readers = (
            select(conversation.c.address, conversation.c.locale)
            .select_from(subscription.join(conversation, at))
            .where(subscription.c.topic == bindparam("of_topic", type_=Text))
        )

    def _publishing(self) -> None:
        self.add_notice = self._many(
            self._insert(notice).on_conflict_do_nothing(index_elements=["key"]),
            *("id", "key", "topic", "texts", "created_at", "at_shard", "at_conversation"),
        )
        self.notice_with = select(notice).where(notice.c.key == bindparam("with_key", type_=Text))
        self.notices = select(notice).order_by(notice.c.id.desc()).limit(bindparam("limit", type_=BigInteger))
        self.count_recipients = (
            select(notice_recipient.c.notice, notice_recipient.c.status, func.count().label("amount"))
            .where(self._listed(notice_recipient.c.notice))
            .group_by(notice_recipient.c.notice, notice_recipient.c.status)
        )

    def _planning(self) -> None:
        # One at a time and the oldest first, whoever plans it: another node finds it held and leaves it alone.
        self.next_notice = (
            select(notice).where(_UNPLANNED).order_by(notice.c.id).limit(literal_column("1")).with_for_update(skip_locked=True)
        )
        at = (conversation.c.shard == subscription.c.shard) & (conversation.c.id == subscription.c.conversation)
        behind = tuple_(bindparam("at_shard", type_=BigInteger), bindparam("at_conversation", type_=BigInteger))
        # The conversation is held in key order, as a commit holds it: what follows goes behind all that it has said.
        self.next_subscribers = (
            select(conversation.c.shard, conversation.c.id, conversation.c.address, conversation.c.version, conversation.c.locale)
            .select_from(subscription.join(conversation, at))
            .where(
                subscription.c.topic == bindparam("of_topic", type_=Text),
                tuple_(subscription.c.shard, subscription.c.conversation) > behind,
            )
            .order_by(subscription.c.shard, subscription.c.conversation)
            .limit(bindparam("limit", type_=BigInteger))
            .with_for_update(of=conversation)
        )
        said = (outbox.c.shard, outbox.c.conversation, outbox.c.version)
        self.last_said = select(*said, func.max(outbox.c.ord)).where(self._listed(*said)).group_by(*said)
        self.add_recipients = self._many(insert(notice_recipient), *notice_recipient.c.keys())
        which = notice.c.id == bindparam("at_id", type_=notice.c.id.type)
        self.move_cursor = self._many(
            update(notice).where(which).values(at_shard=bindparam("to_shard"), at_conversation=bindparam("to_conversation")),
            *("to_shard", "to_conversation", "at_id"),
        )
        self.end_planning = self._many(update(notice).where(which).values(planned_at=bindparam("now")), "now", "at_id")

    def _settling(self) -> None:
        key = (notice_recipient.c.shard, notice_recipient.c.conversation, notice_recipient.c.notice)
        behind = tuple_(*(bindparam(f"at_{column.name}", type_=BigInteger) for column in key))
        page = (
            select(*key, notice_recipient.c.version, notice_recipient.c.ord)
            .where(_UNSETTLED, tuple_(*key) > behind)
            .order_by(*key)
            .limit(bindparam("limit", type_=BigInteger))
            .subquery("page")
        )
        mine = (
            (outbox.c.shard == page.c.shard)
            & (outbox.c.conversation == page.c.conversation)
            & (outbox.c.version == page.c.version)
            & (outbox.c.ord == page.c.ord)
        )
        ended = outbox.c.status >= literal_column(str(SENT))
        self.unsettled = (
            select(page.c.shard, page.c.conversation, page.c.notice, outbox.c.status, outbox.c.error, outbox.c.updated_at)
            .select_from(page.outerjoin(outbox, mine & ended))
            .order_by(page.c.shard, page.c.conversation, page.c.notice)
        )
        self.settle = self._many(
            update(notice_recipient)
            .where(*(column == bindparam(f"at_{column.name}", type_=column.type) for column in key), _UNSETTLED)
            .values(status=bindparam("to_status"), at=bindparam("now")),
            *("to_status", "now", "at_shard", "at_conversation", "at_notice"),
        )


_built: dict[str, NoticeStatements] = {}


def of(conn: Connection) -> NoticeStatements:
    """The statements in the dialect of this connection."""
    found = _built.get(conn.dialect.name)
    if found is None:
        found = _built[conn.dialect.name] = NoticeStatements(conn.dialect)
    return found
