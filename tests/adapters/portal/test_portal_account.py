"""The account in the client area: addresses that are proven before they are used, language and time zone."""

from __future__ import annotations

import pytest

from adapters.portal.account import zone_meant
from tests.adapters.portal_desk import BOB, Browser, Desk, browsing, path_in

# --- addresses ---


async def test_an_address_is_used_once_it_was_confirmed(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.sign_in()
    await browser.get("/area/addresses")
    assert browser.page.count("these notices go to the registered one, ana@example.com") == 3
    await browser.post("/area/addresses/add", account="1", category="billing", email="Books@Example.com")
    assert "Waiting for confirmation" in browser.page
    assert browser.page.count("these notices go to the registered one") == 3
    mail = await desk.mail(2)
    assert "Invoices and orders" in mail
    async with browsing(desk, "192.0.2.8") as colleague:
        await colleague.get(path_in(mail))
        assert await desk.ask("SELECT verified_at FROM account_address WHERE category = 'billing'") == [(None,)]
        await colleague.post("/area/link")
        assert "Address confirmed" in colleague.page
        # It proves an address, and signs nobody in.
        await colleague.get("/area/tickets")
        assert "Sign in" in colleague.page
    await browser.get("/area/addresses")
    assert "Confirmed" in browser.page
    assert browser.page.count("these notices go to the registered one") == 2
    await browser.post("/area/addresses/add", account="1", category="billing", email="books@example.com")
    assert (browser.status, "is confirmed already" in browser.page) == (422, True)
    await browser.post("/area/addresses/add", account="1", category="abuse", email="no such")
    assert (browser.status, 'value="no such"' in browser.page) == (422, True)
    await browser.post("/area/addresses/remove", account="1", category="billing", email="books@example.com")
    assert "The address was removed" in browser.page
    assert await desk.ask("SELECT category FROM account_address") == [("registered",)]


async def test_there_is_a_limit_to_addresses_and_to_links_for_one(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.sign_in()
    await browser.get("/area/addresses")
    for _ in range(3):
        await browser.post("/area/addresses/add", account="1", category="support", email="s@example.com")
        assert browser.status == 200
    await browser.post("/area/addresses/add", account="1", category="support", email="s@example.com")
    assert (browser.status, "Several links were sent there already" in browser.page) == (429, True)
    for n in range(4):
        await browser.post("/area/addresses/add", account="1", category="support", email=f"s{n}@example.com")
    await browser.post("/area/addresses/add", account="1", category="support", email="more@example.com")
    assert (browser.status, "There can be 5 addresses" in browser.page) == (422, True)


async def test_whoever_has_no_account_has_no_addresses_to_set(desk: Desk, browser: Browser) -> None:
    await desk.opened(BOB)
    await browser.sign_in(BOB)
    await browser.get("/area/addresses")
    assert "is not the registered address of an account" in browser.page
    await browser.get("/area/settings")
    assert "is not the registered address of an account" in browser.page
    await browser.get("/area/notifications")
    assert "There are no notices" in browser.page


# --- language and zone ---


async def test_language_and_time_zone_of_the_account(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.sign_in()
    await browser.get("/area/settings")
    assert '<option value="Europe/Madrid">' in browser.page
    await browser.post("/area/settings", locale="es", zone="new york")
    assert "Guardado" in browser.page
    assert await desk.ask("SELECT locale, zone FROM account") == [("es", "America/New_York")]
    await browser.post("/area/settings", locale="es", zone="Eurpe/Madird")
    assert (browser.status, "Europe/Madrid" in browser.page, 'value="Eurpe/Madird"' in browser.page) == (422, True, True)
    await browser.post("/area/settings", locale="es", zone="")
    assert await desk.ask("SELECT locale, zone FROM account") == [("es", "")]


async def test_the_language_follows_the_browser_until_one_is_chosen(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.get("/area", **{"accept-language": "es-MX,en;q=0.5"})
    assert '<html lang="es">' in browser.page
    await browser.get("/area", **{"accept-language": "fr"})
    assert '<html lang="es">' in browser.page
    await browser.get("/area")
    assert '<html lang="en">' in browser.page
    await browser.post("/area/language", locale="es")
    assert "Iniciar sesión" in browser.page
    await browser.sign_in()
    assert "Tus tickets" in browser.page
    await browser.post("/area/language", locale="en")
    assert "Your tickets" in browser.page
    await browser.post("/area/language", locale="xx")
    assert "Your tickets" in browser.page


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("europe/madrid", "Europe/Madrid"),
        ("Madrid", "Europe/Madrid"),
        ("new york", "America/New_York"),
        ("UTC", "UTC"),
        ("", ""),
        ("Narnia", None),
    ],
)
def test_a_zone_is_told_by_its_name_or_its_city(typed: str, zone: str | None) -> None:
    assert zone_meant(typed) == zone
