"""The gallery in a real browser: accessible by axe-core, within the window, nothing foreign."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from ui import shots
from ui.story import VALUES

AXE = Path(__file__).parents[2] / "tools" / "assets" / "out" / "axe.min.js"
PAGES = tuple(VALUES)


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    async with shots.served() as address:
        yield address


@pytest.fixture
async def running() -> AsyncIterator[Browser]:
    async with shots.opened() as found:
        yield found


async def visit(running: Browser, address: str, width: int, faults: list[str]) -> Page:
    """Open a page and note everything that the browser complains about or asks elsewhere for."""
    tab = await running.new_page(viewport={"width": width, "height": 800})
    host = address.split("/")[2]
    tab.on("console", lambda said: faults.append(f"console: {said.text}"))
    tab.on("pageerror", lambda error: faults.append(f"error: {error}"))
    tab.on("requestfailed", lambda asked: faults.append(f"failed: {asked.url}"))
    tab.on(
        "request",
        lambda asked: None if f"//{host}/" in asked.url else faults.append(f"asked: {asked.url}"),
    )
    answer = await tab.goto(address)
    assert answer is not None
    assert answer.ok
    return tab


async def violations(tab: Page) -> list[str]:
    """What axe-core finds: rule and place of each fault."""
    await tab.evaluate(AXE.read_text("utf-8"))
    found = await tab.evaluate(
        "async () => (await axe.run()).violations.map("
        "v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(', '))"
    )
    return [str(fault) for fault in found]


@pytest.mark.parametrize("query", ["", "?rtl"])
@pytest.mark.parametrize("width", shots.WIDTHS)
async def test_every_page_is_accessible_and_fits(
    origin: str, running: Browser, width: int, query: str
) -> None:
    for title in PAGES:
        faults: list[str] = []
        tab = await visit(running, f"{origin}/{title}{query}", width, faults)
        assert await violations(tab) == [], title
        beyond = await tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert beyond <= 0, f"{title} is {beyond} px wider than a window of {width}"
        assert faults == [], title
        await tab.close()


async def test_axe_would_find_a_fault(origin: str, running: Browser) -> None:
    tab = await visit(running, f"{origin}/today", 1280, [])
    await tab.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<input>')")
    assert any(fault.startswith("label: ") for fault in await violations(tab))


async def test_targets_are_large_enough(origin: str, running: Browser) -> None:
    """Buttons at least 44 px high, every other target 24 (links inside a sentence excepted)."""
    measure = """() => [...document.querySelectorAll(
        'a[href]:not(.govuk-skip-link), button, summary')].map(e => {
        const box = e.getBoundingClientRect(), alone = getComputedStyle(e).display != 'inline';
        return [e.textContent.trim(), e.className, Math.round(box.height), alone];
    }).filter(([text, kind, height, alone]) => alone && height > 0 &&
        height < (kind.includes('govuk-button') ? 44 : 24))"""
    for title in PAGES:
        tab = await visit(running, f"{origin}/{title}", 320, [])
        assert await tab.evaluate(measure) == [], title
        await tab.close()


async def test_the_policy_forbids_what_a_page_might_smuggle_in(
    origin: str, running: Browser
) -> None:
    faults: list[str] = []
    tab = await visit(running, f"{origin}/today", 1280, faults)
    await tab.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'document.title = "taken over"';
            document.body.append(script);
            document.body.setAttribute('style', 'display: none');
        }"""
    )
    assert await tab.title() != "taken over"
    assert await tab.evaluate("getComputedStyle(document.body).display") == "block"
    assert sum("Content Security Policy" in fault for fault in faults) >= 2


async def test_it_works_without_scripts_and_by_keyboard(origin: str, running: Browser) -> None:
    context = await running.new_context(java_script_enabled=False)
    tab = await context.new_page()
    await tab.goto(f"{origin}/step")
    await tab.keyboard.press("Tab")
    await tab.keyboard.press("Enter")
    assert tab.url.endswith("#main-content")
    await tab.get_by_role("link", name="The end must be later than the start").click()
    await tab.keyboard.type("5")
    assert await tab.get_by_label("To", exact=True).input_value() in {"09:005", "509:00", "5"}
    await context.close()


async def test_paper_shows_no_verdict_menu_or_button(origin: str, running: Browser) -> None:
    tab = await visit(running, f"{origin}/referral", 800, [])
    await tab.emulate_media(media="print")
    assert await tab.get_by_text("You may telephone now").is_hidden()
    assert await tab.get_by_role("button", name="Accept this referral").is_hidden()
    assert await tab.get_by_role("navigation").first.is_hidden()
    assert await tab.get_by_text("destroy after use").is_visible()
    number = tab.get_by_text("+31 30 000 01 42 at work")
    assert await number.and_(tab.locator("p.call")).is_hidden()
    assert await number.and_(tab.locator("dd .print-only")).is_visible()
