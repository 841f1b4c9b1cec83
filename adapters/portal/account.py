"""The account in the client area: where notices go, the language and the time zone, and the notices themselves."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

from starlette.responses import Response

from adapters.portal.entrance import ADDRESS_HOURS, letter_of
from adapters.portal.ports import Account
from adapters.portal.visit import digest
from conversations.identity import CATEGORIES, REGISTERED, mailbox

if TYPE_CHECKING:
    from adapters.portal.visit import Visit

MOST_ADDRESSES: Final = 5
"""Of one category."""

_NOTICES: Final = ("added", "removed", "saved")
_TYPED_LIMIT: Final = 254


@cache
def zones() -> tuple[str, ...]:
    """Those with a place in their name, which people know; the others are abbreviations and relics."""
    return (
        "UTC",
        *sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix", "right"))),
    )


async def notifications(visit: Visit) -> Response:
    return visit.page("notifications.html")


# --- addresses ---


async def addresses(visit: Visit) -> Response:
    return await _addresses(visit)


async def _addresses(visit: Visit, status: int = 200, *, error: str = "", wrong: tuple[int, str] = (0, ""), typed: str = "") -> Response:
    """`wrong`: the account and category whose form `error` and `typed` belong to."""
    sections = []
    for account in visit.guest.accounts if visit.guest else ():
        own = await visit.site.area.addresses(account.id)
        registered = [each.email for each in own if each.category == REGISTERED]
        by_category = [(category, [each for each in own if each.category == category]) for category in CATEGORIES]
        sections.append((account, registered, by_category))
    return visit.page(
        "addresses.html",
        status,
        sections=sections,
        notice=_notice(visit),
        error=error,
        wrong=wrong,
        typed=typed,
        most=MOST_ADDRESSES,
        hours=ADDRESS_HOURS,
        sending=visit.site.area.sending,
    )


async def change_addresses(visit: Visit, given: Mapping[str, str]) -> Response:
    account = _account(visit, given)
    category = given.get("category", "")
    if account is None or category not in CATEGORIES:
        return visit.not_found()
    if visit.request.path_params["what"] == "add":
        return await _add(visit, account, category, given.get("email", "").strip()[:_TYPED_LIMIT])
    await visit.site.area.remove_address(account.id, category, mailbox(given.get("email", "")))
    return visit.go("/area/addresses?done=removed")


async def _add(visit: Visit, account: Account, category: str, typed: str) -> Response:
    area, wrong = visit.site.area, (account.id, category)
    email = mailbox(typed)
    if not email:
        error = visit.label("addresses.unclear" if typed else "addresses.empty")
        return await _addresses(visit, 422, error=error, wrong=wrong, typed=typed)
    own = [each for each in await area.addresses(account.id) if each.category == category]
    if any(each.email == email and each.verified for each in own):
        return await _addresses(visit, 422, error=visit.label("addresses.there", email=email), wrong=wrong, typed=typed)
    if len(own) >= MOST_ADDRESSES and all(each.email != email for each in own):
        return await _addresses(visit, 422, error=visit.label("addresses.most", n=MOST_ADDRESSES), wrong=wrong, typed=typed)
    token = secrets.token_urlsafe(32)
    url = f"{visit.site.origin}/area/link/{token}"
    letter = letter_of(visit, "mail.address", url, hours=ADDRESS_HOURS, category=visit.label(f"addresses.{category}"))
    wait = await area.add_address(account.id, category, email, digest(token), url, letter, ADDRESS_HOURS)
    if wait:
        error = visit.label("addresses.too_many", n=max(1, round(wait / 60 + 0.5)))
        return await _addresses(visit, 429, error=error, wrong=wrong, typed=typed)
    return visit.go("/area/addresses?done=added")


def _account(visit: Visit, given: Mapping[str, str]) -> Account | None:
    """The one that a form is about, when it is theirs."""
    accounts = visit.guest.accounts if visit.guest else ()
    return next((account for account in accounts if str(account.id) == given.get("account")), None)


def _notice(visit: Visit) -> str:
    done = visit.request.query_params.get("done", "")
    return done if done in _NOTICES else ""


# --- language and time zone ---


async def settings(visit: Visit) -> Response:
    return _settings(visit)


def _settings(visit: Visit, status: int = 200, *, error: str = "", wrong: int = 0, typed: str = "") -> Response:
    return visit.page("settings.html", status, notice=_notice(visit), zones=zones(), error=error, wrong=wrong, typed=typed)


async def save(visit: Visit, given: Mapping[str, str]) -> Response:
    account = _account(visit, given)
    if account is None:
        return visit.not_found()
    locale, typed = given.get("locale", ""), given.get("zone", "").strip()[:_TYPED_LIMIT]
    if locale not in visit.site.area.about().locales:
        return visit.not_found()
    zone = zone_meant(typed)
    if zone is None:
        near = difflib.get_close_matches(typed.replace(" ", "_"), zones(), 3, 0.5)
        error = visit.label("settings.which_zone", near=", ".join(near)) if near else visit.label("settings.no_zone")
        return _settings(visit, 422, error=error, wrong=account.id, typed=typed)
    await visit.site.area.set_preferences(account.id, locale, zone)
    # What was chosen for this session only would hide it.
    await visit.site.area.choose_language(digest(visit.token), locale)
    return visit.go("/area/settings?done=saved")


def zone_meant(typed: str) -> str | None:
    """The time zone of this name, or of the place that its name ends with; "" for an empty text, None when it is none or several."""
    wanted = typed.replace(" ", "_").casefold()
    if not wanted:
        return ""
    same = [zone for zone in zones() if zone.casefold() == wanted] or [
        zone for zone in zones() if zone.rpartition("/")[2].casefold() == wanted
    ]
    return same[0] if len(same) == 1 else None
