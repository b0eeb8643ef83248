"""The drafting pages in a real browser: accessible, within the window, usable by keyboard alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Browser, Page, expect

import referral_inputs
from page_reader import Page as Found
from pages_world import Desk, Desks
from referral_node.exchange import Draft
from referral_node.web.pages.steps import STEPS
from referral_protocol.examples import SENT
from ui import shots

AXE = Path(__file__).parents[3] / "tools" / "assets" / "out" / "axe.min.js"


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    made = Desks(tmp_path, "lisboa", "utrecht", "lviv", now=SENT)
    await made.start()
    await made.desk("lisboa").sign_in()
    yield made
    await made.stop()


@pytest.fixture
async def running() -> AsyncIterator[Browser]:
    async with shots.opened() as found:
        yield found


async def drafted(desks: Desks, typed: dict[str, dict[str, list[str]]]) -> Draft:
    desk, office = desks.desk("lisboa"), desks["lisboa"]
    made = await office.exchange.drafts.create(office.vault, desk.actor)
    draft = await office.exchange.drafts.load(office.vault, made)
    assert draft is not None
    changed = msgspec.structs.replace(draft, typed=typed, recipient=desks["utrecht"].id)
    return await office.exchange.drafts.save(office.vault, desk.actor, changed)


@asynccontextmanager
async def tab(
    running: Browser, desk: Desk, width: int, *, script: bool = True
) -> AsyncIterator[Page]:
    """A tab that is signed in."""
    context = await running.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=script
    )
    cookies = desk.reader.cookies()
    await context.add_cookies(
        [{"name": name, "value": value, "url": desk.base} for name, value in cookies.items()]
    )
    page = await context.new_page()
    try:
        yield page
    finally:
        await context.close()


async def faults(page: Page) -> list[str]:
    """What axe-core finds, and whether the page is wider than its window."""
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate(
        "async () => (await axe.run()).violations.map("
        "v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(', '))"
    )
    beyond = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [*map(str, found), *([f"{beyond} px too wide"] if beyond > 0 else [])]


def broken() -> dict[str, dict[str, list[str]]]:
    """Every step begun, and something wrong in most of them."""
    typed = referral_inputs.typed()
    typed["who"] |= {"name": ["ليلى " + "حداد" * 20], "date_of_birth-month": ["13"]}
    typed["who"] |= {"name_latin": [""], "name_to_use": [""], "name_language": ["ar"]}
    typed["safe_contact"] |= {"times.0.to": ["08:00"], "telephone": ["030 1"], "watched": []}
    typed["safe_contact"] |= {"times.1.days": ["sun"], "times.1.from": ["x"], "times.1.to": [""]}
    typed["happened"] |= {"date-day": ["31"], "summary": ["x" * 13_000], "crime": [""]}
    typed["needs"] |= {"needs.1.need": ["emotional-support"]}
    typed["consent"] |= {"given_at": ["once"], "withheld.0.reason": [""]}
    typed["answer"] |= {"contact.telephone": ["1"], "priority": []}
    return typed


@pytest.mark.parametrize("width", shots.WIDTHS)
async def test_every_page_is_accessible_and_fits(
    desks: Desks, running: Browser, width: int
) -> None:
    lisboa, utrecht = desks.desk("lisboa"), desks["utrecht"].id.hex()
    good = await drafted(desks, referral_inputs.typed())
    bad = await drafted(desks, broken())
    paths = ["/new", "/find", "/find?need=education", "/find?country=NL", "/find?map=world"]
    for draft in (good.id.hex(), bad.id.hex()):
        paths += [f"/new/{draft}/{step}?missing=1" for step in STEPS]
        paths += [f"/new/{draft}/check", f"/new/{draft}/delete", f"/find?draft={draft}"]
        paths += [f"/organisation/{utrecht}?draft={draft}"]
    paths.append(f"/organisation/{lisboa.office.id.hex()}")
    async with tab(running, lisboa, width) as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
        for path in paths:
            answer = await page.goto(lisboa.base + path[1:])
            assert answer is not None
            assert answer.ok, path
            assert await faults(page) == [], path
        assert said == []


async def test_a_step_by_keyboard_alone_and_without_a_script(
    desks: Desks, running: Browser
) -> None:
    lisboa = desks.desk("lisboa")
    async with tab(running, lisboa, 1280, script=False) as page:
        await page.goto(f"{lisboa.base}new")
        await page.get_by_label("Name", exact=True).focus()
        await page.keyboard.type("Оксана Ткаченко")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Oksana Tkachenko")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Oksana")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/safe_contact")
        assert await page.locator("h1").inner_text() == "How can Oksana be reached safely?"
        await page.get_by_role("radio", name="Safe", exact=True).first.focus()
        await page.keyboard.press("Space")
        await page.get_by_label("Safe telephone number").focus()
        await page.keyboard.type("+31 30 000 01 42")
        await page.get_by_role("button", name="Add another time").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/safe_contact#times.1.days")
        assert await page.get_by_label("From").count() == 2
        await page.get_by_label("Say you are").focus()
        await page.keyboard.type("Anna")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/happened")
    found: Found = await lisboa.reader.get("/new")
    assert found.status == 200
    (draft,) = await lisboa.office.exchange.drafts.all(lisboa.office.vault)
    assert draft.typed["safe_contact"]["way-telephone"] == ["safe"]
    assert draft.typed["safe_contact"]["say_you_are"] == ["Anna"]


async def test_the_summary_leads_to_the_input(desks: Desks, running: Browser) -> None:
    lisboa = desks.desk("lisboa")
    draft = await drafted(desks, broken())
    async with tab(running, lisboa, 320, script=False) as page:
        for step, words in (
            ("safe_contact", "The end must be later than the start"),
            ("who", "Date of birth"),
            ("happened", "Choose the crime"),
        ):
            await page.goto(f"{lisboa.base}new/{draft.id.hex()}/{step}?missing=1")
            link = page.locator(".govuk-error-summary a", has_text=words)
            target = (await link.get_attribute("href") or "")[1:]
            await link.click()
            focused = page.locator(":focus, :target")
            assert await focused.first.get_attribute("id") == target
            assert await focused.first.is_visible()


async def test_the_steps_are_folded_when_narrow(desks: Desks, running: Browser) -> None:
    lisboa = desks.desk("lisboa")
    draft = await drafted(desks, referral_inputs.typed())
    where = f"{lisboa.base}new/{draft.id.hex()}/safe_contact"
    async with tab(running, lisboa, 320, script=False) as page:
        await page.goto(where)
        folded = page.locator(".form__steps--narrow")
        assert not await folded.get_by_text("3. What happened").is_visible()
        await folded.locator("summary").click()
        await folded.get_by_text("3. What happened").click()
        await page.wait_for_url("**/happened")
    async with tab(running, lisboa, 1280, script=False) as page:
        await page.goto(where)
        assert await page.locator(".form__steps--wide").is_visible()
        assert not await page.locator(".form__steps--narrow").is_visible()


async def test_the_map_by_keyboard_and_by_pointer(desks: Desks, running: Browser) -> None:
    """Each country once for the keyboard; where it stands is seen; a click on the country's own
    shape leads where its marker does."""
    lisboa = desks.desk("lisboa")
    async with tab(running, lisboa, 1280, script=False) as page:
        await page.goto(f"{lisboa.base}find?need=emotional-support")
        await page.get_by_role("button", name="Show services").focus()
        await page.keyboard.press("Tab")
        marker = page.get_by_role("link", name="Netherlands: 3 services, some in the list below")
        await expect(marker).to_be_focused()
        await expect(marker.locator("circle")).to_have_css("fill", "rgb(255, 221, 0)")
        await page.keyboard.press("Tab")
        ukraine = page.get_by_role("link", name="Ukraine: 2 services, some in the list below")
        await expect(ukraine).to_be_focused()
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/find?country=NL&need=emotional-support")
        shape = page.locator('svg.map a[href="/find?country=UA&need=emotional-support"] path')
        size = await shape.bounding_box()
        assert size is not None
        # West of the marker, which stands in the middle.
        await shape.click(position={"x": size["width"] * 0.25, "y": size["height"] * 0.35})
        await page.wait_for_url("**/find?country=UA&need=emotional-support")
        assert await page.get_by_label("Country").input_value() == "UA"


async def test_the_narrow_map_has_no_markers_and_the_page_says_it_all(
    desks: Desks, running: Browser
) -> None:
    lisboa = desks.desk("lisboa")
    async with tab(running, lisboa, 320) as page:
        await page.goto(f"{lisboa.base}find")
        assert await page.locator("svg.map").is_visible()
        assert not await page.locator("svg.map g.wide").is_visible()
        await page.get_by_label("Country").select_option(label="Ukraine, and online")
        await page.get_by_role("button", name="Show services").click()
        await page.wait_for_url("**/find?country=UA*")
