"""A Bot API server on loopback, strict where Telegram is, with its people at their telephones and a menu of faults.

It runs in a thread of its own, so that it goes on while the desk beside it is busy, blocked or killed.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from aiohttp import web

from tests.adapters.telegram_wire import Json, Refusal, bad, check_markup, check_text, nested

TOKEN = "7000000001:AAE-recorded_Token-of-a-bot-that-is-not-there"
BOT = {"id": 7000000001, "is_bot": True, "first_name": "Relevo", "username": "relevo_bot"}
FILE_LIMIT = 20_971_520


class Sent(NamedTuple):
    """A call that put something into a chat, in the order of arrival."""

    method: str
    chat: int
    text: str
    message: Json


Fault = Callable[[str, Json], str | Refusal | None]
"""Given method and form: nothing; an error instead of the answer; "reset" or "slow" after the call has had its effect, "drop" before."""


class TelegramServer:
    """`with TelegramServer() as server:` then `server.url` is what the desk's base URL is set to."""

    def __init__(self, *, port: int = 0) -> None:
        self.updates: deque[Json] = deque()
        self.confirmed: list[int] = []
        self.sent: list[Sent] = []
        self.calls: list[tuple[str, Json]] = []
        self.alerts: list[Json] = []
        self.commands: dict[str, list[Json]] = {}
        self.webhook: Json = {}
        self.undelivered = ""
        self.hears_all = False
        self.blocked: set[int] = set()
        self.migrated: dict[int, int] = {}
        self.fault: Fault = lambda method, form: None
        # Updates are handed out twice, and those of several chats in another order than they came in.
        self.untidy = False
        self.refuses_token = False
        self.handed_again = 0
        self._handed: set[int] = set()
        self.released = threading.Event()
        self._messages: dict[tuple[int, int], Json] = {}
        self._known: set[int] = set()
        self._files: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._ids = itertools.count(1)
        self._update_ids = itertools.count(900_000_001)
        self._message_ids = itertools.count(100)
        self._lock = threading.RLock()
        self._methods: dict[str, Callable[[Json], Any]] = {
            "getUpdates": self._get_updates,
            "getMe": self._get_me,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._get_webhook_info,
            "getFile": self._get_file,
            "answerCallbackQuery": self._answer_callback_query,
            "sendMessage": self._send_message,
            "sendDocument": self._send_document,
            "sendPhoto": self._send_photo,
            "editMessageText": self._edit_message_text,
            "editMessageReplyMarkup": self._edit_message_reply_markup,
            "getMyCommands": self._get_my_commands,
            "setMyCommands": self._set_my_commands,
        }
        self._port = port
        self._poll: asyncio.Future[str] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> TelegramServer:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _open(self) -> None:
        app = web.Application(client_max_size=60 * 2**20)
        app.router.add_route("*", "/file/bot{token}/{path:.*}", self._give_file)
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def _shut(self) -> None:
        self._ring("stop")
        await self._runner.cleanup()

    # --- people ---

    def push(self, update: Json) -> Json:
        """An update is there to be fetched; without a number it gets the next."""
        update.setdefault("update_id", next(self._update_ids))
        with self._lock:
            for part in ("message", "edited_message", "callback_query", "my_chat_member"):
                body = update.get(part, {})
                inner = body.get("message") if isinstance(body, dict) else None
                chat = (body.get("chat") or (inner.get("chat") if isinstance(inner, dict) else None)) if isinstance(body, dict) else None
                if isinstance(chat, dict) and isinstance(chat.get("id"), int):
                    self._known.add(chat["id"])
            self.updates.append(update)
        self._loop.call_soon_threadsafe(self._ring, "news")
        return update

    def message(self, chat: int, **content: Any) -> Json:
        """Somebody writes in their private chat, or (`user`) in a group, whose number is negative."""
        person = {"id": content.pop("user", chat), "is_bot": False, "first_name": "Ana", "language_code": content.pop("language", "en")}
        where = {"id": chat, "type": "private", "first_name": "Ana"} if chat > 0 else {"id": chat, "type": "supergroup", "title": "Help"}
        message = {"message_id": next(self._message_ids), "from": person, "chat": where, "date": int(time.time()), **content}
        text = message.get("text", "")
        if text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        return self.push({"message": message})

    def edit(self, said: Json, text: str) -> Json:
        """Who wrote a message changes it."""
        return self.push({"edited_message": {**said["message"], "text": text, "edit_date": int(time.time())}})

    def press(self, chat: int, label: str) -> Json:
        """The newest button with this label is pressed."""
        with self._lock:
            shown = [message for (at, _), message in sorted(self._messages.items(), reverse=True) if at == chat]
        for message in shown:
            for button in itertools.chain.from_iterable(message.get("reply_markup", {}).get("inline_keyboard", ())):
                if button["text"] == label:
                    person = {"id": chat, "is_bot": False, "first_name": "Ana", "language_code": "en"}
                    press = {"id": str(next(self._ids) + 10**15), "from": person, "message": message, "chat_instance": "1"}
                    return self.push({"callback_query": {**press, "data": button["callback_data"]}})
        raise AssertionError(f"no button says {label!r}")

    def file(self, content: bytes, name: str = "", mime: str = "", size: int | None = None) -> Json:
        """A file that somebody has sent, as a message names it. `size` may say more than there is."""
        id = f"BQACAgQAAxkBAAI{next(self._ids)}"
        self._files[id], self._sizes[id] = content, len(content) if size is None else size
        found = {"file_id": id, "file_unique_id": f"u{id}", "file_size": self._sizes[id]}
        return found | ({"file_name": name} if name else {}) | ({"mime_type": mime} if mime else {})

    def texts(self, chat: int) -> list[str]:
        """What a person sees in the chat now, oldest first: edits have replaced what was there."""
        with self._lock:
            return [str(message.get("text", "")) for (at, _), message in sorted(self._messages.items()) if at == chat]

    def shown(self, chat: int) -> list[Json]:
        with self._lock:
            return [message for (at, _), message in sorted(self._messages.items()) if at == chat]

    def know(self, *chats: int) -> None:
        self._known.update(chats)

    # --- the wire ---

    def _ring(self, why: str) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(why)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        form: Json = {}
        try:
            fields = await request.post()
        except ConnectionError:
            return web.Response()  # whoever asked was killed meanwhile
        for name, value in fields.items():
            form[name] = value.file.read() if isinstance(value, web.FileField) else value
            if isinstance(value, web.FileField):
                form[f"{name} name"] = value.filename
        if request.match_info["token"] != TOKEN or self.refuses_token:
            return self._reply(Refusal(401, "Unauthorized"))
        self.calls.append((method, form))
        fault = self.fault(method, form)
        if isinstance(fault, Refusal):
            return self._reply(fault)
        if fault in ("drop", "html"):
            return self._broken(request) if fault == "drop" else web.Response(status=502, text="<html>Bad Gateway</html>")
        try:
            if method not in self._methods:
                raise Refusal(404, "Not Found")
            found = self._methods[method](form)
            result = await found if asyncio.iscoroutine(found) else found
        except Refusal as refusal:
            return self._reply(refusal)
        if fault == "reset":
            return self._broken(request)
        if fault == "slow":
            await asyncio.to_thread(self.released.wait, 60)
        return web.json_response({"ok": True, "result": result})

    def _reply(self, refusal: Refusal) -> web.Response:
        return web.json_response(refusal.body, status=refusal.code)

    def _broken(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _give_file(self, request: web.Request) -> web.Response:
        content = self._files.get(request.match_info["path"].partition("/")[2])
        return web.Response(status=404) if content is None or request.match_info["token"] != TOKEN else web.Response(body=content)

    # --- receiving ---

    async def _get_updates(self, form: Json) -> list[Json]:
        if not nested(form, "allowed_updates"):
            raise bad("say which updates are wanted: the server remembers the last answer")
        if self.webhook.get("url"):
            raise Refusal(
                409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            )
        self._ring("rival")
        offset, limit = int(form.get("offset", 0)), min(100, int(form.get("limit", 100)))
        with self._lock:
            while self.updates and offset and self.updates[0].get("update_id", 0) < offset:
                self.confirmed.append(self.updates.popleft()["update_id"])
        deadline = self._loop.time() + min(50, int(form.get("timeout", 0)))
        while not self.updates and self._loop.time() < deadline:
            self._poll = mine = self._loop.create_future()
            done, _ = await asyncio.wait((mine,), timeout=deadline - self._loop.time())
            if done and mine.result() != "news":
                raise Refusal(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
        with self._lock:
            batch = list(itertools.islice(self.updates, limit))
        if self.untidy:
            batch.sort(key=lambda update: str(update.get("message", {}).get("chat", {}).get("id")))
            batch += batch[: len(batch) // 2]
        for update in batch:
            self.handed_again += update["update_id"] in self._handed
            self._handed.add(update["update_id"])
        return batch

    def _get_me(self, form: Json) -> Json:
        return {**BOT, "can_join_groups": True, "can_read_all_group_messages": self.hears_all, "supports_inline_queries": False}

    def _set_webhook(self, form: Json) -> bool:
        if not str(form.get("url", "")).startswith("https://"):
            raise bad("bad webhook: An HTTPS URL must be provided for webhook")
        self.webhook = dict(form)
        return True

    def _delete_webhook(self, form: Json) -> bool:
        self.webhook = {}
        return True

    def _get_webhook_info(self, form: Json) -> Json:
        about = {"url": self.webhook.get("url", ""), "has_custom_certificate": False, "pending_update_count": len(self.updates)}
        return about | ({"last_error_date": int(time.time()), "last_error_message": self.undelivered} if self.undelivered else {})

    def _get_file(self, form: Json) -> Json:
        id = form.get("file_id", "")
        if id not in self._files:
            raise bad("wrong file_id or the file is temporarily unavailable")
        if self._sizes[id] > FILE_LIMIT:
            raise bad("file is too big")
        return {"file_id": id, "file_unique_id": f"u{id}", "file_size": self._sizes[id], "file_path": f"documents/{id}"}

    def _answer_callback_query(self, form: Json) -> bool:
        self.alerts.append(form)
        return True

    # --- sending ---

    def _chat(self, form: Json) -> int:
        chat = int(form.get("chat_id", 0))
        if chat in self.migrated:
            raise Refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=self.migrated[chat])
        if chat not in self._known:
            raise bad("chat not found")
        if chat in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        return chat

    def _post(self, method: str, chat: int, **content: Any) -> Json:
        with self._lock:
            id = next(self._message_ids)
            where = {"id": chat, "type": "private" if chat > 0 else "supergroup"}
            message = {"message_id": id, "from": BOT, "chat": where, "date": int(time.time())}
            message |= {name: value for name, value in content.items() if value}
            self._messages[chat, id] = message
            self.sent.append(Sent(method, chat, content.get("text", ""), message))
        return message

    def _send_message(self, form: Json) -> Json:
        chat = self._chat(form)
        text, entities = check_text(form)
        return self._post("sendMessage", chat, text=text.strip(), entities=entities, reply_markup=check_markup(form))

    def _uploaded(self, form: Json, name: str) -> Json:
        given = form.get(name, "")
        if isinstance(given, bytes):
            return self.file(given, form[f"{name} name"])
        if given.startswith("attach://"):
            return self.file(form[given.removeprefix("attach://")], form[f"{given.removeprefix('attach://')} name"])
        if given not in self._files:
            raise bad("wrong file identifier/HTTP URL specified")
        return {"file_id": given, "file_unique_id": f"u{given}", "file_size": self._sizes[given]}

    def _send_document(self, form: Json) -> Json:
        return self._post("sendDocument", self._chat(form), document=self._uploaded(form, "document"))

    def _send_photo(self, form: Json) -> Json:
        chat, file = self._chat(form), self._uploaded(form, "photo")
        if self._sizes[file["file_id"]] > 10 * 2**20:
            raise bad("PHOTO_INVALID_DIMENSIONS")
        return self._post("sendPhoto", chat, photo=[{**file, "width": 8, "height": 8}])

    def content(self, message: Json) -> bytes:
        """Of the file in a message."""
        return self._files[(message.get("document") or message["photo"][-1])["file_id"]]

    def _edited(self, form: Json) -> Json:
        message = self._messages.get((self._chat(form), int(form.get("message_id", 0))))
        if message is None:
            raise bad("message to edit not found")
        return message

    def _edit_message_text(self, form: Json) -> Json:
        message = self._edited(form)
        text, entities = check_text(form)
        markup = check_markup(form)
        if (text, entities, markup) == (message.get("text"), message.get("entities", []), message.get("reply_markup")):
            raise bad("message is not modified: specified new message content and reply markup are exactly the same")
        return self._change(message, text=text, entities=entities, reply_markup=markup)

    def _edit_message_reply_markup(self, form: Json) -> Json:
        message, markup = self._edited(form), check_markup(form)
        if markup == message.get("reply_markup"):
            raise bad("message is not modified: specified new message content and reply markup are exactly the same")
        return self._change(message, reply_markup=markup)

    def _change(self, message: Json, **content: Any) -> Json:
        with self._lock:
            message = {**message, **content, "edit_date": int(time.time())}
            message = {name: value for name, value in message.items() if value}
            self._messages[message["chat"]["id"], message["message_id"]] = message
        return message

    # --- the menu ---

    def _get_my_commands(self, form: Json) -> list[Json]:
        return self.commands.get(form.get("language_code", ""), [])

    def _set_my_commands(self, form: Json) -> bool:
        commands = nested(form, "commands")
        for command in commands:
            name, description = command["command"], command["description"]
            if not (1 <= len(name) <= 32 and name.replace("_", "a").isalnum() and name == name.lower()):
                raise bad("BOT_COMMAND_INVALID")
            if not 1 <= len(description) <= 256:
                raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands[form.get("language_code", "")] = commands
        return True
