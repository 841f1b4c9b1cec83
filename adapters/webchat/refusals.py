"""What the live chat says no to: one code, status and sentence for each, in every language the desk is shipped with."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.responses import Response

# Each sentence tells the person who reads it what to do next; `{}` is filled from the refusal's own numbers.
_SENTENCES: Final[dict[str, tuple[int, str, str]]] = {
    "bad_json": (
        400,
        "The request is not valid JSON. Send one JSON object in UTF-8.",
        "La petición no es JSON válido. Envía un único objeto JSON en UTF-8.",
    ),
    "session_over": (
        401,
        "This chat session is missing or has ended. Start a new one and send your message again.",
        "Esta sesión de chat no existe o ha terminado. Inicia otra y vuelve a enviar el mensaje.",
    ),
    "identity_invalid": (
        401,
        "The proof of who you are was not accepted. Sign in to the site again; you can also go on without it.",
        "No se ha aceptado la prueba de identidad. Vuelve a iniciar sesión en el sitio; también puedes continuar sin ella.",
    ),
    "identity_expired": (
        401,
        "The proof of who you are has expired. Reload the page to get a new one.",
        "La prueba de identidad ha caducado. Recarga la página para obtener otra.",
    ),
    "foreign_origin": (
        403,
        "This page may not use the chat. If it is your site, add its origin to the allowed origins of the desk.",
        "Esta página no puede usar el chat. Si el sitio es tuyo, añade su origen a los orígenes permitidos.",
    ),
    "no_identity": (
        403,
        "This desk does not accept signed identities. Set an identity secret to turn them on.",
        "Este servicio no acepta identidades firmadas. Configura un secreto de identidad para activarlas.",
    ),
    "link_over": (
        403,
        "This link has expired or is not complete. Open the file from the chat again.",
        "Este enlace ha caducado o está incompleto. Abre el archivo otra vez desde el chat.",
    ),
    "file_gone": (
        404,
        "This file is not here any more. Send it again.",
        "Este archivo ya no está disponible. Envíalo de nuevo.",
    ),
    "slow": (
        408,
        "The request took too long to arrive. Send it again.",
        "La petición ha tardado demasiado en llegar. Envíala de nuevo.",
    ),
    "identity_conflict": (
        409,
        "This chat belongs to another customer. End it, then start a new one.",
        "Este chat pertenece a otro cliente. Termínalo y empieza uno nuevo.",
    ),
    "too_large": (
        413,
        "The request is too large: at most {limit} bytes are taken. Shorten the message.",
        "La petición es demasiado grande: se aceptan como máximo {limit} bytes. Acorta el mensaje.",
    ),
    "file_too_large": (
        413,
        "The file is too large: at most {megabytes} MB are taken. Send a smaller one, or only the part that matters.",
        "El archivo es demasiado grande: se aceptan como máximo {megabytes} MB. Envía uno más pequeño o solo la parte que importa.",
    ),
    "file_type": (
        415,
        "This type of file is not taken. Send a picture (PNG, JPEG, WebP), a PDF, or plain text such as a log in UTF-8.",
        "Este tipo de archivo no se acepta. Envía una imagen (PNG, JPEG, WebP), un PDF o texto sin formato, como un registro en UTF-8.",
    ),
    "file_broken": (
        422,
        "The file is damaged or incomplete. Check that it opens on your side, then send it again.",
        "El archivo está dañado o incompleto. Comprueba que se abre en tu equipo y envíalo de nuevo.",
    ),
    "file_infected": (
        422,
        "The virus scanner found something harmful in this file, so it was not taken. Check your device, and send a clean copy.",
        "El antivirus ha encontrado algo dañino en este archivo, así que no se ha aceptado. Revisa tu equipo y envía una copia limpia.",
    ),
    "file_unchecked": (
        503,
        "Files cannot be checked for viruses just now, so this one was not taken. Try again later; the message can be sent without it.",
        "Ahora mismo no se pueden revisar los archivos con el antivirus, así que no se ha aceptado. Inténtalo más tarde; el mensaje puede "
        "enviarse sin él.",
    ),
    "file_unknown": (
        422,
        "A file of this message was not uploaded in this chat. Add it again.",
        "Uno de los archivos del mensaje no se ha subido en este chat. Añádelo otra vez.",
    ),
    "not_json": (
        415,
        "Send the request as application/json.",
        "Envía la petición como application/json.",
    ),
    "bad_field": (
        422,
        "A field of the request is missing or has the wrong form: {field}.",
        "Falta un campo de la petición o no tiene la forma correcta: {field}.",
    ),
    "empty": (
        422,
        "The message is empty. Write something and send it again.",
        "El mensaje está vacío. Escribe algo y envíalo de nuevo.",
    ),
    "too_long": (
        422,
        "The message has {length} characters and at most {limit} are taken. Shorten it or send it in parts.",
        "El mensaje tiene {length} caracteres y se aceptan {limit} como máximo. Acórtalo o envíalo por partes.",
    ),
    "too_many": (
        429,
        "Too many requests. Wait {after} s and try again.",
        "Demasiadas peticiones. Espera {after} s e inténtalo de nuevo.",
    ),
    "too_many_files": (
        429,
        "This chat has sent as many files as are taken. Wait {after} s before sending another.",
        "Este chat ya ha enviado el máximo de archivos. Espera {after} s antes de enviar otro.",
    ),
    "not_stored": (
        503,
        "Your message could not be saved just now, so it was not taken. It is worth trying again in {after} s.",
        "Ahora mismo no se ha podido guardar el mensaje, así que no se ha aceptado. Vuelve a intentarlo en {after} s.",
    ),
}


class Refusal(Exception):
    """A request that is not taken. `facts` fill the sentence and go into the answer beside it.

    `after`: seconds until a retry is sensible, sent as Retry-After.
    """

    def __init__(self, code: str, *, after: float | None = None, **facts: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.status = _SENTENCES[code][0]
        self.facts = facts
        self.after: int | None = None
        if after is not None:
            self.after = max(1, round(after + 0.5))
            self.facts["after"] = self.after

    def sentence(self, spanish: bool) -> str:
        _, english, castilian = _SENTENCES[self.code]
        return (castilian if spanish else english).format(**self.facts)

    def response(self, spanish: bool) -> Response:
        body = {"error": self.code, "message": self.sentence(spanish), **self.facts}
        headers = {"content-language": "es" if spanish else "en"}
        if self.after is not None:
            headers["retry-after"] = str(self.after)
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        return Response(msgspec.json.encode(body), self.status, headers, "application/json")
