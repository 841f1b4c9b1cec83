"""One mail: what it says and to whom as plain data, and its bytes as they go over the wire. Pure: the same letter is the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from msgspec import Struct

from adapters.email.html import page
from adapters.text import PLAIN, without_controls
from conversations.model import Attachment, Bullets, Doc, Paragraph, Text

SUBJECT_LIMIT = 150
NAME_LIMIT = 100
MEGABYTE = 1_048_576

TOO_LARGE = {
    "es": "Estos archivos no caben en un correo; los encontrarás en el chat:",
    "en": "These files do not fit into an e-mail; you will find them in the chat:",
}

_registry = HeaderRegistry()
# By itself the library would fold a long id into encoded words, which RFC 2047 (5) forbids there.
for _name in ("in-reply-to", "references"):
    _registry.map_to_type(_name, MessageIDHeader)  # type: ignore[arg-type]  # typeshed knows it only as a mixin
_POLICY = SMTP.clone(header_factory=_registry, cte_type="7bit")


class Letter(Struct, frozen=True):
    """`id` and `thread` are message ids with their angle brackets; `thread` is "" for what belongs to nothing. `at`: epoch ms.

    `files` are to be attached, `left` are only named, for there would be too much of them.
    """

    sender: str
    sender_name: str
    to: str
    subject: str
    id: str
    thread: str
    at: int
    locale: str
    doc: Doc
    files: tuple[Attachment, ...] = ()
    left: tuple[Attachment, ...] = ()


def compose(letter: Letter, contents: Mapping[str, bytes]) -> bytes:
    """The whole message (RFC 5322), in lines that any server takes. `contents` are the files by their id; what is not there is named."""
    attached = [file for file in letter.files if file.id in contents]
    named = (*(file for file in letter.files if file.id not in contents), *letter.left)
    doc = (*letter.doc, *_named(named, letter.locale))
    subject = one_line(letter.subject)[:SUBJECT_LIMIT]
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _address(letter.sender, letter.sender_name)
    mail["To"] = _address(letter.to)
    mail["Reply-To"] = _address(letter.sender, letter.sender_name)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(letter.at // 1000, UTC))
    mail["Message-ID"] = letter.id
    if letter.thread:
        mail["In-Reply-To"] = letter.thread
        mail["References"] = letter.thread
    # RFC 3834 (5): no program may answer this, and by Microsoft's own header theirs do not either. Nothing here answers a mail.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(PLAIN.doc(doc) + "\n", charset="utf-8", cte="quoted-printable")
    mail.add_alternative(page(doc, letter.locale, subject), subtype="html", charset="utf-8", cte="quoted-printable")
    for file in attached:
        kind, _, subtype = file.mime.partition("/")
        mail.add_attachment(
            contents[file.id], maintype=kind or "application", subtype=subtype or "octet-stream", filename=one_line(file.name)[:NAME_LIMIT]
        )
    # Last, for what begins with Content- goes along with the text into its part.
    if letter.locale.isascii() and letter.locale.replace("-", "").isalnum():
        mail["Content-Language"] = letter.locale
    # Chance would make every try a different message.
    mark = hashlib.sha256(letter.id.encode()).hexdigest()[:24]
    for n, part in enumerate(mail.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{mark}_{n}")
    return mail.as_bytes()


def one_line(text: str) -> str:
    """Fit for a header: a line end in it would begin a header of somebody else's making."""
    return " ".join(without_controls(text).split())


def _address(address: str, name: str = "") -> Address:
    user, _, domain = address.rpartition("@")
    return Address(one_line(name), user, domain)


def _named(files: tuple[Attachment, ...], locale: str) -> Doc:
    if not files:
        return ()
    lead = TOO_LARGE.get(locale.partition("-")[0], TOO_LARGE["en"])
    return (Paragraph((Text(lead),)), Bullets(tuple((Text(f"{one_line(file.name)} ({_size(file.size)})"),) for file in files)))


def _size(size: int) -> str:
    return f"{max(1, size // 1024)} KB" if size < MEGABYTE else f"{size / MEGABYTE:.1f} MB"
