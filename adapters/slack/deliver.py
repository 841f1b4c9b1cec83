"""Making the calls: posts, pages that replace the one before, files; what became of a call whose answer was lost; the port's errors."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import structlog

from adapters.base import Later, Payload, Receipt, Refused, Unreachable
from adapters.ports import Blobs
from adapters.slack.drawing import fallback, plain
from adapters.slack.encode import Post, Upload, view
from adapters.slack.forms import Forms, Recent
from adapters.slack.web import CREDENTIALS, Failure, Web
from adapters.slack.words import say
from conversations.model import Address

EVENT_TYPE: Final = "relevo_message"
GONE: Final = frozenset(
    {
        *("channel_not_found", "is_archived", "user_disabled", "user_not_found", "messages_tab_disabled", "cannot_dm_bot"),
        *("method_not_supported_for_channel_type", "not_in_channel", "restricted_action", "restricted_action_read_only_channel"),
        *("restricted_action_thread_only_channel", "restricted_action_non_threadable_channel", "restricted_action_thread_locked"),
        *("cannot_reply_to_message", "thread_not_found", "user_not_visible", "team_access_not_granted", "access_denied"),
    }
)
"""The customer cannot be reached there: the chat is gone, or takes nothing from us until a person acts."""

DRAWN_WRONG: Final = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_metadata_format"})
NO_EDIT: Final = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "streaming_state_conflict", "msg_too_long"}
)
CREDENTIALS_WAIT_S: Final = 60.0
RETRY_S: Final = 1.0
PROBE_S: Final = 300.0
"""For so long after the start the first message of each chat is looked for before it is sent: the last run may have died sending it."""

LOOK_BACK_S: Final = 3_600
LOOKED_AT: Final = 100
VIEW_S: Final = 2.0

_log = structlog.get_logger(__name__)


class Sender:
    """`deliver` of the port. Slack drops no second send, so one whose outcome is not known is looked for before it is made again."""

    def __init__(self, web: Web, forms: Forms, blobs: Blobs) -> None:
        self._web = web
        self._forms = forms
        self._blobs = blobs
        self._doubtful: Recent[float] = Recent(1_000)
        self._begun = time.monotonic()
        self._known: set[str] = set()

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        body = payload.body
        try:
            if isinstance(body, Upload):
                return Receipt(await self._upload(payload.address, body, key))
            return Receipt(await self._post(payload.address, body, key))
        except Failure as failure:
            if failure.unknown:
                self._doubtful.put(key, self._doubtful.get(key, time.time()))
            raise told(failure) from None

    async def _post(self, address: Address, post: Post, key: str) -> str:
        where = str(address)
        taken, trigger = self._forms.meet(where, post, asyncio.get_running_loop().time())
        if trigger:
            await self._open(address, post, trigger)
        if ts := await self._sent_before(address, key):
            return ts
        form = post.sheet.sheet.key if post.sheet and post.sheet.sheet else ""
        body = {"text": post.text, "blocks": post.blocks, "metadata": _metadata(key), "parse": "none", "link_names": False}
        if taken and (place := self._forms.place(where, form)):
            # The chat shows the page that the modal is at, so that closing the modal loses nothing.
            try:
                await self._web.call("chat_update", channel=address.chat, ts=place, **body)
                return place
            except Failure as failure:
                if failure.error not in NO_EDIT:
                    raise
        body |= {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
        if address.thread:
            body["thread_ts"] = address.thread
        try:
            answer = await self._web.call("chat_postMessage", channel=address.chat, **body)
        except Failure as failure:
            if failure.error not in DRAWN_WRONG:
                raise
            # Better as a text than not at all; what cannot be pressed can be typed.
            _log.error("slack.blocks_refused", reason=failure.error, message=key)
            answer = await self._web.call(
                "chat_postMessage", channel=address.chat, **(body | {"text": post.simple or post.text, "blocks": []})
            )
        ts = str(answer.get("ts") or "")
        if form:
            self._forms.placed(where, form, ts)
        else:
            self._forms.moved_on(where)
        return ts

    async def _open(self, address: Address, post: Post, trigger: str) -> None:
        """Open the form at once while the click that asked for it still counts. The message with its button comes in any case."""
        message = post.sheet
        if message is None or message.sheet is None:
            return
        try:
            async with asyncio.timeout(VIEW_S):
                await self._web.call("views_open", trigger_id=trigger, view=view(message, message.sheet, post.said, address))
        except (Failure, TimeoutError) as failure:
            _log.info("slack.form_not_opened", reason=str(failure) or "slow")

    async def _upload(self, address: Address, upload: Upload, key: str) -> str:
        file = upload.file
        path = await self._blobs.find(file.id.partition(".")[0])
        if path is None:
            return await self.note(address, say("file_gone", upload.locale, name=file.name or "?"), key)
        since = self._doubtful.get(key)
        if since is not None and (ts := await self._find(address, since - LOOK_BACK_S, lambda post: _has_file(post, file.name))):
            return ts
        content = await asyncio.to_thread(path.read_bytes)
        where = {"channel": address.chat, **({"thread_ts": address.thread} if address.thread else {})}
        answer = await self._web.call("files_upload_v2", file=content, filename=file.name or "file", title=file.name or "file", **where)
        self._forms.moved_on(str(address))
        files = answer.get("files")
        return str(files[0].get("id") or "") if isinstance(files, list) and files and isinstance(files[0], dict) else ""

    async def note(self, address: Address, text: str, key: str) -> str:
        """Something the adapter itself has to say. Raises Failure."""
        blocks = [{"type": "section", "text": plain(text, 3_000)}]
        thread = {"thread_ts": address.thread} if address.thread else {}
        answer = await self._web.call(
            "chat_postMessage", channel=address.chat, text=fallback(text), blocks=blocks, metadata=_metadata(key), mrkdwn=False, **thread
        )
        self._forms.moved_on(str(address))
        return str(answer.get("ts") or "")

    async def whisper(self, address: Address, user: str, text: str) -> None:
        """A passing remark that only `user` sees. Whether it arrives does not matter enough to keep it."""
        thread = {"thread_ts": address.thread} if address.thread else {}
        try:
            await self._web.call("chat_postEphemeral", channel=address.chat, user=user, text=fallback(text), **thread)
        except Failure as failure:
            _log.info("slack.remark_not_shown", reason=failure.error)

    # --- what became of it ---

    async def _sent_before(self, address: Address, key: str) -> str:
        """The ts of the message with this key, if there was doubt and it is there after all; else ""."""
        where = str(address)
        fresh = where not in self._known and time.monotonic() - self._begun < PROBE_S
        if key not in self._doubtful and not fresh:
            return ""
        since = self._doubtful.get(key, time.time()) - LOOK_BACK_S
        ts = await self._find(address, since, lambda post: key_of(post) == key)
        # Only now: a look that failed has to be made again.
        self._doubtful.pop(key, None)
        if fresh:
            self._known.add(where)
        return ts

    async def _find(self, address: Address, since: float, wanted: Any) -> str:
        arguments: dict[str, Any] = {"channel": address.chat, "oldest": f"{since:.6f}", "limit": LOOKED_AT, "include_all_metadata": True}
        if address.thread:
            answer = await self._web.call("conversations_replies", ts=address.thread, **arguments)
        else:
            answer = await self._web.call("conversations_history", **arguments)
        messages = answer.get("messages")
        posts = [post for post in messages if isinstance(post, dict)] if isinstance(messages, list) else []
        return next((str(post.get("ts") or "") for post in posts if wanted(post)), "")


def key_of(post: dict[str, Any]) -> str:
    """The delivery key under which we posted this, or ""."""
    metadata = post.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) and metadata.get("event_type") == EVENT_TYPE else None
    found = payload.get("key") if isinstance(payload, dict) else None
    return found if isinstance(found, str) else ""


def told(failure: Failure) -> Later | Unreachable | Refused:
    """A failed call in the port's words."""
    if failure.after is not None:
        return Later(failure.after, failure.error)
    if failure.error in CREDENTIALS:
        # It is not the message's fault: it waits until somebody has put the token right.
        return Later(CREDENTIALS_WAIT_S, failure.error, whole=True)
    if failure.transient:
        return Later(RETRY_S, failure.error)
    return Unreachable(failure.error) if failure.error in GONE else Refused(failure.error)


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}}


def _has_file(post: dict[str, Any], name: str) -> bool:
    files = post.get("files")
    return (
        bool(post.get("bot_id")) and isinstance(files, list) and any(isinstance(file, dict) and file.get("name") == name for file in files)
    )
