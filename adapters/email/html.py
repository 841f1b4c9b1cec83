"""The text tree as the HTML part of a mail: every leaf escaped, simple enough for any mail program, and nothing fetched from anywhere."""

from __future__ import annotations

from html import escape

from adapters.text import Dialect
from conversations.model import Bullets, Doc, Paragraph, Steps

_TEXT = "margin:0 0 14px"
_LIST = "margin:0 0 14px;padding-left:24px"
_CODE = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.94em"
# Both are named, so that a mail program in the dark turns the colours itself: no colour of ours can come to stand on one of its own.
_HEAD = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
_BODY = "margin:0;padding:20px;font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:16px;line-height:1.5"


class Html(Dialect):
    """`text` is the one place that escapes."""

    def text(self, text: str) -> str:
        return escape(super().text(text), quote=True).replace("\n", "<br>\n")

    def code(self, text: str) -> str:
        return f'<code style="{_CODE}">{self.text(text)}</code>'

    def bold(self, inner: str) -> str:
        return f"<strong>{inner}</strong>"

    def italic(self, inner: str) -> str:
        return f"<em>{inner}</em>"

    def link(self, url: str, inner: str) -> str:
        if not url.lower().startswith(("https://", "http://", "mailto:")):
            return inner
        return f'<a href="{self.text(url)}" rel="noopener noreferrer">{inner}</a>'

    def break_(self) -> str:
        return "<br>\n"

    def paragraph(self, inner: str) -> str:
        return f'<p style="{_TEXT}">{inner}</p>'

    def _block(self, block: Paragraph | Bullets | Steps) -> str:
        if isinstance(block, Paragraph):
            return self.paragraph(self.line(block.children))
        tag = "ol" if isinstance(block, Steps) else "ul"
        items = "".join(f"<li>{self.line(item)}</li>\n" for item in block.items)
        return f'<{tag} style="{_LIST}">\n{items}</{tag}>'


def page(doc: Doc, locale: str, title: str) -> str:
    """A whole HTML document; `title` is for readers that ask for one."""
    html = Html()
    return (
        f'<!doctype html>\n<html lang="{html.text(locale)}"><head>{_HEAD}<title>{html.text(title)}</title></head>\n'
        f'<body style="{_BODY}"><div style="max-width:640px">\n{html.doc(doc)}\n</div></body></html>\n'
    )
