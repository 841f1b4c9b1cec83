"""Files that customers send: fetched from Slack with the bot's token, kept by the desk, or refused in words that name the limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from adapters.ports import Blobs, FileRefused
from adapters.slack.decode import words
from adapters.slack.web import Failure, Web
from adapters.slack.words import Word, say
from adapters.text import without_controls
from adapters.uploads import name_of
from conversations.model import Attachment

FILE_LIMIT: Final = 20 * 1_048_576
TRIES: Final = 2
PART: Final = 65_536


class TooLarge(Exception):
    """More bytes than a file may have."""


_REFUSED: Final[dict[str, Word]] = {
    "type": "file_type",
    "broken": "file_broken",
    "infected": "file_infected",
    "unchecked": "file_unchecked",
}


class Fetched(NamedTuple):
    """A kept file, or why there is none."""

    file: Attachment | None
    refused: Word | None = None


async def fetch(web: Web, blobs: Blobs, file: dict[str, Any]) -> Fetched:
    """Raises adapters.base.NotStored when it cannot be kept now; whatever is the file's own fault is a refusal."""
    if words(file, "mode") == "external" or file.get("is_external") is True:
        return Fetched(None, "file_external")
    if words(file, "file_access") == "check_file_info":
        # Of a channel shared with another company only the id is told at first.
        try:
            told = (await web.call("files_info", file=words(file, "id"))).get("file")
        except Failure:
            return Fetched(None, "file_fetch")
        file = told if isinstance(told, dict) else {}
    size = file.get("size")
    if isinstance(size, int) and size > FILE_LIMIT:
        return Fetched(None, "file_size")
    url = words(file, "url_private_download") or words(file, "url_private")
    if not ours(url, web.base_url):
        return Fetched(None, "file_fetch")
    html = words(file, "mimetype").startswith("text/html")
    for _ in range(TRIES):
        try:
            kept = await blobs.keep(_parts(web, url, html))
        except FileRefused as refused:
            return Fetched(None, _REFUSED[refused.reason])
        except TooLarge:
            return Fetched(None, "file_size")
        except Failure:
            continue
        return Fetched(Attachment(kept.digest, name_of(words(file, "name"), kept.mime), kept.mime, kept.size))
    return Fetched(None, "file_fetch")


def refusal(word: Word, file: dict[str, Any], locale: str) -> str:
    shown = " ".join(without_controls(words(file, "name") or words(file, "title")).split())[:100] or "?"
    return say(word, locale, name=shown, megabytes=FILE_LIMIT // 1_048_576)


def ours(url: str, base_url: str) -> bool:
    """Whether the bot's token may be shown to this address: only to Slack, or to where its Web API is."""
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.username or parts.password:
        return False
    if (parts.scheme, host, port) == (base.scheme, base.hostname, base.port):
        return True
    return parts.scheme == "https" and port in (None, 443) and host.endswith((".slack.com", ".slack-gov.com"))


async def _parts(web: Web, url: str, html: bool) -> AsyncIterator[bytes]:
    """The content. Raises Failure and TooLarge."""
    import aiohttp

    size = 0
    try:
        async with web.session().get(url, headers={"authorization": f"Bearer {web.token}"}, allow_redirects=False) as response:
            # Without the right to read files Slack answers 200 and a page to sign in at.
            if response.status != 200 or (response.content_type == "text/html" and not html):
                raise Failure(f"status {response.status}", transient=True)
            async for part in response.content.iter_chunked(PART):
                size += len(part)
                if size > FILE_LIMIT:
                    raise TooLarge
                yield part
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Failure(type(error).__name__, transient=True) from None
