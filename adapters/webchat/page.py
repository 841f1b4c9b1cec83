"""The desk's own small page at `/`: who we are, what one can ask, and the chat at the bottom right."""

from __future__ import annotations

from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapters.webchat.assets import Assets
from adapters.webchat.endpoints import speaks_spanish
from adapters.webchat.ports import Welcomes
from adapters.webchat.settings import WebChatSettings

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

# The words of the page itself, not of the desk: what the desk says comes from its content.
_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "Support · {name}",
        "tag": "Online now",
        "head": "How can we help you?",
        "lead": "Ask in your own words. Simple questions are answered at once; "
        "for everything else you can open a ticket or talk to a person.",
        "open": "Open the chat",
        "ask": "For example",
        "how": "How it works",
        "how1": "Write your question",
        "how1t": "One sentence is enough. Accents and small slips do not matter.",
        "how2": "Get the answer",
        "how2t": "With the steps to follow and related topics one press away.",
        "how3": "Or a person",
        "how3t": "Ask for one at any moment. What you have written is passed on.",
        "embed": "Put this chat on your site",
        "embedt": "Two lines before the end of the page. The site's address must be among the allowed origins of the desk.",
        "copy": "Copy",
        "copied": "Copied",
        "skip": "Skip to the content",
        "noscript": "The chat needs JavaScript. Please switch it on and reload the page.",
        "language": "Language",
    },
    "es": {
        "title": "Soporte · {name}",
        "tag": "En línea ahora",
        "head": "¿En qué podemos ayudarte?",
        "lead": "Pregunta con tus propias palabras. Las consultas sencillas se responden al instante; "
        "para todo lo demás puedes abrir un ticket o hablar con una persona.",
        "open": "Abrir el chat",
        "ask": "Por ejemplo",
        "how": "Cómo funciona",
        "how1": "Escribe tu pregunta",
        "how1t": "Basta con una frase. No importan los acentos ni las pequeñas erratas.",
        "how2": "Recibe la respuesta",
        "how2t": "Con los pasos que hay que seguir y los temas relacionados a un clic.",
        "how3": "O una persona",
        "how3t": "Pídela en cualquier momento. Se le entrega lo que ya has escrito.",
        "embed": "Pon este chat en tu sitio",
        "embedt": "Dos líneas antes del final de la página. La dirección del sitio debe estar entre los orígenes permitidos.",
        "copy": "Copiar",
        "copied": "Copiado",
        "skip": "Ir al contenido",
        "noscript": "El chat necesita JavaScript. Actívalo y recarga la página.",
        "language": "Idioma",
    },
}
_NAMES: Final = {"en": "English", "es": "Español"}


class Page:
    """Plain HTML, made anew for each request from the welcome of the desk: no template engine for one page."""

    def __init__(self, settings: WebChatSettings, welcome: Welcomes, assets: Assets) -> None:
        self._settings = settings
        self._welcome = welcome
        self._assets = assets

    async def show(self, request: Request) -> Response:
        asked = request.query_params.get("lang", "")
        locale = asked if asked in _WORDS else ("es" if speaks_spanish(request.headers.get("accept-language", "")) else "en")
        origin = self._settings.public_url or f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        headers = {
            "content-security-policy": _POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cache-control": "no-cache",
            "content-language": locale,
            "vary": "Accept-Language",
        }
        return HTMLResponse(self._html(locale, origin), headers=headers)

    def _html(self, locale: str, origin: str) -> str:
        words = {key: escape(text) for key, text in _WORDS[locale].items()}
        welcome = self._welcome(locale)
        name = escape(welcome.name)
        colour = escape(self._settings.colour)
        url = self._assets.url
        languages = "".join(
            f'<a href="/?lang={code}" lang="{code}" hreflang="{code}"{" aria-current=true" if code == locale else ""}>{text}</a>'
            for code, text in _NAMES.items()
        )
        questions = "".join(
            f'<li><button type="button" data-ask="{escape(text)}"><span>{escape(text)}</span></button></li>' for text in welcome.suggestions
        )
        examples = f'<section aria-labelledby="ask"><h2 id="ask">{words["ask"]}</h2><ul class="asks">{questions}</ul></section>'
        steps = "".join(f"<li><h3>{words[f'how{n}']}</h3><p>{words[f'how{n}t']}</p></li>" for n in (1, 2, 3))
        snippet = f'<script async src="{origin}/chat/widget.js"></script>\n<support-chat color="{self._settings.colour}"></support-chat>'
        return f"""<!doctype html>
<html lang="{locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{words["title"].format(name=name)}</title>
<meta name="description" content="{words["lead"]}">
<link rel="icon" href="{url("favicon.svg")}" type="image/svg+xml">
<link rel="stylesheet" href="{url("page.css")}">
<script async src="{url("widget.js")}"></script>
<script defer src="{url("page.js")}"></script>
</head>
<body>
<header><a class="skip" href="#main">{words["skip"]}</a>
<p class="name">{name}</p><nav aria-label="{words["language"]}">{languages}</nav></header>
<main id="main">
<section class="top">
<p class="tag"><i></i>{words["tag"]}</p>
<h1>{words["head"]}</h1>
<p class="lead">{words["lead"]}</p>
<button type="button" class="open" data-open>{words["open"]}</button>
<noscript><p class="note">{words["noscript"]}</p></noscript>
</section>
{examples if questions else ""}
<section aria-labelledby="how"><h2 id="how">{words["how"]}</h2><ol class="steps">{steps}</ol></section>
<section aria-labelledby="embed" class="embed"><h2 id="embed">{words["embed"]}</h2><p>{words["embedt"]}</p>
<div class="code"><pre tabindex="0"><code>{escape(snippet)}</code></pre>
<button type="button" data-copy data-done="{words["copied"]}">{words["copy"]}</button></div></section>
</main>
<support-chat color="{colour}" locale="{locale}"></support-chat>
</body>
</html>
"""
