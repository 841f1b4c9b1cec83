"""The client area as a customer uses it: signing in, reading and answering tickets, addresses, language and time zone."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from adapters.portal import PortalSettings
from bot.telemetry import configure
from conversations.knowledge import Knowledge
from conversations.moments import stamp_shown
from storage.engines import Database
from tests.adapters.portal_desk import ANA, EVE, Browser, Desk, browsing, desk_open, path_in, query
from tests.bot.rig import until
from tests.pictures import GPS, jpeg, png

# --- signing in ---


async def test_a_customer_signs_in_by_the_link_in_the_mail(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.get("/area")
    assert "Sign in" in browser.page
    await browser.post("/area/sign-in", email="  ANA@Example.com ")
    assert "If we know that address" in browser.page
    mail = await desk.mail()
    assert desk.post.subjects == ["Your link to the Client Area of INTROSERV"]
    assert desk.post.board.posts[-1][0] == ANA
    # Opened by whatever looks into mail, as often as it likes: nothing is used up.
    for _ in range(3):
        await browser.get(path_in(mail))
        assert browser.status == 200
        assert ANA in browser.page
    await browser.post("/area/link")
    assert "Your tickets" in browser.page
    await browser.post("/area/sign-out")
    await browser.get("/area/tickets")
    assert "Your tickets" not in browser.page


async def test_the_link_leads_to_the_page_that_was_asked_for(desk: Desk, browser: Browser) -> None:
    ticket = await desk.opened()
    await browser.get(f"/area/tickets/{ticket.number}")
    assert ticket.title not in browser.page
    await browser.post("/area/sign-in", email=ANA)
    await browser.get(path_in(await desk.mail(2)))
    await browser.post("/area/link")
    assert ticket.number in browser.page
    assert ticket.text in browser.page


async def test_somebody_unknown_gets_the_same_answer_and_no_mail(desk: Desk, browser: Browser) -> None:
    await desk.account()
    pages = []
    for email in (ANA, EVE):
        await browser.get("/area/sign-in")
        await browser.post("/area/sign-in", email=email)
        pages.append(re.sub(r'value="[\w-]{43}"', "", browser.page))
    assert pages[0] == pages[1]
    await desk.mail()
    await until(desk.pipeline.quiet)
    assert [to for to, _ in desk.post.board.posts] == [ANA]


async def test_a_slip_in_the_address_is_told_and_kept(desk: Desk, browser: Browser) -> None:
    await browser.get("/area/sign-in")
    await browser.post("/area/sign-in", email="ana@example")
    assert browser.status == 422
    assert 'value="ana@example"' in browser.page
    assert "not a complete e-mail address" in browser.page
    await browser.post("/area/sign-in", email=" ")
    assert "Type your e-mail address" in browser.page


async def test_without_mail_a_desk_that_is_tried_out_tells_its_log(
    database: Database, knowledge: Knowledge, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with desk_open(database, knowledge, tmp_path, mail=False, trial=True) as desk, browsing(desk) as browser:
        await desk.account()
        capfd.readouterr()
        desk.area._log = configure("warning", "json")
        await browser.get("/area/sign-in")
        await browser.post("/area/sign-in", email=EVE)
        assert "/area/link/" not in "".join(capfd.readouterr())
        assert "is in its log" in browser.page
        await browser.post("/area/sign-in", email=ANA)
        logged = "".join(capfd.readouterr())
        await browser.get(path_in(logged))
        await browser.post("/area/link")
        assert "Your tickets" in browser.page


async def test_without_mail_a_desk_of_the_world_says_so(
    database: Database, knowledge: Knowledge, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with desk_open(database, knowledge, tmp_path, mail=False) as desk, browsing(desk) as browser:
        await desk.account()
        await browser.get("/area")
        assert "not set up" in browser.page
        assert 'name="email"' not in browser.page
        await browser.post("/area/sign-in", email=ANA)
        assert "not set up" in browser.page
        assert await desk.ask("SELECT * FROM area_link") == []
        assert "/area/link/" not in "".join(capfd.readouterr())


# --- tickets ---


async def test_the_list_filters_searches_and_says_when_it_is_empty(desk: Desk, browser: Browser) -> None:
    await desk.account()
    await browser.sign_in()
    assert "There are no tickets yet" in browser.page
    first = await desk.opened(details="The first disk is broken")
    second = await desk.opened(details="The second network is slow")
    await desk.state(first.number, "closed")
    await browser.get("/area/tickets")
    assert browser.page.index(second.number) < browser.page.index(first.number)
    for asked, shown in (
        (query(show="open"), {second.number}),
        (query(show="finished"), {first.number}),
        (query(q="DISK"), {first.number}),
        (query(q=second.number.lower()), {second.number}),
        (query(q="%"), set()),
        (query(show="nonsense", page="0"), {first.number, second.number}),
        (query(page="2"), set()),
    ):
        await browser.get("/area/tickets" + asked)
        assert {number for number in (first.number, second.number) if f">{number}<" in browser.page} == shown
        assert ("No ticket fits" in browser.page) is not bool(shown)


async def test_many_tickets_come_in_pages(desk: Desk, browser: Browser) -> None:
    for n in range(23):
        await desk.opened(chat=f"c{n}", details=f"Problem {n}")
    await browser.sign_in()
    seen = set(re.findall(r'href="/area/tickets/([\w-]+)"', browser.page))
    assert len(seen) == 20
    await browser.get("/area/tickets?page=2")
    assert "Page 2" in browser.page
    assert len(seen | set(re.findall(r'href="/area/tickets/([\w-]+)"', browser.page))) == 23


async def test_a_ticket_is_shown_whole_in_the_customers_words_and_zone(desk: Desk, browser: Browser) -> None:
    await desk.account(zone="America/New_York", locale="es")
    ticket = await desk.opened(assets="198.51.100.7, #123456", service="VPS <Uno>")
    await desk.reply(ticket.number, "Which <queue>?", "Eva")
    await browser.sign_in()
    await browser.get(f"/area/tickets/{ticket.number.lower()}")
    for part in ("198.51.100.7", "VPS &lt;Uno&gt;", "Departamento", "Cuestiones técnicas", "Which &lt;queue&gt;?", "Eva"):
        assert part in browser.page
    assert stamp_shown(ticket.created_at, "America/New_York", "es") in browser.page
    assert '<html lang="es">' in browser.page
    await desk.state(ticket.number, "claimed")
    await browser.get(f"/area/tickets/{ticket.number}")
    assert "for us only" not in browser.page
    assert "Secret Agent" not in browser.page


async def test_a_reply_is_an_entry_and_is_said_in_the_chat(desk: Desk, browser: Browser) -> None:
    ticket = await desk.opened()
    await desk.reply(ticket.number, "Is it the new one?")
    await browser.sign_in()
    path = f"/area/tickets/{ticket.number}"
    await browser.get(path)
    await browser.send(f"{path}/reply", "Yes, the <new> one", ("mtr log.txt", b"hop 1\nhop 2\n"), ("shot.exe", png()))
    assert browser.status == 200, browser.page
    assert "Your reply was added" in browser.page
    assert "Yes, the &lt;new&gt; one" in browser.page
    assert "mtr log.txt" in browser.page
    assert "shot.exe.png" in browser.page
    assert (await desk.found(ticket.number)).state == "open"
    await until(lambda: "Yes, the <new> one" in desk.said())
    assert "Client Area" in desk.said()
    assert "mtr log.txt" in desk.said()


async def test_the_same_reply_sent_twice_is_one_and_a_changed_one_is_another(desk: Desk, browser: Browser) -> None:
    ticket = await desk.opened()
    await browser.sign_in()
    path = f"/area/tickets/{ticket.number}"
    await browser.get(path)
    form = browser.hidden(f"{path}/reply")
    await asyncio.gather(*(browser.send(f"{path}/reply", "It is down", **form) for _ in range(3)))
    await browser.send(f"{path}/reply", "It is down", **form)
    assert "it was added once" in browser.page
    await browser.send(f"{path}/reply", "It is down, still", **form)
    assert await desk.ask("SELECT text FROM ticket_entry ORDER BY id") == [("It is down",), ("It is down, still",)]
    # Without files a plain form does as well.
    await browser.post(f"{path}/reply", text="By hand")
    assert (await desk.ask("SELECT text FROM ticket_entry ORDER BY id"))[-1] == ("By hand",)


async def test_what_is_not_applied_yet_is_shown_as_being_added(database: Database, knowledge: Knowledge, tmp_path: Path) -> None:
    async with desk_open(database, knowledge, tmp_path) as desk, browsing(desk) as browser:
        ticket = await desk.opened()
        await browser.sign_in()
        await desk.supervisor.stop(["worker"])
        path = f"/area/tickets/{ticket.number}"
        await browser.get(path)

        await browser.send(f"{path}/reply", "Nobody decides this yet")
        assert "being added" in browser.page
        assert "Nobody decides this yet" in browser.page
        assert await desk.ask("SELECT * FROM ticket_entry") == []


async def test_a_ticket_is_closed_rated_and_reopened(desk: Desk, browser: Browser) -> None:
    ticket = await desk.opened()
    await browser.sign_in()
    path = f"/area/tickets/{ticket.number}"
    await browser.get(path)
    assert f"{path}/rate" not in browser.page
    await browser.post(f"{path}/close")
    assert "The ticket is closed" in browser.page
    assert (await desk.found(ticket.number)).state == "closed"
    await browser.post(f"{path}/rate")
    assert (browser.status, "from 1 to 5" in browser.page) == (422, True)
    await browser.post(f"{path}/rate", rating="5")
    assert "You rated this ticket 5 out of 5" in browser.page
    assert (await desk.found(ticket.number)).rating == 5
    await browser.post(f"{path}/reopen")
    assert "open again" in browser.page
    assert (await desk.found(ticket.number)).state == "reopened"
    await until(lambda: "You reopened your ticket" in desk.said())
    assert "5 out of 5" in desk.said()
    # From a page that is out of date nothing is done.
    await browser.post(f"{path}/reopen")
    assert (browser.status, "has changed since" in browser.page) == (409, True)


async def test_a_bare_thanks_reopens_nothing_and_news_do(desk: Desk, browser: Browser) -> None:
    ticket = await desk.opened()
    await desk.state(ticket.number, "closed")
    await browser.sign_in()
    path = f"/area/tickets/{ticket.number}"
    await browser.get(path)
    await browser.send(f"{path}/reply", "Thank you very much!")
    assert (await desk.found(ticket.number)).state == "closed"
    await browser.send(f"{path}/reply", "It is down again")
    assert (await desk.found(ticket.number)).state == "reopened"


async def test_a_secret_in_a_reply_is_nowhere_in_what_is_kept(desk: Desk, browser: Browser) -> None:
    ticket = await desk.opened()
    await browser.sign_in()
    path = f"/area/tickets/{ticket.number}"
    await browser.get(path)
    await browser.send(f"{path}/reply", "password: hunter2-Zebra!")
    assert "hunter2" not in browser.page
    for table in ("inbox", "outbox", "ticket_entry", "conversation"):
        assert "hunter2" not in str(await desk.ask(f"SELECT * FROM {table}"))


# --- files ---


async def test_wrong_files_are_told_and_nothing_is_lost(desk: Desk, browser: Browser) -> None:
    ticket = await desk.opened()
    await browser.sign_in()
    path = f"/area/tickets/{ticket.number}"
    await browser.get(path)
    page = ("<b>.html", b"<!doctype html><script>alert(1)</script>")
    await browser.send(
        f"{path}/reply", "  See the\r\npicture ", ("foto.jpg", jpeg()), ("tool.exe", b"MZ\x90\x00" * 50), ("cut.png", png()[:40])
    )
    assert browser.status == 422
    assert "tool.exe" in browser.page
    assert "See the\npicture</textarea>" in browser.page
    (kept,) = re.findall(r'name="kept" value="([^"]+)" checked', browser.page)
    assert "foto.jpg" in browser.page
    await browser.send(f"{path}/reply", "See the picture", kept=(kept,))
    assert "Your reply was added" in browser.page
    ((files,),) = await desk.ask("SELECT files FROM ticket_entry")
    assert "foto.jpg" in files
    assert page[0] not in files
    blob = await asyncio.to_thread(desk.blobs.find, re.findall(r'"id":"(\w+)"', files)[0])
    assert blob is not None
    # Where the picture was taken is nobody's business.
    assert GPS not in await asyncio.to_thread(blob.read_bytes)


async def test_limits_are_told_with_what_was_typed(database: Database, knowledge: Knowledge, tmp_path: Path) -> None:
    settings = PortalSettings(file=1_048_576, files=2, text=100)
    async with desk_open(database, knowledge, tmp_path, settings=settings) as desk, browsing(desk) as browser:
        ticket = await desk.opened()
        await browser.sign_in()
        path = f"/area/tickets/{ticket.number}"
        await browser.get(path)
        await browser.send(f"{path}/reply", "x" * 101, ("big.txt", b"a" * 1_048_577), ("a.txt", b"a"), ("b.txt", b"b"), ("c.txt", b"c"))
        assert browser.status == 422
        for part in (
            "has 101 characters and at most 100",
            "big.txt” was not taken: it is larger than 1 MB",
            "c.txt” was not taken: at most 2",
        ):
            assert part in browser.page
        assert "x" * 101 in browser.page
        assert browser.page.count('name="kept"') == 2
        await browser.send(f"{path}/reply", "")
        assert "Write something or choose a file" in browser.page


async def test_files_are_given_out_by_links_that_expire(desk: Desk, browser: Browser) -> None:
    ticket = await desk.opened()
    await browser.sign_in()
    path = f"/area/tickets/{ticket.number}"
    await browser.get(path)
    await browser.send(f"{path}/reply", "", ("<img src=x>.txt", b"text"))
    assert {file.name for file in desk.links} == {"img src=x.txt"}
    assert re.search(r'<a href="/chat/files/\w+" download><bdi>img src=x.txt</bdi>', browser.page)
