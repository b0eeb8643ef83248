"""Signing in and out, and what happens to those who are not."""

import pytest

from page_reader import Page
from pages_world import DAY, PASSWORD, Desks

MINUTE = 60_000


async def attempt(desks: Desks, name: str, password: str, status: int = 422) -> Page:
    reader = desks.desk("utrecht").reader
    page = await reader.get("/sign-in")
    typed = {"name": name, "password": password}
    return await reader.submit(page, "Sign in", typed, status=status)


async def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(desks: Desks) -> None:
    reader = desks.desk("utrecht").reader
    page = await reader.get("/access")
    assert page.headings == ["Sign in"]
    assert "Steunpunt Dom, Utrecht" in page.main.text
    back = await reader.submit(page, "Sign in", {"name": "jasmijn", "password": PASSWORD})
    assert back.path == "/access"


async def test_today_follows(desks: Desks) -> None:
    page = await desks.desk("utrecht").sign_in()
    assert (page.path, page.title) == ("/", "Today – Referral exchange")
    assert "Jasmijn de Wit" in page.root.one("header").text


async def test_a_page_that_is_asked_for_stands_in_the_address_only_if_it_is_ours(
    desks: Desks,
) -> None:
    reader = desks.desk("utrecht").reader
    for elsewhere in ("https://evil.example", "//evil.example", "/\\evil.example", "/../x", "/%2e"):
        page = await reader.get(f"/sign-in?to={elsewhere}")
        assert page.form("Sign in").values["to"] == [""]


@pytest.mark.parametrize("name", ["jasmijn", "nobody", "JASMIJN"])
async def test_what_is_wrong_is_not_told(desks: Desks, name: str) -> None:
    page = await attempt(desks, name, "wrong")
    assert page.problems == ["The name or the password is wrong"]
    assert page.title.startswith("Error: ")
    assert page.form("Sign in").values["name"] == [name]
    assert page.form("Sign in").values["password"] == [""]


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [("", "", "Type your name"), ("  ", "x", "Type your name"), ("x", "", "Type your password")],
)
async def test_an_empty_field_is_said_at_the_field(
    desks: Desks, name: str, password: str, said: str
) -> None:
    page = await attempt(desks, name, password)
    assert page.problems == [said]


async def test_five_wrong_passwords_then_wait(desks: Desks) -> None:
    for _ in range(4):
        await attempt(desks, "jasmijn", "wrong")
    page = await attempt(desks, "jasmijn", "wrong")
    assert page.problems == ["Too many wrong passwords. Wait 30 seconds, then try again"]
    page = await attempt(desks, "jasmijn", PASSWORD)
    assert page.problems == ["Too many wrong passwords. Wait 30 seconds, then try again"]
    desks.at(desks.clock.now + 31_000)
    page = await attempt(desks, "jasmijn", PASSWORD, status=200)
    assert page.path == "/"


async def test_a_form_of_another_visitor_is_not_taken(desks: Desks) -> None:
    reader = desks.desk("utrecht").reader
    form = (await reader.get("/sign-in")).form("Sign in")
    form.values |= {"name": ["jasmijn"], "password": [PASSWORD], "token": ["0" * 64]}
    page = await reader.send(form)
    assert (page.status, page.problems) == (
        422,
        ["This page had become old. Type your password again"],
    )


async def test_signing_out_closes_the_vault(desks: Desks) -> None:
    desk = desks.desk("utrecht")
    page = await desk.sign_in()
    page = await desk.reader.submit(page, "Sign out")
    assert "You are signed out." in page.main.text
    assert len(desk.sessions) == 0
    assert (await desk.reader.get("/")).headings == ["Sign in"]


async def test_half_an_hour_without_a_page_ends_it(desks: Desks) -> None:
    desk = desks.desk("utrecht")
    await desk.sign_in()
    desks.at(desks.clock.now + 29 * MINUTE)
    assert (await desk.reader.get("/")).headings[0] == "Today"
    desks.at(desks.clock.now + 31 * MINUTE)
    assert (await desk.reader.get("/")).headings == ["Sign in"]


async def test_eight_hours_end_it_whatever_was_done(desks: Desks) -> None:
    desk = desks.desk("utrecht")
    await desk.sign_in()
    for _ in range(19):
        desks.at(desks.clock.now + 25 * MINUTE)
        assert (await desk.reader.get("/")).headings[0] == "Today"
    desks.at(desks.clock.now + 25 * MINUTE)
    assert (await desk.reader.get("/")).headings == ["Sign in"]


async def test_what_was_typed_survives_the_end_of_a_session(desks: Desks) -> None:
    thread = (await desks.sent()).hex()
    desk = desks.desk("lisboa")
    await desk.sign_in()
    page = await desk.reader.get(f"/referral/{thread}")
    form = page.form("Send message")
    form.fill({"text": "She moved on Monday.\nПривіт & <b>"})
    desks.at(desks.clock.now + DAY)
    asked = await desk.reader.send(form)
    assert asked.status == 401
    assert "What you typed is kept" in asked.main.text
    typed = {"name": "ines", "password": PASSWORD}
    again = await desk.reader.submit(asked, "Sign in", typed)
    assert again.headings == ["You are signed in again"]
    shown = await desk.reader.send(again.form("Show what I typed"))
    assert shown.problems[0].startswith("This page had become old, so nothing was done.")
    assert shown.form("Send message").values["text"] == ["She moved on Monday.\nПривіт & <b>"]
    sent = await desk.reader.send(shown.form("Send message"))
    assert "She moved on Monday. Привіт & <b>" in sent.main.text


async def test_every_page_is_kept_by_nobody_and_runs_nothing(desks: Desks) -> None:
    desk = desks.desk("utrecht")
    for page in (await desk.reader.get("/sign-in"), await desk.sign_in()):
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "script" not in {node.tag for node in page.root.walk()}
        assert not [node for node in page.root.walk() if "style" in node.attrs]


async def test_the_cookie_is_for_this_host_and_no_script(desks: Desks) -> None:
    desk = desks.desk("utrecht")
    page = await desk.reader.get("/sign-in")
    form = page.form("Sign in")
    form.fill({"name": "jasmijn", "password": PASSWORD})
    cookie = await desk.reader.cookie_of(form)
    # Of this member alone: a cookie knows no port, and another node may have the same host.
    assert cookie.startswith(f"session-{desk.office.id.hex()[:8]}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
