"""Every page that can be reached, as a browser with scripts sees it, at 1280 and 320 pixels.

Nobody lists the pages: the walk begins at Today and goes through every link. On each one axe-core
finds nothing, nothing reaches beyond the window, nothing is said on the console, no request goes
elsewhere. A picture of each stays under tests/stories/shots/ for a person to look at.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request

from federation import Federation
from stories import world
from stories.conftest import Sit
from stories.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = Path(__file__).parents[2] / "tools" / "assets" / "out" / "axe.min.js"
SHOTS = Path(__file__).parent / "shots"
WIDTHS = (1280, 320)
REFUSED = "Failed to load resource: the server responded with a status of 4"
"""What Chromium says of a page that has a fault of its own to tell."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def week(fed: Federation) -> AsyncIterator[world.Week]:
    yield await world.live(fed)


class Passerby:
    """Anybody, at pages that ask nobody who they are."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin

    async def open(self, path: str = "/") -> None:
        await self.page.goto(self.origin + path)


class Walk:
    """What was seen on the way. ``faults`` stays empty, or tells what is wrong where."""

    def __init__(self, person: Person | Passerby, name: str) -> None:
        self.person = person
        self.name = name
        self.faults: list[str] = []
        self.seen: dict[str, str] = {}
        self._axe = AXE.read_text("utf-8")
        page, host = person.page, person.origin
        page.on("console", lambda said: self._fault(f"console: {said.text}"))
        page.on("pageerror", lambda error: self._fault(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith(host + "/") else self._fault(f"asked: {asked.url}")
            ),
        )
        SHOTS.mkdir(exist_ok=True)

    def _failed(self, asked: Request) -> None:
        # The browser drops what it still asks for when it leaves a page: no fault of the page.
        if asked.failure != "net::ERR_ABORTED":
            self._fault(f"failed: {asked.url}: {asked.failure}")

    def _fault(self, words: str) -> None:
        if not words.startswith(f"console: {REFUSED}"):
            self.faults.append(f"{self.person.page.url}: {words}")

    async def look(self, name: str) -> None:
        """The page that is open now, at both widths."""
        page = self.person.page
        await page.evaluate(self._axe)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 900})
            for fault in await violations(page):
                self._fault(f"{width}: {fault}")
            beyond = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            if beyond > 0:
                self._fault(f"{beyond} px wider than a window of {width}")
            await page.screenshot(path=SHOTS / f"{name}-{width}.png", full_page=True)

    async def everything(self) -> None:
        """From Today through every link, each address once."""
        coming = ["/"]
        while coming:
            path = coming.pop(0)
            if kind(path) in self.seen:
                continue
            self.seen[kind(path)] = path
            await self.person.open(path)
            await self.look(self.name + file_name(path))
            hrefs = await self.person.page.locator("a[href]").evaluate_all(
                "all => all.map(e => e.getAttribute('href'))"
            )
            pages = [h for h in hrefs if h.startswith("/") and not h.startswith("/hsds")]
            coming += [h.split("#")[0] for h in pages if ".ics" not in h]


async def violations(page: Page) -> list[str]:
    """What axe-core finds: rule and place of each fault."""
    found = await page.evaluate(
        "async () => (await axe.run({resultTypes: ['violations']})).violations.map("
        "v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(', '))"
    )
    return [str(fault) for fault in found]


def kind(path: str) -> str:
    """What is looked at once: each referral's page, but one form to accept, one record of access,
    one of our services.

    Of what an address asks, only the questions count: other answers give the same page again.
    """
    parts = urlsplit(path)
    where = re.sub(r"(?<=^/referral/)[0-9a-f]+(?=/)", "*", parts.path)
    where = re.sub(r"(?<=^/settings/)(services|contacts)/[0-9]+", r"\1/*", where)
    return where + "?" + "&".join(sorted({name for name, _ in parse_qsl(parts.query)} - {"back"}))


def file_name(path: str) -> str:
    """An address as a file's name, ids cut short."""
    short = re.sub(r"[0-9a-f]{16,}", lambda found: found[0][:4], path)
    return "-" + (re.sub(r"[^a-z0-9]+", "-", short).strip("-") or "today")


async def test_every_page(week: world.Week, sit: Sit) -> None:
    people = [await sit(name) for name in ("lisboa", "utrecht")]
    walks = [Walk(person, person.member.name) for person in people]

    async def walk_through(walk: Walk, person: Person) -> None:
        await person.open()
        await walk.look(f"{walk.name}-sign-in")
        await person.sign_in()
        await walk.everything()

    await asyncio.gather(*map(walk_through, walks, people))
    assert [fault for walk in walks for fault in walk.faults] == []
    assert all(len(walk.seen) > 25 for walk in walks)
    print(f"{sum(len(walk.seen) for walk in walks)} pages; pictures in {SHOTS}")


async def test_every_public_page(fed: Federation, chromium: Browser) -> None:
    """The directory's pages for everybody, without a script."""
    origin = f"http://127.0.0.1:{fed.directory_port}"
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    walk = Walk(Passerby(await context.new_page(), origin), "public")
    await walk.everything()
    await walk.person.open("/organisation/" + "00" * 16)
    await walk.look("public-gone")
    assert walk.faults == []
    assert "/members?" in walk.seen
    assert any(path.startswith("/organisation/") for path in walk.seen)
    assert await context.cookies() == []
    await context.close()
