"""Payloads as Slack sends them, shortened where it repeats itself, and what each means to the desk."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from adapters.slack import decode as decoding
from adapters.slack.decode import Filled
from conversations.events import ChoicePressed, CommandGiven, FormAnswered, Inbound, MessageDeleted, MessageEdited, MessageReceived, Started
from conversations.model import Attachment
from tests.adapters.slack_desk import ANA, THREAD
from tests.adapters.slack_wire import BOT_USER, event
from tests.contracts.adapter import Sample


def envelope(kind: str, payload: dict[str, Any], **found: Any) -> dict[str, Any]:
    return {"type": kind, "envelope_id": "e-1", "payload": payload, "accepts_response_payload": False, "found": found}


def message(**more: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "channel": "D0ANA",
        "channel_type": "im",
        "user": "U0ANA",
        "ts": "1719000000.000100",
        "team": "T0TEAM",
        **more,
    }


RICH = [
    {
        "type": "rich_text",
        "block_id": "abc",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "Mi servidor "},
                    {"type": "text", "text": "203.0.113.10", "style": {"code": True}},
                    {"type": "text", "text": " no responde "},
                    {"type": "emoji", "name": "cry", "unicode": "1f622"},
                    {"type": "user", "user_id": "U0EVA"},
                    {"type": "link", "url": "https://status.example/"},
                ],
            },
            {
                "type": "rich_text_list",
                "style": "ordered",
                "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "ping"}]},
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "traceroute"}]},
                ],
            },
        ],
    }
]
PICTURE = {"id": "F0PIC", "name": "corte.png", "mimetype": "image/png", "size": 512, "mode": "hosted", "url_private_download": "https://x"}
KEPT = {"F0PIC": {"id": "ab12", "name": "corte.png", "mime": "image/png", "size": 512}}
PRESSED = {
    "type": "block_actions",
    "user": {"id": "U0ANA", "username": "ana", "team_id": "T0TEAM"},
    "api_app_id": "A0APP",
    "trigger_id": "1.2.abc",
    "container": {"type": "message", "message_ts": "1719000001.000200", "channel_id": "D0ANA", "is_ephemeral": False},
    "channel": {"id": "D0ANA", "name": "directmessage"},
    "message": {"type": "message", "ts": "1719000001.000200", "bot_id": "B0BOT"},
    "response_url": "https://hooks.slack.example/actions/T0TEAM/1/x",
}
CHOSEN = {"type": "button", "action_id": "choice:3.1", "block_id": "Wx1", "text": {"type": "plain_text", "text": "Sí"}, "value": "3.1"}
SLASH = {"command": "/relevo", "user_id": "U0ANA", "user_name": "ana", "channel_id": "C0HELP", "team_id": "T0TEAM", "trigger_id": "3.4.ab"}
SENT = {
    "type": "view_submission",
    "user": {"id": "U0ANA"},
    "trigger_id": "5.6.cd",
    "view": {
        "id": "V0VIEW",
        "callback_id": decoding.FORM,
        "hash": "1719.x",
        "private_metadata": Filled(str(ANA), "5.2.1", "17.1", "ticket", 1).written(),
        "state": {
            "values": {
                "department@5.2.1": {"v": {"type": "radio_buttons", "selected_option": {"value": "technical"}}},
                "method@5.2.1": {"v": {"type": "static_select", "selected_option": None}},
                "details@5.2.1": {"v": {"type": "plain_text_input", "value": "No arranca"}},
                "service@5.2.1": {"v": {"type": "plain_text_input", "value": None}},
                "files@5.2.1": {"v": {"type": "file_input", "files": [PICTURE]}},
            }
        },
    },
}
ANSWERS = {"department": "technical", "method": "", "details": "No arranca", "service": "", "files": [KEPT["F0PIC"]]}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


SAMPLES: tuple[Sample, ...] = (
    Sample(
        envelope("events_api", event(message(text="Hola &lt;b&gt; &amp; *adiós*", blocks=[])), locale="es-ES"),
        Inbound(ANA, "m:1719000000.000100", MessageReceived(text="Hola <b> & *adiós*", locale="es-ES")),
    ),
    Sample(
        envelope("events_api", event(message(text="…", blocks=RICH, ts="1719000000.000200"))),
        Inbound(
            ANA,
            "m:1719000000.000200",
            MessageReceived(text="Mi servidor 203.0.113.10 no responde 😢@U0EVAhttps://status.example/\n1. ping\n2. traceroute"),
        ),
    ),
    Sample(
        envelope("events_api", event(message(text="mira", subtype="file_share", files=[PICTURE], ts="1719000000.000300")), files=KEPT),
        Inbound(
            ANA,
            "m:1719000000.000300",
            MessageReceived(text="mira", files=(Attachment("ab12", "corte.png", "image/png", 512),)),
        ),
    ),
    Sample(
        envelope(
            "events_api",
            event(
                {
                    **message(text=f"<@{BOT_USER}> ¿qué tal &gt; ayer, <@U0EVA|eva>? <https://a.example|aquí>"),
                    "channel": "C0HELP",
                    "type": "app_mention",
                }
            ),
        ),
        Inbound(THREAD, "m:1719000000.000100", MessageReceived(text="¿qué tal > ayer, eva? aquí (https://a.example)")),
    ),
    Sample(
        envelope(
            "events_api",
            event(
                {
                    **message(text=f"<@{BOT_USER}>", ts="1719000009.000100", thread_ts=THREAD.thread),
                    "channel": "C0HELP",
                    "type": "app_mention",
                }
            ),
        ),
        Inbound(THREAD, "m:1719000009.000100", Started()),
    ),
    Sample(
        envelope("interactive", {**PRESSED, "actions": [{**CHOSEN, "action_ts": "1719000002.000300"}]}, locale="es-ES"),
        Inbound(ANA, "m:1719000002.000300:U0ANA", ChoicePressed(key="3.1", label="Sí")),
    ),
    Sample(
        envelope(
            "interactive",
            {
                **PRESSED,
                "channel": {"id": "C0HELP"},
                "message": {"ts": "1719000001.000200", "thread_ts": THREAD.thread},
                "actions": [
                    {
                        "type": "static_select",
                        "action_id": "pick",
                        "action_ts": "1719000003.000300",
                        "selected_option": {"text": {"type": "plain_text", "text": "Otra"}, "value": "4.30"},
                    }
                ],
            },
        ),
        Inbound(THREAD, "m:1719000003.000300:U0ANA", ChoicePressed(key="4.30", label="Otra")),
    ),
    Sample(
        envelope(
            "interactive",
            {
                "type": "block_actions",
                "user": {"id": "U0ANA"},
                "container": {"type": "view", "view_id": "V1"},
                "actions": [{"type": "button", "action_id": "command:tickets", "value": "tickets", "action_ts": "1719000004.000300"}],
            },
            chat="D0ANA",
            locale="es-ES",
        ),
        Inbound(ANA, "m:1719000004.000300:U0ANA", CommandGiven(name="tickets", locale="es-ES")),
    ),
    Sample(
        envelope("slash_commands", {**SLASH, "text": "Ticket"}, chat="D0ANA"),
        Inbound(ANA, f"s:{digest('3.4.ab')}", CommandGiven(name="ticket")),
    ),
    Sample(
        envelope("slash_commands", {**SLASH, "text": "language en", "trigger_id": "3.5.ab"}, chat="D0ANA"),
        Inbound(ANA, f"s:{digest('3.5.ab')}", CommandGiven(name="language", argument="en")),
    ),
    Sample(
        envelope("slash_commands", {**SLASH, "text": "start topic_verification", "trigger_id": "3.8.ab"}, chat="D0ANA"),
        Inbound(ANA, f"s:{digest('3.8.ab')}", CommandGiven(name="start", argument="topic_verification")),
    ),
    Sample(
        envelope("slash_commands", {**SLASH, "text": "start sub_outage", "trigger_id": "3.10.ab"}, chat="D0ANA"),
        Inbound(ANA, f"s:{digest('3.10.ab')}", CommandGiven(name="start", argument="sub_outage")),
    ),
    Sample(
        envelope("slash_commands", {**SLASH, "text": "notices", "trigger_id": "3.11.ab"}, chat="D0ANA"),
        Inbound(ANA, f"s:{digest('3.11.ab')}", CommandGiven(name="notices")),
    ),
    Sample(
        envelope("slash_commands", {**SLASH, "text": "start apache again", "trigger_id": "3.9.ab"}, chat="D0ANA"),
        Inbound(ANA, f"s:{digest('3.9.ab')}", MessageReceived(text="start apache again")),
    ),
    Sample(
        envelope("slash_commands", {**SLASH, "text": "my payload is broken", "trigger_id": "3.6.ab"}, chat="D0ANA"),
        Inbound(ANA, f"s:{digest('3.6.ab')}", MessageReceived(text="my payload is broken")),
    ),
    Sample(
        envelope("slash_commands", {**SLASH, "text": "", "trigger_id": "3.7.ab"}, chat="D0ANA", locale="en-GB"),
        Inbound(ANA, f"s:{digest('3.7.ab')}", Started(locale="en-GB")),
    ),
    Sample(
        envelope("interactive", SENT, locale="es-ES", files=KEPT),
        Inbound(ANA, f"v:{digest('5.6.cd')}", FormAnswered(form="ticket", version=1, answers=ANSWERS, key="17.1", locale="es-ES")),
    ),
)

CHANGED = {"type": "message", "hidden": True, "channel": "D0ANA", "channel_type": "im", "ts": "1719000100.000400"}
BEFORE = message(text="203.0.113.l0")
AFTER = {**BEFORE, "text": "203.0.113.10", "edited": {"user": "U0ANA", "ts": "1719000100.000000"}}
TOMB = {**BEFORE, "user": "USLACKBOT", "text": "This message was deleted.", "subtype": "tombstone", "hidden": True, "reply_count": 1}


def amended(subtype: str, **more: Any) -> dict[str, Any]:
    return envelope("events_api", event({**CHANGED, "subtype": subtype, **more}))


SAMPLES += (
    Sample(
        amended("message_changed", message=AFTER, previous_message=BEFORE),
        Inbound(
            ANA,
            "e:1719000000.000100:1719000100.000000:1adb",
            MessageEdited(of="m:1719000000.000100", text="203.0.113.10", made=1_719_000_100_000),
        ),
    ),
    Sample(
        amended("message_deleted", deleted_ts=BEFORE["ts"], previous_message=BEFORE),
        Inbound(ANA, "d:1719000000.000100", MessageDeleted(of="m:1719000000.000100")),
    ),
    Sample(  # it had replies: what is left of it is a change
        amended("message_changed", message={**TOMB, "ts": "1719000000.000200"}, previous_message={**BEFORE, "ts": "1719000000.000200"}),
        Inbound(ANA, "d:1719000000.000200", MessageDeleted(of="m:1719000000.000200")),
    ),
)

IN_CHANNEL = {"channel": "C0HELP", "channel_type": "channel"}
ASKED = {**BEFORE, "text": f"<@{BOT_USER}> 203.0.113.l0"}
ASKED_AGAIN = {**ASKED, "text": f"<@{BOT_USER}|soporte> 203.0.113.10", "edited": AFTER["edited"]}
IN_THREAD = {**ASKED, "ts": "1719000010.000100", "thread_ts": THREAD.thread}

SAMPLES += (
    Sample(
        envelope("events_api", event({**IN_THREAD, **IN_CHANNEL, "type": "app_mention"})),
        Inbound(THREAD, "m:1719000010.000100", MessageReceived(text="203.0.113.l0")),
    ),
    Sample(
        amended("message_changed", **IN_CHANNEL, message=ASKED_AGAIN, previous_message=ASKED),
        Inbound(
            THREAD,
            "e:1719000000.000100:1719000100.000000:1adb",
            MessageEdited(of="m:1719000000.000100", text="203.0.113.10", made=1_719_000_100_000),
        ),
    ),
    Sample(
        amended(
            "message_changed",
            **IN_CHANNEL,
            message={**IN_THREAD, "text": f"<@{BOT_USER}> ya va", "edited": AFTER["edited"]},
            previous_message=IN_THREAD,
        ),
        Inbound(
            THREAD,
            "e:1719000010.000100:1719000100.000000:2c9b",
            MessageEdited(of="m:1719000010.000100", text="ya va", made=1_719_000_100_000),
        ),
    ),
    Sample(
        amended("message_deleted", **IN_CHANNEL, deleted_ts=IN_THREAD["ts"], previous_message=IN_THREAD),
        Inbound(THREAD, "d:1719000010.000100", MessageDeleted(of="m:1719000010.000100")),
    ),
    Sample(  # the desk has answered below it
        amended("message_changed", **IN_CHANNEL, message=TOMB, previous_message=ASKED),
        Inbound(THREAD, "d:1719000000.000100", MessageDeleted(of="m:1719000000.000100")),
    ),
)

PREVIEW = [{"from_url": "https://a.example", "title": "A page", "fallback": "A page"}]

JUNK = (
    # A preview was drawn: of a message that was never changed, and of one that was.
    amended("message_changed", message={**BEFORE, "attachments": PREVIEW}, previous_message=BEFORE),
    amended("message_changed", message={**AFTER, "attachments": PREVIEW}, previous_message=AFTER),
    # Ours, somebody else's channel, a thread's bookkeeping.
    amended("message_changed", message={**AFTER, "bot_id": "B0BOT"}, previous_message={**BEFORE, "bot_id": "B0BOT"}),
    amended("message_changed", message={**AFTER, "user": BOT_USER}, previous_message={**BEFORE, "user": BOT_USER}),
    amended("message_changed", **IN_CHANNEL, message=AFTER, previous_message=BEFORE),
    amended("message_deleted", **IN_CHANNEL, deleted_ts=BEFORE["ts"], previous_message=BEFORE),
    # In channels: a mention that is edited in, or out; a preview; what it was is not told; we in our own words.
    amended("message_changed", **IN_CHANNEL, message=ASKED_AGAIN, previous_message=BEFORE),
    amended("message_changed", **IN_CHANNEL, message=AFTER, previous_message=ASKED),
    amended("message_changed", **IN_CHANNEL, message={**ASKED, "attachments": PREVIEW}, previous_message=ASKED),
    amended("message_changed", **IN_CHANNEL, message=TOMB, previous_message=BEFORE),
    amended("message_changed", **IN_CHANNEL, message=TOMB),
    amended("message_deleted", **IN_CHANNEL, deleted_ts=BEFORE["ts"]),
    amended(
        "message_changed",
        **IN_CHANNEL,
        message={**ASKED_AGAIN, "user": BOT_USER, "bot_id": "B0BOT"},
        previous_message={**ASKED, "user": BOT_USER, "bot_id": "B0BOT"},
    ),
    amended("message_deleted", deleted_ts=BEFORE["ts"], previous_message={**BEFORE, "bot_id": "B0BOT"}),
    amended("message_replied", message=BEFORE),
    envelope("events_api", event(message(text="soy yo", bot_id="B0BOT"))),
    envelope("events_api", event(message(text="soy yo", user=BOT_USER))),
    envelope("events_api", event(message(text="", subtype="channel_join"))),
    envelope("events_api", event({**message(text="entre nosotros"), "channel": "C0HELP", "channel_type": "channel"})),
    envelope("events_api", event({"type": "message", "subtype": "message_changed", "channel": "D0ANA", "message": message(text="x")})),
    envelope("events_api", event({"type": "app_home_opened", "user": "U0ANA", "channel": "D0ANA", "tab": "home"})),
    envelope("events_api", event({"type": "reaction_added", "user": "U0ANA", "item": {}})),
    envelope("interactive", {**PRESSED, "actions": [{**CHOSEN, "action_id": "sheet", "action_ts": "1719000002.000300"}]}),
    envelope("interactive", {**SENT, "view": {**SENT["view"], "callback_id": "somebody.elses"}}),  # type: ignore[dict-item]
    envelope("interactive", {"type": "view_closed", "view": SENT["view"], "user": {"id": "U0ANA"}}),
    envelope("slash_commands", {**SLASH, "text": "hola"}),
    json.loads('{"type": "hello", "num_connections": 1}'),
)
