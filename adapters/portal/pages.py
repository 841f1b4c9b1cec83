"""Draws the client area's pages: templates in which everything is escaped, texts by id, times in the reader's zone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from conversations.moments import stamp_shown

if TYPE_CHECKING:
    from adapters.portal.ports import FileLinks
    from adapters.portal.visit import Visit

_LONG: Final = "public, max-age=31536000, immutable"
NAMES: Final = {"en": "English", "es": "Español"}
"""What each language calls itself."""


class Pages:
    def __init__(self, file_link: FileLinks) -> None:
        folder = files("adapters.portal")
        self._file_link = file_link
        self._style = folder.joinpath("static", "area.css").read_bytes()
        self._fingerprint = hashlib.sha256(self._style).hexdigest()[:20]
        # Everything is escaped, whatever a file is called; a name that is not given is an error and not an empty place.
        self._templates = Environment(
            loader=FunctionLoader(lambda name: folder.joinpath("pages", name).read_text(encoding="utf-8")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, visit: Visit, name: str, values: Mapping[str, Any]) -> str:
        about, locale, zone = visit.site.area.about(), visit.locale, visit.zone

        def shown_at(at: int) -> str:
            return stamp_shown(at, zone, locale)

        return self._templates.get_template(name).render(
            values,
            t=visit.label,
            desk=about.name,
            locale=locale,
            languages=[(code, NAMES.get(code, code)) for code in about.locales],
            zone=zone,
            guest=visit.guest,
            path=visit.path,
            csrf=visit.csrf,
            style=f"/area/area.css?v={self._fingerprint}",
            at=shown_at,
            download=self._file_link,
            size=lambda bytes: size_shown(bytes, locale),
        )

    def style(self, request: Request) -> Response:
        kept = request.query_params.get("v") == self._fingerprint
        return Response(self._style, 200, {"cache-control": _LONG if kept else "no-cache"}, "text/css; charset=utf-8")


def size_shown(bytes: int, locale: str) -> str:
    """For a reader, e.g. `1,2 MB`."""
    from babel.numbers import format_decimal

    if bytes < 1000:
        return f"{bytes} B"
    unit, divisor = ("MB", 1_048_576) if bytes >= 1_000_000 else ("KB", 1024)
    return f"{format_decimal(round(bytes / divisor, 1), locale=locale)} {unit}"
