"""What Telegram's adapter itself says, in every language the desk is shipped with: what it cannot take, and the menu of commands."""

from __future__ import annotations

from collections.abc import Mapping

_SENTENCES: Mapping[str, tuple[str, str]] = {
    "too_large": (
        "“{name}” was not kept: it is larger than {megabytes} MB, the most that can be sent to me here. Send a smaller file, "
        "or only the part that matters.",
        "No se ha guardado «{name}»: ocupa más de {megabytes} MB, lo máximo que se me puede enviar aquí. Envía un archivo más pequeño "
        "o solo la parte que importa.",
    ),
    "type": (
        "“{name}” was not kept: this type of file is not taken. Send a picture (PNG, JPEG, WebP), a PDF, or plain text such as a log, "
        "of up to {megabytes} MB; what a recording says, please write.",
        "No se ha guardado «{name}»: este tipo de archivo no se acepta. Envía una imagen (PNG, JPEG, WebP), un PDF o texto sin formato, "
        "como un registro, de hasta {megabytes} MB; lo que diga una grabación, escríbelo, por favor.",
    ),
    "broken": (
        "“{name}” was not kept: it is damaged or did not arrive whole. Check that it opens on your side, then send it again.",
        "No se ha guardado «{name}»: está dañado o no ha llegado completo. Comprueba que se abre en tu equipo y envíalo de nuevo.",
    ),
    "infected": (
        "“{name}” was not kept: the virus scanner found something harmful in it. Check your device, and send a clean copy.",
        "No se ha guardado «{name}»: el antivirus ha encontrado algo dañino. Revisa tu equipo y envía una copia limpia.",
    ),
    "unchecked": (
        "“{name}” was not kept: files cannot be checked for viruses just now. Please send it again later.",
        "No se ha guardado «{name}»: ahora mismo el antivirus no puede revisar archivos. Vuelve a enviarlo más tarde, por favor.",
    ),
    "unread": (
        "I cannot read this kind of message. Please write what you want to say, or send a picture, a PDF or a text file.",
        "No puedo leer este tipo de mensaje. Escribe lo que quieras decir o envía una imagen, un PDF o un archivo de texto.",
    ),
}

_KINDS: Mapping[str, tuple[str, str]] = {
    "photo": ("photo", "foto"),
    "voice": ("voice message", "mensaje de voz"),
    "audio": ("audio", "audio"),
    "video": ("video", "vídeo"),
    "file": ("file", "archivo"),
}

_COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("menu", "What I can help with", "En qué puedo ayudarte"),
    ("ticket", "Open a ticket", "Abrir un ticket"),
    ("tickets", "My tickets", "Mis tickets"),
    ("person", "Talk to a person", "Hablar con una persona"),
    ("language", "Change the language", "Cambiar el idioma"),
    ("link", "Link another chat of yours", "Vincular otro chat tuyo"),
    ("links", "Your linked chats", "Tus chats vinculados"),
    ("notices", "Notices in this chat", "Avisos en este chat"),
    ("help", "How this works", "Cómo funciona"),
)

COMMANDS = frozenset({"start", *(name for name, _, _ in _COMMANDS)})
LANGUAGES = ("", "es")
"""In Telegram's menus: everybody's, and the Spanish speakers'."""


def _spanish(locale: str) -> bool:
    return locale[:2].lower() == "es"


def sentence(id: str, locale: str, **values: str) -> str:
    return _SENTENCES[id][_spanish(locale)].format(**values)


def kind(name: str, locale: str) -> str:
    """What a file without a name of its own is called."""
    return _KINDS[name][_spanish(locale)]


def commands(language: str, notices: bool) -> list[tuple[str, str]]:
    """The menu: pairs of command and description. `notices`: the desk sends some."""
    wanted = (each for each in _COMMANDS if notices or each[0] != "notices")
    return [(name, spanish if _spanish(language) else english) for name, english, spanish in wanted]
