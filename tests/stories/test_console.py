"""A day in VSE's office, in a browser without scripts: a request, a line that was misheard, a
member that nobody reaches, a second registrar, and what the log says of it all in the evening."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

import console_world
from console_world import Desk, Office, lines_of
from directory_roots import asked
from directory_world import id_of, signer
from stories.person import PATIENCE, Person
from stories.test_every_page import Passerby, Walk
from stories.test_keyboard import Keys

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHECKS = (
    "They are a member of VSE, by the board’s newest list",
    "The point of contact works there: confirmed by their director",
    "I found the telephone number myself, in the VSE members’ book, not in this request",
    "The person on the telephone asked to join, and said so in their own words",
)
LISBON = "Associação Ponte Tejo"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """Utrecht is a member; two registrars, of whom two must sign what is grave."""
    folder: Path = tmp_path_factory.mktemp("office")
    async with console_world.opened(folder / "state") as found:
        await found.client.admit("utrecht")
        yield found


class Registrar(Person):
    """Somebody at the console. Only the way in is another."""

    def __init__(self, desk: Desk, context: BrowserContext, page: Page) -> None:
        self.desk = desk
        self.context = context
        self.page = page

    @classmethod
    async def sits(cls, browser: Browser, desk: Desk) -> "Registrar":
        context = await browser.new_context(
            viewport={"width": 1280, "height": 900}, java_script_enabled=False
        )
        context.set_default_timeout(PATIENCE)
        return cls(desk, context, await context.new_page())

    @property
    def origin(self) -> str:
        return self.desk.client.running.console or ""

    async def sign_in(self) -> None:
        await self.open()
        await self.type("Name", self.desk.registrar.name)
        await self.type("Password", self.desk.password)
        await self.type("Code from your telephone", self.desk.code())
        await self.press("Sign in")


async def test_a_day(office: Office, chromium: Browser) -> None:
    second = await office.second()
    ewa = await Registrar.sits(chromium, office.desk())
    jan = await Registrar.sits(chromium, second)
    await ewa.sign_in()
    assert await ewa.heading() == "Requests to join"
    await ewa.sees("No one is waiting to join.")

    # Lisbon asks. Ewa calls; a digit is misheard, the page says in which line.
    await office.client.request(office.client.join_of("lisbon"))
    await ewa.look_again()
    await ewa.sees("Everything")
    await ewa.follow(LISBON)
    await ewa.tick("Check these first", *CHECKS)
    await ewa.type("Number you called", "+351 21 000 01 20")
    lines = lines_of("lisbon")
    misheard = lines[1][:-1] + str((int(lines[1][-1]) + 1) % 10)
    await ewa.type("Line 1 (20 digits)", lines[0])
    await ewa.type("Line 2 (20 digits)", misheard)
    await ewa.type("Line 3 (20 digits)", lines[2])
    await ewa.press("Admit this organisation")
    wrong = "Line 2 of the fingerprint is not the same. Ask them to read line 2 again"
    assert await ewa.problems() == [wrong]
    await ewa.type("Line 2 (20 digits)", lines[1])
    await ewa.press("Admit this organisation")
    await ewa.sees(f"{LISBON} is a member now.", "No one is waiting to join.")

    # Nobody answers in Utrecht any more. One registrar begins, the other reads it and signs.
    await ewa.follow("Members")
    await ewa.follow("Steunpunt Dom")
    await ewa.press("Suspend, with a reason")
    await ewa.tick("Reason", "Nobody there can be reached")
    await ewa.tick("Until when", "Until it is lifted")
    await ewa.press("Suspend this member")
    await ewa.sees("Signed. It waits for another registrar: 1 of 2 have signed.")
    await jan.sign_in()
    await jan.follow("Suspensions")
    await jan.sees("Suspend Steunpunt Dom", "nobody there can be reached")
    await jan.press("Sign it too")
    await jan.sees("Signed and written into the log.", "Suspended now (1)")

    # In the evening.
    await jan.follow("Log")
    await jan.sees(
        "Steunpunt Dom was suspended: nobody there can be reached",
        f"{LISBON} was admitted",
        "Root 2 was made.",
    )
    await jan.follow("Who changed what")
    await jan.sees(
        f"Admitted {LISBON}, having called +351 21 000 01 20",
        f"Heard a fingerprint that was not the one of the request of {LISBON}: line 2",
    )
    await jan.press("Sign out")
    await jan.sees("You are signed out.")
    await jan.open("/log")
    assert await jan.heading() == "Sign in"
    await ewa.leave()
    await jan.leave()


async def test_by_keyboard(office: Office, chromium: Browser) -> None:
    """Signing in and asking an applicant for more: no pointer is ever used."""
    again = office.client.join_of(
        "lisbon", vault=signer("another vault"), node=signer("another node"), bundle=None
    )
    await office.client.request(again)
    ewa = await Registrar.sits(chromium, office.desk())
    keys = Keys(ewa)
    await ewa.open()
    await keys.to("Name")
    await keys.type("registrar")
    await keys.to("Password")
    await keys.type(ewa.desk.password)
    await keys.to("Code from your telephone")
    await keys.type(ewa.desk.code())
    await keys.enter()
    await keys.to("Skip to main content")
    await keys.to(LISBON)
    await keys.enter()
    await keys.to(CHECKS[0], "Check these first")
    await ewa.page.keyboard.press("Space")
    await keys.to("Line 1 (20 digits)")
    await keys.to("Admit this organisation")
    await keys.to("Ask for more")
    await keys.enter()
    await keys.to("They will read this")
    await keys.type("Who is your director?")
    await keys.to("Ask them")
    await keys.enter()
    await ewa.sees("Asked. They read it on their screen.", "Waiting for their answer")
    await ewa.leave()


async def test_every_page_of_the_console(office: Office, chromium: Browser) -> None:
    """With scripts allowed, for axe: each page at both widths, also with faults and empty."""
    if office.client.running.ledger.directory.member(id_of("lisbon")) is None:
        await office.client.admit("lisbon")
    await office.client.request(asked(office.client))
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    desk = office.desk()
    ewa = Registrar(desk, context, await context.new_page())
    walk = Walk(Passerby(ewa.page, ewa.origin), "console")
    await ewa.open()
    await walk.look("console-sign-in")
    await ewa.press("Sign in")
    await walk.look("console-sign-in-wrong")
    await ewa.sign_in()
    await walk.everything()
    await ewa.open("/")
    await ewa.follow(LISBON)
    await ewa.press("Admit this organisation")
    await walk.look("console-request-wrong")
    await ewa.follow("Refuse, with a reason")
    await ewa.press("Refuse this request")
    await walk.look("console-refuse-wrong")
    await ewa.open("/you")
    await ewa.press("Change the password")
    await walk.look("console-password-wrong")
    await ewa.press("Show a new secret")
    await ewa.press("Use the new telephone")
    await walk.look("console-secret-wrong")
    await ewa.open("/members?status=removed")
    await walk.look("console-no-member-fits")
    await ewa.open(f"/log?member={id_of('utrecht').hex()}")
    await walk.look("console-log-of-one")
    await ewa.open("/nothing-of-the-kind")
    await walk.look("console-missing")
    assert walk.faults == []
    for kind in ("/?", "/members?", "/profiles?", "/log?", "/suspensions?", "/recoveries?"):
        assert kind in walk.seen
    for kind in ("/acts?", "/invite?", "/registrars?", "/you?"):
        assert kind in walk.seen
    assert any(path.startswith("/request/") for path in walk.seen)
    assert any(path.endswith("/suspend?") for path in walk.seen)
    await context.close()
