"""What the customer of a preview types, rightly and wrongly, and what stands for the values of a phrase that nobody was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins

from conversations.model import Attachment

NOW = 1_793_098_800_000
"""2026-10-27 12:00 in Madrid, two days after its clocks went back: always the same, so that the same files give the same page."""

NUMBER = "4F7K-2M9Q"
EMAIL = "ana@example.com"
NAME = "Ana Ruiz"
CODE = "123456"
FILE = Attachment("0" * 64, "mtr.png", "image/png", 182_400)

Said = str | Mapping[str, str]
"""The same in every language, or by language, of which `en` stands for those that are not there."""

TITLE: Said = {"es": "No responde · #123456", "en": "Not responding · #123456"}
QUESTION: Said = {"es": "¿Hacéis copias de seguridad?", "en": "Do you make backups?"}
REPLY: Said = {
    "es": "Hola, Ana:\nhemos cambiado el disco y el servidor vuelve a estar en línea.",
    "en": "Hello Ana,\nwe have replaced the disk and the server is online again.",
}
NOTICE: Said = {
    "es": "Desde las 11:40 la red va lenta en Madrid.\n\nEstamos en ello; volvemos a escribir antes de las 12:30.",
    "en": "Since 11:40 the network in Madrid is slow.\n\nWe are working on it, and write again before 12:30.",
}
DETAILS: Said = {
    "es": "Desde ayer no puedo usar mi servicio. Esperaba que volviera en unos minutos; he probado con otra red y con la consola remota.",
    "en": "Since yesterday I cannot use my service. I expected it back within minutes; I tried another network and the remote console.",
}

ANSWERS: Mapping[str, Said | list[Any]] = {
    "assets": "#123456",
    "service": "web-01",
    "since": "11:40",
    "origin": "203.0.113.7, Madrid",
    "diagnostics": "64 bytes from 198.51.100.7: icmp_seq=1 ttl=55 time=24.1 ms",
    "invoice": "2026-0117",
    "amount": "49,90 €",
    "paid_on": "2026-10-20",
    "details": DETAILS,
    "files": [to_builtins(FILE)],
    "email": EMAIL,
}
"""What is filled in, by the name of the field. Fields that choose need nothing here: each of their options is tried."""

OTHERWISE = ("web-01", "12", "2026-10-20", EMAIL, "#123456")
"""Tried in turn for a field that has no answer above."""

WRONG: Mapping[str, tuple[Said | list[Any], ...]] = {
    "department": ("???",),
    "assets": ("web", "300.1.2.3", "#12", " ".join(f"198.51.{n // 250}.{n % 250}" for n in range(60))),
    "since": (
        {"es": "hace mucho", "en": "a while ago"},
        {"es": "ayer", "en": "yesterday"},
        "14:05 IST",
        {"es": "ayer a las 8", "en": "yesterday at 8"},
        "05/10/2026 14:05",
        {"es": "mañana a las 14:05", "en": "tomorrow 14:05"},
        "28/10/2026 14:05",
        "23:40",
        {"es": "25 de octubre 02:30", "en": "25 October 02:30"},
        "29/03/2026 02:30",
        {"es": "25 de agosto 10:00 CET", "en": "25 August 10:00 CET"},
        {"es": "1 de agosto 14:05", "en": "1 August 14:05"},
        {"es": "1 de agosto de 2019 14:05", "en": "1 August 2019 14:05"},
    ),
    "invoice": ({"es": "no lo sé", "en": "no idea"},),
    "amount": ({"es": "mucho", "en": "a lot"}, "49,90 XYZ"),
    "paid_on": ({"es": "algún día", "en": "some day"}, "05/10/2026", "2026-11-20"),
    "details": ("x" * 4001,),
    "files": ("web-01", [to_builtins(FILE)] * 11),
    "email": ("ana@", "ana"),
}
"""What cannot be taken, by the name of the field."""

VALUES: Mapping[str, Said] = {
    "addresses": "10.0.0.1",
    "assets": "#654321",
    "average": "24",
    "code": CODE,
    "cycles": "100",
    "description": {"es": "Trabajos planificados.", "en": "Planned work."},
    "due": "12:10 CET",
    "email": EMAIL,
    "hop": "7",
    "hops": "12",
    "host": "198.51.100.7",
    "hours": "72",
    "label": {"es": "Descripción", "en": "Description"},
    "labels": {"es": "Descripción y Archivos", "en": "Description and Files"},
    "limit": "4000",
    "loss": "35",
    "minutes": "10",
    "name": NAME,
    "now": {"es": "27 de octubre de 2026, 12:00 CET", "en": "27 October 2026, 12:00 CET"},
    "number": NUMBER,
    "opened": {"es": "27 de octubre de 2026, 12:00 CET", "en": "27 October 2026, 12:00 CET"},
    "options": {"es": "Regular o Alta", "en": "Regular or High"},
    "place": "Telegram",
    "question": QUESTION,
    "rating": {"es": "5", "en": "5"},
    "shown": {"es": "28 de octubre de 2026, 14:05 CET", "en": "28 October 2026, 14:05 CET"},
    "since": {"es": "27 de octubre de 2026, 12:00 CET", "en": "27 October 2026, 12:00 CET"},
    "state": {"es": "abierto", "en": "open"},
    "title": TITLE,
    "tool": "MTR",
    "typed": "xyz",
    "value": "web-01",
}
"""For the placeholders of phrases that are shown by themselves; `n` is counted, and `desk` is the desk's name."""


def said(what: Any, locale: str) -> Any:
    """In the language asked for, where there is a choice."""
    return what.get(locale, what["en"]) if isinstance(what, Mapping) else what
