"""What the adapter itself says: the frame of a form, the app's home, refused files. Every sentence in Spanish and English."""

from __future__ import annotations

from typing import Final, Literal

Word = Literal[
    "fill",
    "form",
    "submit",
    "close",
    "kept",
    "attached",
    "too_late",
    "answered_in_dm",
    "again",
    "home",
    "ask",
    "ticket",
    "tickets",
    "mine",
    "none",
    "file_size",
    "file_type",
    "file_broken",
    "file_infected",
    "file_unchecked",
    "file_external",
    "file_fetch",
    "file_gone",
    "choose",
]

_WORDS: Final[dict[Word, tuple[str, str]]] = {
    "fill": ("📝 Rellenar como formulario", "📝 Fill in as a form"),
    "form": ("Formulario", "Form"),
    "submit": ("Continuar", "Continue"),
    "close": ("Cerrar", "Close"),
    "kept": (
        "Lo que ya has escrito es demasiado largo para mostrarlo aquí y se conserva. Escribe solo si quieres sustituirlo.",
        "What you already wrote is too long to be shown here and is kept. Write only if you want to replace it.",
    ),
    "attached": ("Ya adjuntos: {names}", "Already attached: {names}"),
    "too_late": (
        "No he podido abrir el formulario a tiempo. Pulsa otra vez el botón, o contesta aquí mismo escribiendo.",
        "I could not open the form in time. Press the button again, or simply answer here in the chat.",
    ),
    "answered_in_dm": ("Te he contestado en nuestros mensajes directos.", "I have answered in our direct messages."),
    "again": (
        "Ahora mismo no puedo guardar tu respuesta. No se ha perdido: sigue en el formulario; envíalo otra vez en un momento.",
        "I cannot save your answer right now. It is not lost: it is still in the form; send it again in a moment.",
    ),
    "home": ("Soporte", "Support"),
    "ask": ("💬 Preguntar", "💬 Ask"),
    "ticket": ("🎫 Abrir un ticket", "🎫 Open a ticket"),
    "tickets": ("📋 Mis tickets", "📋 My tickets"),
    "mine": ("Mis tickets", "My tickets"),
    "none": ("No tienes ningún ticket.", "You have no tickets."),
    "file_size": (
        "No he podido guardar «{name}»: un archivo puede tener {megabytes} MB como máximo. "
        "Envía uno más pequeño o solo la parte que importa.",
        "I could not keep “{name}”: a file may be {megabytes} MB at most. Send a smaller one, or only the part that matters.",
    ),
    "file_type": (
        "No he podido guardar «{name}»: acepto imágenes (PNG, JPEG, WebP), PDF y texto sin formato, de {megabytes} MB como máximo.",
        "I could not keep “{name}”: I take pictures (PNG, JPEG, WebP), PDF and plain text, {megabytes} MB at most.",
    ),
    "file_broken": (
        "«{name}» está dañado o incompleto. Comprueba que se abre en tu equipo y envíalo de nuevo.",
        "“{name}” is damaged or incomplete. Check that it opens on your side, then send it again.",
    ),
    "file_infected": (
        "No he podido guardar «{name}»: el antivirus ha encontrado algo dañino. Revisa tu equipo y envía una copia limpia.",
        "I could not keep “{name}”: the virus scanner found something harmful. Check your device, and send a clean copy.",
    ),
    "file_unchecked": (
        "No he podido guardar «{name}»: ahora mismo no puedo revisar archivos con el antivirus. Inténtalo más tarde, por favor.",
        "I could not keep “{name}”: I cannot check files for viruses just now. Please try again later.",
    ),
    "file_external": (
        "«{name}» es un enlace a otro servicio y no puedo leerlo. Descárgalo y súbelo aquí como archivo, de {megabytes} MB como máximo.",
        "“{name}” is a link to another service, and I cannot read it. Download it and upload it here as a file, {megabytes} MB at most.",
    ),
    "file_fetch": (
        "No he podido descargar «{name}» de Slack. Envíalo de nuevo en un momento, por favor ({megabytes} MB como máximo).",
        "I could not download “{name}” from Slack. Please send it again in a moment ({megabytes} MB at most).",
    ),
    "file_gone": ("El archivo «{name}» ya no está disponible.", "The file “{name}” is not available any more."),
    "choose": ("Elige…", "Choose…"),
}


def say(word: Word, locale: str, **values: object) -> str:
    """`word` in Spanish for a Spanish locale, else in English."""
    spanish, english = _WORDS[word]
    return (spanish if locale.lower().startswith("es") else english).format(**values)
