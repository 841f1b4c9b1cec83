"""The few words that the adapter says itself: about Discord, where the desk knows nothing of it. Spanish and English."""

from __future__ import annotations

from typing import Final

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "fill": ("Rellenar el formulario", "Fill in the form"),
    "correct": ("Corregir", "Correct it"),
    "form": ("Formulario", "Form"),
    "page": ("Página {page} de {pages}", "Page {page} of {pages}"),
    "choose": ("Elige una opción", "Choose an option"),
    "more": ("Más opciones", "More options"),
    "attached": (
        "Ya hay {n}. Lo que subas aquí los sustituye.",
        "{n} attached already. What you upload here replaces them.",
    ),
    "kept": ("Ya contestado; si lo dejas vacío, se queda como está.", "Answered already; left empty, it stays as it is."),
    "too_large": (
        "No he podido aceptar {names}: cada archivo puede tener hasta {limit} MB.",
        "I could not take {names}: a file may have up to {limit} MB.",
    ),
    "type": (
        "No he podido aceptar {names}: acepto imágenes (PNG, JPEG, WebP), PDF y texto sin formato.",
        "I could not take {names}: I take pictures (PNG, JPEG, WebP), PDF and plain text.",
    ),
    "broken": (
        "No he podido aceptar {names}: el archivo está dañado. Vuelve a enviarlo, por favor.",
        "I could not take {names}: the file is damaged. Please send it again.",
    ),
    "infected": (
        "No he podido aceptar {names}: el antivirus ha encontrado algo dañino. Revisa tu equipo y envía una copia limpia.",
        "I could not take {names}: the virus scanner found something harmful. Check your device, and send a clean copy.",
    ),
    "unchecked": (
        "No he podido aceptar {names}: ahora mismo no puedo revisar archivos con el antivirus. Inténtalo más tarde, por favor.",
        "I could not take {names}: I cannot check files for viruses just now. Please try again later.",
    ),
    "slow": (
        "No he podido descargar {names} a tiempo. Envíalo aquí como un mensaje normal, por favor.",
        "I could not fetch {names} in time. Please send it here as an ordinary message.",
    ),
    "unsent": (
        "No puedo enviar por aquí {names}: es demasiado grande para Discord o ya no se guarda.",
        "I cannot send {names} here: it is too large for Discord, or it is no longer kept.",
    ),
    "private": ("Te contesto en privado: {link}", "I answer you in private: {link}"),
    "closed": (
        "No puedo escribirte en privado. Permite los mensajes directos de este servidor (Ajustes de privacidad) y vuelve a intentarlo.",
        "I cannot write to you in private. Allow direct messages from this server (Privacy Settings) and try again.",
    ),
    "again": (
        "Ahora mismo no ha funcionado. Inténtalo otra vez dentro de un momento.",
        "That did not work just now. Please try again in a moment.",
    ),
    "not_yours": (
        "Este botón es de la consulta de otra persona. Mencióname o escríbeme en privado para empezar la tuya.",
        "This button belongs to another person's question. Mention me, or write to me in private, to begin yours.",
    ),
    "gone": (
        "Este formulario ya no se puede abrir. Escríbeme aquí y seguimos.",
        "This form cannot be opened any more. Write to me here and we go on.",
    ),
}

COMMANDS: Final[dict[str, tuple[str, str, str, str]]] = {
    "start": ("start", "Begin, or go straight to what a code stands for", "empezar", "Empieza, o ve directo a lo que indica un código"),
    "menu": ("menu", "What I can help with", "menú", "En qué puedo ayudarte"),
    "help": ("help", "How this works", "ayuda", "Cómo funciona"),
    "ask": ("ask", "Ask a question", "preguntar", "Haz una pregunta"),
    "ticket": ("ticket", "Open a ticket", "abrir-ticket", "Abre un ticket"),
    "tickets": ("tickets", "Your tickets", "mis-tickets", "Tus tickets"),
    "person": ("person", "Talk to a person", "persona", "Habla con una persona"),
    "language": ("language", "Change the language", "idioma", "Cambia el idioma"),
    "link": ("link", "Link another chat of yours", "vincular", "Vincula otro chat tuyo"),
    "links": ("links", "Your linked chats", "mis-vinculos", "Tus chats vinculados"),
    "notices": ("notices", "Notices in this chat", "avisos", "Avisos en este chat"),
}
"""By the desk's name: name and description in English, then in Spanish. Payloads always carry the first."""

LINK_CODE: Final = (
    "code",
    "The code that your other chat shows; leave it out to get one",
    "codigo",
    "El código de tu otro chat; sin él, recibes uno",
)
QUESTION: Final = ("question", "Your question, in your own words", "pregunta", "Tu pregunta, con tus palabras")

CODE: Final = ("code", "A code from our site, such as topic_verification", "código", "Un código de nuestra web, como topic_verification")


def word(id: str, locale: str, **values: object) -> str:
    """In Spanish for a Spanish locale, else in English; with an unknown locale ("") in both."""
    spanish, english = (text.format(**values) for text in _WORDS[id])
    if not locale:
        return f"{spanish}\n{english}"
    return spanish if locale.lower().startswith("es") else english
