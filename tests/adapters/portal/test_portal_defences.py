"""What the client area does not do: serve a stranger, take a forged form, send anybody elsewhere, or keep what is over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.portal import PortalSettings
from adapters.portal.visit import ABSOLUTE_MS, IDLE_MS, own_path
from conversations.knowledge import Knowledge
from storage.engines import Database
from tests.adapters.portal_desk import ANA, BOB, ORIGIN, Browser, Desk, browsing, desk_open, hash_of, path_in

MINUTE = 60_000


async def test_a_second_customer_gets_nothing_of_the_first_by_any_address(desk: Desk, browser: Browser) -> None:
    await desk.account(1, ANA)
    await desk.account(2, BOB, "Bob Ltd")
    ticket = await desk.opened(ANA)
    await browser.sign_in(BOB)
    path = f"/area/tickets/{ticket.number}"
    assert ticket.number not in browser.page
    await browser.get(path)
    assert browser.status == 404
    csrf = browser.hidden("")["csrf"]
    for act in ("close", "reopen", "rate"):
        await browser.post(f"{path}/{act}", csrf=csrf, once="x" * 22, rating="5")
        assert browser.status == 404
    await browser.send(f"{path}/reply", "I was here", ("a.txt", b"a"), csrf=csrf, once="x" * 22)
    assert browser.status == 404
    for act in ("add", "remove"):
        await browser.post(f"/area/addresses/{act}", csrf=csrf, account="1", category="billing", email=BOB)
        assert browser.status == 404
    await browser.post("/area/settings", csrf=csrf, account="1", locale="es", zone="UTC")
    assert browser.status == 404
    assert await desk.ask("SELECT text FROM ticket_entry") == []
    assert await desk.ask("SELECT locale, zone FROM account") == [("", ""), ("", "")]
    assert await desk.ask("SELECT category FROM account_address WHERE account = 1") == [("registered",)]


@pytest.mark.parametrize("path", ["/area/tickets", "/area/tickets/AAAA-1111", "/area/addresses", "/area/settings", "/area/notifications"])
async def test_a_stranger_is_asked_who_it_is(browser: Browser, path: str) -> None:
    await browser.get(path)
    assert "Send me the link" in browser.page


async def test_every_form_needs_its_token_and_our_own_origin(desk: Desk, browser: Browser) -> None:
    await desk.account()
    ticket = await desk.opened()
    await browser.sign_in()
    path = f"/area/tickets/{ticket.number}"
    await browser.get(path)
    for given in ("", "x" * 43):
        for action in (f"{path}/close", "/area/sign-out", "/area/settings", "/area/language", "/area/link", "/area/sign-in"):
            await browser.post(action, csrf=given, email=ANA, once="x" * 22)
            assert browser.status == 403, action
        await browser.get(path)
        await browser.send(f"{path}/reply", "Forged <b>", csrf=given)
        assert browser.status == 403
        assert "Forged &lt;b&gt;" in browser.page
    await browser.get(path)
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "http://desk.example.evil.example"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": "null", "sec-fetch-site": "same-site"},
    ):
        await browser.post(f"{path}/close", headers)
        assert browser.status == 403, headers
        await browser.get(path)
    assert (await desk.found(ticket.number)).state == "new"
    await browser.post(f"{path}/close", {"origin": "null", "sec-fetch-site": "same-origin"})
    assert (await desk.found(ticket.number)).state == "closed"


async def test_the_token_of_another_browser_is_worth_nothing(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.sign_in()
    mine = browser.hidden("")["csrf"]
    async with browsing(desk, "192.0.2.9") as other:
        await other.get("/area/sign-in")
        await other.post("/area/sign-in", csrf=mine, email=ANA)
        assert other.status == 403


async def test_a_link_works_once_and_not_for_long(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.get("/area/sign-in")
    await browser.post("/area/sign-in", email=ANA)
    path = path_in(await desk.mail())
    assert [tuple(row) for row in await desk.ask("SELECT token_hash FROM area_link")] == [(hash_of(path),)]
    await browser.get(path)
    form = browser.hidden("/area/link")
    await browser.post("/area/link", **form)
    assert "Your tickets" in browser.page
    async with browsing(desk, "192.0.2.9") as other:
        await other.get(path)
        assert (other.status, "works no more" in other.page) == (410, True)
        await other.post("/area/link", token=form["token"], purpose="sign_in")
        assert other.status == 410
        await other.get("/area/tickets")
        assert "Your tickets" not in other.page
        await other.post("/area/sign-in", email=ANA)
        late = path_in(await desk.mail(2))
        await other.get(late)
        hidden = other.hidden("/area/link")
        desk.clock.advance(15 * MINUTE)
        await other.post("/area/link", **hidden)
        assert other.status == 410
        await other.get("/area/link/" + "x" * 43)
        assert other.status == 410


async def test_a_token_that_was_planted_is_no_session(desk: Desk) -> None:
    await desk.account()
    planted = "p" * 43
    async with browsing(desk) as browser:
        browser.http.cookies.set("area", planted, "desk.example", "/area")
        await browser.get("/area/sign-in")
        await browser.post("/area/sign-in", email=ANA)
        await browser.get(path_in(await desk.mail()))
        await browser.post("/area/link")
        assert "Your tickets" in browser.page
    async with browsing(desk, "192.0.2.9") as thief:
        thief.http.cookies.set("area", planted, "desk.example", "/area")
        await thief.get("/area/tickets")
        assert "Your tickets" not in thief.page


async def test_sessions_end_when_idle_when_old_and_everywhere_at_once(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.sign_in()
    desk.clock.advance(IDLE_MS + MINUTE)
    await browser.get("/area/tickets")
    assert "Your tickets" not in browser.page
    await browser.sign_in()
    for _ in range(ABSOLUTE_MS // (IDLE_MS - MINUTE) + 1):
        desk.clock.advance(IDLE_MS - MINUTE)
        await browser.get("/area/tickets")
    assert "Your tickets" not in browser.page
    await browser.sign_in()
    async with browsing(desk, "192.0.2.9") as other:
        await other.sign_in()
        await other.get("/area/settings")
        await other.post("/area/sign-out", everywhere="yes")
    await browser.get("/area/tickets")
    assert "Your tickets" not in browser.page


async def test_a_reply_whose_session_ended_is_given_back(desk: Desk, browser: Browser) -> None:
    ticket = await desk.opened()
    await browser.sign_in()
    await browser.get(f"/area/tickets/{ticket.number}")
    desk.clock.advance(IDLE_MS + MINUTE)
    await browser.send(f"/area/tickets/{ticket.number}/reply", "Half an hour of <typing>", ("a.txt", b"a"))
    assert (browser.status, "Half an hour of &lt;typing&gt;</textarea>" in browser.page) == (401, True)


async def test_links_are_limited_for_an_address_and_for_a_network(desk: Desk) -> None:
    await desk.account()
    for n in range(7):
        async with browsing(desk, f"192.0.2.{n}") as browser:
            await browser.get("/area/sign-in")
            await browser.post("/area/sign-in", email=ANA)
            assert browser.status == (200 if n < 5 else 429)
    async with browsing(desk, "198.51.100.1") as browser:
        await browser.get("/area/sign-in")
        found = [(await browser.post("/area/sign-in", email=f"nobody{n}@example.com")).status_code for n in range(8)]
        assert found == [200] * 6 + [429] * 2
        assert 'value="nobody7@example.com"' in browser.page


@pytest.mark.parametrize(
    "to",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/area/../chat", "/area/tickets\r\nx: y", "/chat", "", "/area/x?y=z"],
)
async def test_nobody_is_sent_anywhere_else(desk: Desk, browser: Browser, to: str) -> None:
    assert own_path(to) == "/area/tickets"
    await desk.account()
    await browser.get("/area/sign-in")
    await browser.post("/area/sign-in", email=ANA, to=to)
    path = path_in(await desk.mail())
    assert "evil" not in path
    await browser.get(path)
    answer = await browser.http.post(
        "/area/link", data={**browser.hidden("/area/link"), "to": to}, headers={"origin": ORIGIN}, follow_redirects=False
    )
    assert answer.headers["location"] == "/area/tickets"
    assert "x" not in answer.headers


async def test_the_links_in_mails_begin_with_our_address_whatever_a_request_says(desk: Desk) -> None:
    await desk.account()
    async with browsing(desk, origin="http://evil.example") as browser:
        await browser.get("/area/sign-in")
        await browser.post("/area/sign-in", {"origin": "http://evil.example"}, email=ANA)
    assert "evil" not in await desk.mail()


async def test_bodies_have_limits_and_must_be_whole(desk: Desk, browser: Browser) -> None:
    await desk.account()
    ticket = await desk.opened()
    await browser.sign_in()
    await browser.get("/area/settings")
    await browser.post("/area/settings", zone="x" * 70_000)
    assert (browser.status, "too much" in browser.page.lower()) == (413, True)
    path = f"/area/tickets/{ticket.number}/reply"
    for body in (b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\nz\r\n--x--", b"--x--", b"\r\n--x\r\n" + b"h" * 9_000):
        answer = await browser.http.post(path, content=body, headers={"origin": ORIGIN, "content-type": "multipart/form-data; boundary=x"})
        assert answer.status_code in (400, 403), body


async def test_what_people_wrote_stays_text(desk: Desk, browser: Browser) -> None:
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    ticket = await desk.opened(details=evil)
    await browser.sign_in()
    for path in ("/area/tickets", f"/area/tickets/{ticket.number}"):
        await browser.get(path + "?q=" if path.endswith("s") else path)
        assert "&lt;script&gt;" in browser.page
        assert "<script" not in browser.page
        assert "<img" not in browser.page
    await browser.get('/area/tickets?q="><script>alert(3)</script>')
    assert "<script" not in browser.page


async def test_every_page_has_the_headers_that_make_browsers_careful(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.sign_in()
    for path in ("/area/tickets", "/area/nothing", "/area/settings", "/area/link/" + "x" * 43, "/area/sign-in?sent=1"):
        answer = await browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://", browser.page)
    css = await browser.http.get(re.findall(r'href="(/area/area\.css[^"]+)"', browser.page)[0])
    assert css.headers["content-type"].startswith("text/css")
    assert "immutable" in css.headers["cache-control"]


async def test_the_cookie_is_as_strict_as_the_connection_allows(database: Database, knowledge: Knowledge, tmp_path: Path) -> None:
    settings = PortalSettings(public_url="https://desk.example")
    async with desk_open(database, knowledge, tmp_path, settings=settings) as desk, browsing(desk) as browser:
        answer = await browser.get("/area")
        cookie = answer.headers["set-cookie"].lower()
        assert cookie.startswith("__host-area=")
        assert all(part in cookie for part in ("secure", "httponly", "samesite=lax", "path=/"))
        assert "strict-transport-security" in answer.headers
    async with desk_open(database, knowledge, tmp_path) as plain, browsing(plain) as browser:
        cookie = (await browser.get("/area")).headers["set-cookie"].lower()
        assert cookie.startswith("area=")
        assert "secure" not in cookie
        assert "httponly" in cookie


async def test_an_unknown_page_and_a_wrong_method_are_said(browser: Browser) -> None:
    for path, status in (("/area/nothing", 404), ("/area/sign-out", 405), ("/area/tickets/a/b/c", 404)):
        await browser.get(path)
        assert browser.status == status
    await browser.post("/area/tickets")
    assert browser.status == 405
