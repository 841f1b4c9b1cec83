"""Updates as Telegram sends them, with everything that stands in them, and what each means to the desk."""

from __future__ import annotations

import copy
from typing import Any

from conversations.events import ChoicePressed, CommandGiven, Event, Inbound, MessageEdited, MessageReceived, Started
from conversations.model import Address, Attachment
from tests.adapters.telegram_server import BOT
from tests.contracts.adapter import Sample

ANA = {"id": 482113907, "is_bot": False, "first_name": "Ana", "last_name": "Ruiz", "username": "anaruiz", "language_code": "es"}
PRIVATE = {"id": 482113907, "first_name": "Ana", "last_name": "Ruiz", "username": "anaruiz", "type": "private"}
GROUP = {"id": -1002244668800, "title": "Acme · operations", "type": "supergroup", "is_forum": True}
OTHER = {"id": 555, "is_bot": True, "first_name": "Other", "username": "other_bot"}

HERE = Address("telegram", str(BOT["id"]), "482113907")
THERE = Address("telegram", str(BOT["id"]), "-1002244668800")
PHOTOS = [
    {"file_id": "AgACAgQAAxkBAAMHsmall", "file_unique_id": "AQADAgATs", "file_size": 1253, "width": 90, "height": 67},
    {"file_id": "AgACAgQAAxkBAAMHlarge", "file_unique_id": "AQADAgATx", "file_size": 94153, "width": 1280, "height": 960},
]

PHOTO = Attachment("AgACAgQAAxkBAAMHlarge", "photo", "image/jpeg", 94153)


def message(id: int, **content: Any) -> dict[str, Any]:
    return {"update_id": 731205000 + id, "message": {"message_id": id, "from": ANA, "chat": PRIVATE, "date": 1795354200, **content}}


def in_group(id: int, **content: Any) -> dict[str, Any]:
    found = message(id, **content)
    found["message"]["chat"] = GROUP
    return found


def file(name: str, mime: str, size: int, id: str = "BQACAgQAAxkBAAMJ") -> dict[str, Any]:
    return {"file_name": name, "mime_type": mime, "file_id": id, "file_unique_id": f"u{id}", "file_size": size}


def press(id: str, data: str, **message: Any) -> dict[str, Any]:
    rows = [[{"text": "Técnico", "callback_data": data}, {"text": "Financiero", "callback_data": "4.2 71.9.0"}]]
    under = {"message_id": 57, "from": BOT, "chat": PRIVATE, "date": 1795354260, "text": "1/9 · ¿Qué departamento?", **message}
    return {
        "update_id": 731205090,
        "callback_query": {
            "id": id,
            "from": ANA,
            "message": {**under, "reply_markup": {"inline_keyboard": rows}},
            "chat_instance": "-2310498723409",
            "data": data,
        },
    }


def command(text: str, id: int = 20) -> dict[str, Any]:
    return message(id, text=text, entities=[{"offset": 0, "length": len(text.split()[0]), "type": "bot_command"}])


def edited(raw: dict[str, Any], after: int, text: str) -> dict[str, Any]:
    found = copy.deepcopy(raw)
    body = found.pop("message")
    words = {"caption" if "caption" in body else "text": text} if text else {}
    return {"update_id": found["update_id"] + 5000, "edited_message": {**body, "edit_date": body["date"] + after, **words}}


def joined(before: str, after: str, chat: dict[str, Any]) -> dict[str, Any]:
    return {
        "update_id": 731205123,
        "my_chat_member": {
            "chat": chat,
            "from": ANA,
            "date": 1795354300,
            "old_chat_member": {"user": BOT, "status": before},
            "new_chat_member": {"user": BOT, "status": after, "until_date": 0},
        },
    }


MENTION = [{"offset": 3, "length": 11, "type": "mention"}]
LOCATION = {"latitude": 40.416775, "longitude": -3.70379}


def said(key: str, event: Event, address: Address = HERE) -> Inbound:
    return Inbound(address, key, event)


SAMPLES = (
    Sample(
        message(10, text="¿Qué tal? 🎉 *no es negrita* https://relevo.example", entities=[{"offset": 30, "length": 22, "type": "url"}]),
        said("m10", MessageReceived(text="¿Qué tal? 🎉 *no es negrita* https://relevo.example", locale="es")),
    ),
    Sample(command("/start"), said("m20", CommandGiven(name="start", locale="es"))),
    Sample(command("/start ticket_high-3", 21), said("m21", CommandGiven(name="start", argument="ticket_high-3", locale="es"))),
    Sample(command("/lang@relevo_bot en", 22), said("m22", CommandGiven(name="language", argument="en", locale="es"))),
    Sample(command("/etc/hosts is wrong", 23), said("m23", MessageReceived(text="/etc/hosts is wrong", locale="es"))),
    Sample(command("/var is full", 24), said("m24", MessageReceived(text="/var is full", locale="es"))),
    Sample(command("/whatever", 25), said("m25", CommandGiven(name="whatever", locale="es"))),
    Sample(
        message(30, photo=PHOTOS, caption="así se ve"),
        said(
            "m30",
            MessageReceived(text="así se ve", locale="es", files=(PHOTO,)),
        ),
    ),
    Sample(
        message(31, document=file("mtr.txt", "text/plain", 2048)),
        said("m31", MessageReceived(text="", locale="es", files=(Attachment("BQACAgQAAxkBAAMJ", "mtr.txt", "text/plain", 2048),))),
    ),
    Sample(
        message(32, voice={"duration": 4, **{k: v for k, v in file("", "audio/ogg", 17000, "AwACAgQ").items() if k != "file_name"}}),
        said("m32", MessageReceived(text="", locale="es", files=(Attachment("AwACAgQ", "voice", "audio/ogg", 17000),))),
    ),
    Sample(
        message(33, animation=file("x.mp4", "video/mp4", 900, "CgACAgQ"), document=file("x.mp4", "video/mp4", 900, "CgACAgQ")),
        said("m33", MessageReceived(text="", locale="es", files=(Attachment("CgACAgQ", "x.mp4", "video/mp4", 900),))),
    ),
    Sample(
        message(34, sticker={"file_id": "CAAC", "file_unique_id": "s", "width": 512, "height": 512, "emoji": "👍", "type": "regular"}),
        said("m34", MessageReceived(text="👍", locale="es")),
    ),
    Sample(message(35, location=LOCATION), said("m35", MessageReceived(text="📍 40.416775, -3.703790", locale="es"))),
    Sample(
        message(36, venue={"location": LOCATION, "title": "CPD 2", "address": "Madrid"}, location=LOCATION),
        said("m36", MessageReceived(text="📍 CPD 2, Madrid (40.416775, -3.703790)", locale="es")),
    ),
    Sample(
        message(37, contact={"phone_number": "+34600111222", "first_name": "Luis", "user_id": 9}),
        said("m37", MessageReceived(text="👤 Luis, +34600111222", locale="es")),
    ),
    Sample(press("2070623312345678901", "4.1 71.9.0"), said("q2070623312345678901", ChoicePressed(key="4.1", label="Técnico"))),
    Sample(press("2070623312345678902", "4.1"), said("q2070623312345678902", ChoicePressed(key="4.1", label="Técnico"))),
    Sample(
        {
            "update_id": 731205091,
            "callback_query": {
                "id": "77",
                "from": ANA,
                "message": {"message_id": 57, "chat": PRIVATE, "date": 0},
                "chat_instance": "1",
                "data": "4.1 71.9.0",
            },
        },
        said("q77", ChoicePressed(key="4.1")),
    ),
    Sample(message(40, text="10.0.0.l"), said("m40", MessageReceived(text="10.0.0.l", locale="es"))),
    Sample(
        edited(message(40, text="10.0.0.l"), 9, "10.0.0.1"),
        said("e40.731210040", MessageEdited(of="m40", text="10.0.0.1", made=1795354209000)),
    ),
    Sample(
        edited(message(30, photo=PHOTOS, caption="asi"), 86_400, "así se ve"),
        said("e30.731210030", MessageEdited(of="m30", text="así se ve", made=1795440600000)),
    ),
    Sample(
        in_group(50, text="eh @relevo_bot ¿está caído?", entities=MENTION),
        said("m50", MessageReceived(text="eh  ¿está caído?", locale="es"), THERE),
    ),
    Sample(
        in_group(51, text="sí", reply_to_message={"message_id": 49, "from": BOT, "chat": GROUP, "date": 1, "text": "¿Sigue?"}),
        said("m51", MessageReceived(text="sí", locale="es"), THERE),
    ),
    Sample(
        in_group(52, text="/ticket@relevo_bot", is_topic_message=True, message_thread_id=7),
        said("m52", CommandGiven(name="ticket", locale="es"), Address("telegram", str(BOT["id"]), "-1002244668800", "7")),
    ),
    Sample(joined("left", "member", GROUP), said("c1795354300.731205123", Started(locale="es"), THERE)),
    Sample(
        {
            "album": [
                message(61, photo=PHOTOS, media_group_id="13577"),
                message(60, document=file("a.log", "text/plain", 10), caption="los dos", media_group_id="13577"),
            ]
        },
        said(
            "m60",
            MessageReceived(
                text="los dos",
                locale="es",
                files=(
                    Attachment("BQACAgQAAxkBAAMJ", "a.log", "text/plain", 10),
                    PHOTO,
                ),
            ),
        ),
    ),
)

JUNK: tuple[dict[str, Any], ...] = (
    {"update_id": 1},
    {"update_id": 1, "message": {"message_id": 1}},
    message(70, new_chat_members=[ANA]),
    message(71, poll={"id": "1", "question": "?", "options": []}),
    message(72, text="  "),
    edited(message(73, location=LOCATION), 60, ""),  # a place that moves
    edited(message(83, text="/menu"), 9, "/ticket"),
    edited(in_group(84, text="talk among people"), 9, "talk among friends"),
    in_group(74, text="talk among people"),
    in_group(75, text="/ticket@other_bot"),
    in_group(76, text="/unknown"),
    in_group(77, migrate_from_chat_id=-400),
    {**in_group(78, text="@relevo_bot", entities=[{"offset": 0, "length": 11, "type": "mention"}])},
    {"update_id": 2, "message": {**message(79, text="I am a bot")["message"], "from": OTHER}},
    {"update_id": 3, "message": {**in_group(80, text="/ticket")["message"], "sender_chat": GROUP}},
    {"update_id": 4, "message": {**message(81, text="x")["message"], "chat": {"id": -100, "type": "channel", "title": "News"}}},
    press("", "4.1"),
    press("5", ""),
    joined("member", "kicked", PRIVATE),
    joined("kicked", "member", PRIVATE),
    joined("member", "left", GROUP),
    {"album": []},
    {"album": [message(82, new_chat_title="x", media_group_id="1")]},
    {
        "update_id": 5,
        "message_reaction": {"chat": PRIVATE, "message_id": 1, "user": ANA, "date": 1, "old_reaction": [], "new_reaction": []},
    },
)
