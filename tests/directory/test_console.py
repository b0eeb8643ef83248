"""The console's door: who comes in, with what, and what nobody else can do."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from console_world import Desk, Office, opened
from directory_roots import change_root
from directory_world import signer
from page_reader import Page
from referral_directory.console.app import ROUTES
from referral_directory.console.sessions import IDLE
from referral_directory.console.throttle import FIRST_WAIT, FREE
from referral_directory.totp import code_at
from referral_protocol.directory.rules import ROOT_DELAY

WRONG = (
    "The name, the password or the code is wrong. Wait for the next code, then type all three again"
)
PAGES = [route.path for route in ROUTES if route.method == "GET" and "{" not in route.path]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path / "state") as found:
        yield found


async def entered(desk: Desk, **changed: str) -> Page:
    """The page after the sign-in form was sent, with some of it changed."""
    page = await desk.get("/sign-in")
    form = page.form("Sign in")
    form.fill({"name": desk.registrar.name, "password": desk.password})
    form.fill(changed if "code" in changed else changed | {"code": desk.code()})
    return await desk.reader.send(form)


async def test_signing_in_and_out(office: Office) -> None:
    desk = office.desk()
    first = await desk.get("/members")
    assert first.path == "/sign-in?to=/members"
    assert first.links().keys() == {"Skip to main content"}  # nothing that does not open
    page = await desk.reader.submit(
        first,
        "Sign in",
        {"name": "registrar", "password": desk.password, "code": desk.code()},
    )
    assert (page.path, page.headings) == ("/members", ["Members (0)", "There are no members yet."])
    assert (await desk.get("/sign-in")).path == "/"
    page = await desk.reader.submit(page, "Sign out")
    assert "You are signed out." in page.text
    for path in PAGES:
        assert (await desk.get(path)).path.startswith("/sign-in")


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "nobody"},
        {"name": "../../keys/log"},
        {"name": "x" * 3000},
        {"password": "correct horse batterz"},
        {"password": "x" * 3000},
        {"code": "000000"},
        {"code": "nonsense"},
    ],
    ids=str,
)
async def test_what_is_wrong_is_not_said(office: Office, changed: dict[str, str]) -> None:
    desk = office.desk()
    page = await entered(desk, **changed)
    assert (page.status, page.problems) == (422, [WRONG])
    assert desk.password not in page.source
    assert page.title.startswith("Error: ")


async def test_nothing_typed(office: Office) -> None:
    desk = office.desk()
    assert (await entered(desk, name=" ")).problems == ["Type your name"]
    assert (await entered(desk, password="")).problems == ["Type your password"]
    assert (await entered(desk, code="")).problems == ["Type the code from your telephone"]


async def test_a_code_counts_once(office: Office) -> None:
    """On another browser, and after a restart of the directory too."""
    desk, again = office.desk(), office.desk()
    code = code_at(desk.registrar.secret, office.place.clock())
    assert (await entered(desk, code=code)).path == "/"
    assert (await entered(again, code=code)).problems == [WRONG]
    row = await office.client.running.ledger.store.row("SELECT * FROM codes_used")
    assert row is not None
    assert row["registrar"] == "registrar"


async def test_a_code_with_a_wrong_password_is_not_used_up(office: Office) -> None:
    desk = office.desk()
    code = code_at(desk.registrar.secret, office.place.clock())
    assert (await entered(desk, code=code, password="not this one")).problems == [WRONG]
    assert (await entered(desk, code=code)).path == "/"


async def test_wrong_tries_wait(office: Office) -> None:
    desk = office.desk()
    for _ in range(FREE):
        assert (await entered(desk, code="000000")).problems == [WRONG]
    page = await desk.get("/sign-in")
    form = page.form("Sign in")
    right = code_at(desk.registrar.secret, office.place.clock() + 30_000)
    form.fill({"name": "registrar", "password": desk.password, "code": right})
    refused = await desk.reader.send(form)
    assert refused.problems == ["Too many wrong tries. Wait 30 seconds"]
    office.place.clock.ahead += FIRST_WAIT
    assert (await entered(desk)).path == "/"


async def test_who_is_no_registrar_any_more(office: Office) -> None:
    """A root that leaves a key out ends its sessions, and its registrar does not come in again."""
    desk = await office.signed_in()
    await change_root(office.client, registrars=(signer("another registrar").public,))
    page = await entered(office.desk())
    assert page.problems[0].startswith("Your key is not a registrar’s now")
    assert (await desk.get("/")).path == "/sign-in"


async def test_idle_sessions_end(office: Office) -> None:
    desk = await office.signed_in()
    page = await desk.get("/invite")
    office.place.clock.ahead += IDLE
    assert (await desk.get("/log")).path == "/sign-in?to=/log"
    form = page.form("Sign out")
    assert (await desk.reader.send(form)).path == "/sign-in?out=yes"


async def test_cookie_and_headers(office: Office) -> None:
    desk = await office.signed_in()
    assert set(desk.reader.cookies()) == {"console", "visitor"}
    status, headers, _ = await desk.reader.raw("/members")
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert headers["Cache-Control"] == "no-store"
    for path in PAGES:
        source = (await desk.get(path)).source
        for forbidden in ("<script", "style=", "onclick", "javascript:"):
            assert forbidden not in source, path


async def test_foreign_hosts_and_forms(office: Office) -> None:
    desk = await office.signed_in()
    cookies = desk.reader.cookies()
    base = office.client.running.console or ""
    async with aiohttp.ClientSession(cookies=cookies) as session:
        async with session.get(base + "/", headers={"Host": "evil.example"}) as answer:
            assert answer.status == 421
        headers = {"Origin": "https://evil.example"}
        async with session.post(base + "/sign-out", headers=headers) as answer:
            assert answer.status == 403
    assert (await desk.get("/members")).status == 200


async def test_a_form_of_another_session_does_nothing(office: Office) -> None:
    """A token belongs to one session and one address."""
    await office.client.admit("utrecht")
    desk, other = await office.signed_in(), office.desk()
    await other.sign_in()
    member = office.client.running.ledger.directory.members().__next__().id.hex()
    theirs = await other.get(f"/member/{member}/suspend")
    mine = (await desk.get(f"/member/{member}/suspend")).form("Suspend this member")
    mine.fill({"reason": "misuse", "until": "week"})
    mine.values["token"] = theirs.form("Suspend this member").values["token"]
    page = await desk.reader.send(mine, mine.button("Suspend this member"))
    assert page.status == 422
    assert page.problems[0].startswith("This page had become old, so nothing was done.")
    assert office.client.running.ledger.directory.size == 2


async def test_the_log_names_routes_alone(office: Office) -> None:
    await office.client.admit("utrecht")
    member = next(office.client.running.ledger.directory.members()).id.hex()
    desk = await office.signed_in()
    with capture_logs() as lines:
        await desk.get(f"/member/{member}")
        await desk.get("/members?word=Steunpunt&country=NL")
        await desk.get("/nothing-of-the-kind")
    routes = [line["route"] for line in lines if line["event"] == "console"]
    assert routes == ["/member/{member}", "/members", "none"]
    assert member not in repr(lines)
    assert "Steunpunt" not in repr(lines)


async def test_addresses_that_cannot_be(office: Office) -> None:
    desk = await office.signed_in()
    for path in (
        *("/member/xx", f"/member/{'0' * 32}", f"/request/{'0' * 32}", "/member/"),
        *(f"/log?member={'z' * 32}", "/log?member=abc", f"/member/{'0' * 32}/suspend"),
    ):
        page = await desk.get(path)
        assert page.status == 404, path
    for path in ("/members?page=999999999999", "/log?page=-1", "/acts?by=nobody&page=x"):
        assert (await desk.get(path)).status == 200, path


async def test_a_new_root_is_seen_until_it_acts(office: Office) -> None:
    desk = await office.signed_in()
    assert "A new root is published" not in (await desk.get("/")).text
    newest = office.client.running.ledger.directory.roots[-1].root
    keys = tuple(sorted((*newest.registrars, signer("ewa").public)))
    await change_root(office.client, wait=False, registrars=keys)
    said = (await desk.get("/")).text
    assert "Root 2 acts from" in said
    assert "It changes registrars." in said
    office.place.clock.ahead += ROOT_DELAY + 1
    assert "A new root is published" not in (await (await office.signed_in()).get("/")).text
