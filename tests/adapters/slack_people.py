"""People who use Slack: they write, press, open, fill in, change and delete, and Slack tells the app."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.adapters import slack_rules as rules
from tests.adapters.slack_server import SlackServer
from tests.adapters.slack_wire import APP, BOT_USER, TEAM, Envelope, escaped, event, filled, subscribed


class People:
    """Each of these returns when Slack has offered the app what was done; `envelope.answer` is the acknowledgement."""

    def __init__(self, server: SlackServer) -> None:
        self.server = server

    async def dm(self, user: str, text: str, *files: str, **more: Any) -> Envelope:
        """A direct message; files by their ids."""
        chat = self.server.im(user)
        given = {"files": [self.server.files[id][0] for id in files], "subtype": "file_share"} if files else {}
        post = self.server.post(
            chat, {"user": user, "text": escaped(text), "client_msg_id": f"c{next(self.server.count)}", **given, **more}
        )
        return await self.server.offer("events_api", event({"type": "message", "channel": chat, "channel_type": "im", **post}), post["ts"])

    async def mention(self, user: str, channel: str, text: str, thread: str = "") -> Envelope:
        given = {"thread_ts": thread} if thread else {}
        post = self.server.post(channel, {"user": user, "text": f"<@{BOT_USER}> {escaped(text)}", **given})
        # Who may read the channel hears of each post there, and of a mention once more.
        await self._posted(channel, post)
        return await self.server.offer("events_api", event({**post, "type": "app_mention", "channel": channel}), post["ts"])

    async def chat(self, user: str, channel: str, text: str, thread: str = "") -> Envelope:
        """Something said in a channel between others."""
        given = {"thread_ts": thread} if thread else {}
        return await self._posted(channel, self.server.post(channel, {"user": user, "text": escaped(text), **given}))

    async def _posted(self, channel: str, post: dict[str, Any]) -> Envelope:
        told = {**post, "type": "message", "channel": channel, "channel_type": kind_of(channel)}
        return await self._told(told, f"{post['ts']} in the channel")

    async def press(self, user: str, chat: str, label: str) -> Envelope:
        """The newest button or option with this label."""
        for post in reversed(self.server.messages[chat]):
            for block in post.get("blocks", ()):
                for element in block.get("elements", ()) if block["type"] == "actions" else ():
                    picked = next((each for each in element.get("options", ()) if each["text"]["text"] == label), None)
                    if picked or element.get("text", {}).get("text") == label:
                        return await self._pressed(user, chat, post, element, picked)
        raise AssertionError(f"no {label!r} in {chat}")

    async def _pressed(self, user: str, chat: str, post: dict[str, Any], element: dict[str, Any], picked: Any) -> Envelope:
        action = {key: element[key] for key in ("type", "action_id", "text", "value") if key in element} | {"action_ts": self.server.ts()}
        if picked:
            action["selected_option"] = picked
        payload = {
            "type": "block_actions",
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "api_app_id": APP,
            "trigger_id": self.server.trigger(),
            "container": {"type": "message", "message_ts": post["ts"], "channel_id": chat},
            "channel": {"id": chat},
            "message": post,
            "actions": [action],
        }
        return await self.server.offer("interactive", payload)

    async def slash(self, user: str, text: str, channel: str) -> Envelope:
        payload = {
            "command": "/relevo",
            "text": text,
            "user_id": user,
            "channel_id": channel,
            "team_id": TEAM,
            "trigger_id": self.server.trigger(),
        }
        return await self.server.offer("slash_commands", payload)

    async def open_home(self, user: str) -> Envelope:
        return await self.server.offer(
            "events_api", event({"type": "app_home_opened", "user": user, "channel": self.server.im(user), "tab": "home"})
        )

    async def press_home(self, user: str, action: str) -> Envelope:
        elements = [each for block in self.server.homes[user]["blocks"] if block["type"] == "actions" for each in block["elements"]]
        element = next(each for each in elements if each["action_id"] == action)
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "trigger_id": self.server.trigger(),
            "container": {"type": "view", "view_id": "VHOME"},
            "actions": [{"type": "button", "action_id": action, "value": element["value"], "action_ts": self.server.ts()}],
        }
        return await self.server.offer("interactive", payload)

    async def submit(self, user: str, id: str, values: dict[str, Any]) -> str:
        """Fill in the open view by the names of its fields and send it: what Slack did then (clear, close, update, errors)."""
        view = self.server.views[id]
        state: dict[str, Any] = {}
        for block in view["blocks"]:
            if block["type"] == "input":
                given = values.get(block["block_id"].partition("@")[0])
                state[block["block_id"]] = {block["element"]["action_id"]: filled(block, given, self.server.files)}
        payload = {
            "type": "view_submission",
            "user": {"id": user},
            "trigger_id": self.server.trigger(),
            "view": {**view, "id": id, "state": {"values": state}},
        }
        envelope = await self.server.offer("interactive", payload)
        async with asyncio.timeout(20):
            answer = await envelope.answer
        match answer.get("response_action"):
            case "errors":
                known = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
                if not answer["errors"] or not answer["errors"].keys() <= known:
                    self.server.problems.append(f"errors at {sorted(answer['errors'])}")
                view["errors"] = {block.partition("@")[0]: text for block, text in answer["errors"].items()}
            case "update":
                if found := rules.wrong(lambda: rules.view(answer["view"])):
                    self.server.problems.append(f"update: {found}")
                self.server.show(id, answer["view"])
            case _:
                del self.server.views[id]
        return str(answer.get("response_action") or "close")

    async def edit(self, user: str, chat: str, ts: str, text: str) -> Envelope:
        post = next(post for post in self.server.messages[chat] if post["ts"] == ts)
        before, post["text"] = dict(post), escaped(text) if chat.startswith("D") else mentioned(text)
        # Of a change Slack tells the second only.
        post["edited"] = {"user": user, "ts": f"{int(float(self.server.ts()))}.000000"}
        changed = {
            "type": "message",
            "subtype": "message_changed",
            "hidden": True,
            "channel": chat,
            "channel_type": kind_of(chat),
            "message": dict(post),
            "previous_message": before,
        }
        return await self._told({**changed, "ts": self.server.ts()})

    async def preview(self, chat: str, ts: str) -> Envelope:
        """Slack draws what a link in a message leads to, and says so in the words of a change."""
        post = next(post for post in self.server.messages[chat] if post["ts"] == ts)
        before = dict(post)
        post["attachments"] = [{"from_url": "https://a.example", "title": "A page", "fallback": "A page", "id": 1}]
        changed = {"type": "message", "subtype": "message_changed", "hidden": True, "channel": chat, "message": dict(post)}
        return await self._told({**changed, "channel_type": kind_of(chat), "previous_message": before, "ts": self.server.ts()})

    async def delete(self, user: str, chat: str, ts: str) -> Envelope:
        """Of a message that was replied to a tombstone is left, which Slack tells as a change."""
        post = next(post for post in self.server.messages[chat] if post["ts"] == ts)
        told = {"type": "message", "hidden": True, "channel": chat, "channel_type": kind_of(chat), "previous_message": dict(post)}
        if any(other.get("thread_ts") == ts and other is not post for other in self.server.messages[chat]):
            post |= {"user": "USLACKBOT", "text": "This message was deleted.", "subtype": "tombstone", "hidden": True, "thread_ts": ts}
            gone = {**told, "subtype": "message_changed", "message": dict(post)}
        else:
            self.server.messages[chat].remove(post)
            gone = {**told, "subtype": "message_deleted", "deleted_ts": ts}
        return await self._told({**gone, "ts": self.server.ts()})

    async def _told(self, inner: dict[str, Any], key: str = "") -> Envelope:
        """A message event, if an app made from our manifest is told of such a chat at all; otherwise there is nothing to wait for."""
        if {"im": "message.im", "group": "message.groups", "channel": "message.channels"}[inner["channel_type"]] in subscribed():
            return await self.server.offer("events_api", event(inner), key)
        untold = Envelope("", "events_api", event(inner), key)
        untold.answer.set_result({})
        return untold


def kind_of(chat: str) -> str:
    return {"D": "im", "G": "group"}.get(chat[0], "channel")


def mentioned(text: str) -> str:
    """As Slack writes a message in which somebody typed our name."""
    return escaped(text).replace("@soporte", f"<@{BOT_USER}>")
