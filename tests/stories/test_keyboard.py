"""By keyboard alone: signing in, one step of a draft, accepting. No pointer is ever used."""

import pytest

from federation import Federation
from stories import oksana
from stories.conftest import Sit
from stories.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOCUS = """() => {
    const e = document.activeElement, label = e.labels && e.labels[0];
    const legend = e.closest('fieldset') && e.closest('fieldset').querySelector('legend');
    const words = (label || e).textContent.trim();
    const ring = getComputedStyle(e);
    return [words, legend ? legend.textContent.trim() : '', ring.outlineStyle, ring.boxShadow];
}"""
"""What has the focus: its words, its group's, and how the focus is drawn."""


class Keys:
    """Goes about with Tab, arrows, space and Enter."""

    def __init__(self, person: Person) -> None:
        self.page = person.page

    async def to(self, words: str, within: str = "", *, back: bool = False) -> None:
        """Tab until something with these words has the focus; it must be in the tab order."""
        passed = []
        for _ in range(120):
            await self.page.keyboard.press("Shift+Tab" if back else "Tab")
            found, legend, outline, shadow = await self.page.evaluate(FOCUS)
            if found == words and within in legend:
                assert outline != "none" or shadow != "none", f"the focus on {words!r} is not seen"
                return
            passed.append(found[:30])
        raise AssertionError(f"Tab does not come to {words!r}, only to {passed}")

    async def type(self, text: str) -> None:
        await self.page.keyboard.type(text)

    async def enter(self) -> None:
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")


async def test_from_signing_in_to_accepting(fed: Federation, sit: Sit) -> None:
    ines = await sit("lisboa")
    keys = Keys(ines)
    await ines.open()
    await keys.to("Name")
    await keys.type("ines")
    await keys.to("Password")
    await keys.type("violet anchor seven rivers")
    await keys.enter()
    assert await ines.heading() == "Today"

    # One step of a draft. The skip link comes first, and it works.
    await keys.to("Skip to main content")
    await keys.to("New referral")
    await keys.enter()
    await keys.to("Name")
    await keys.type(oksana.NAME)
    await keys.to("Name to use")
    await keys.type("Oksana")
    await keys.to("Language of the name")
    await keys.type("Ukrainian")
    await keys.to("Victim")
    await ines.page.keyboard.press("Space")
    await keys.to("Day", "Date of birth")
    await keys.type("3")
    await keys.to("Month")
    await keys.type("5")
    await keys.to("Year")
    await keys.type("1992")
    await keys.to("Save and come back later")
    await keys.to("Save and continue", back=True)
    await keys.enter()
    assert await ines.heading() == "How can Oksana be reached safely?"
    await keys.to("Safe", "Telephone call")
    await ines.page.keyboard.press("Space")
    await ines.page.keyboard.press("ArrowDown")
    assert await ines.group("Telephone call").get_by_label("Not safe").is_checked()
    await ines.follow("1. Who – not complete")
    shown = ines.main.get_by_label("Language of the name")
    assert await shown.evaluate("e => e.selectedOptions[0].text") == "Ukrainian"
    assert await ines.group("In this, Oksana is").get_by_label("Victim").is_checked()

    # Jasmijn accepts, from Today.
    await fed["lisboa"].refer(fed["utrecht"])
    await fed.settle()
    jasmijn = await sit("utrecht")
    await jasmijn.sign_in()
    keys = Keys(jasmijn)
    await keys.to("Answer: Оксана Ткаченко")
    await keys.enter()
    await keys.to("Accept this referral")
    await keys.enter()
    await keys.to("Your own case number")
    await keys.type("SD-2026-1187")
    await keys.to("Accept this referral")
    await keys.enter()
    await jasmijn.sees("You accepted this referral")
