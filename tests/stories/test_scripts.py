"""Names in several scripts: each in its own, with its language, isolated from its surroundings."""

import pytest

from federation import Federation
from stories import world
from stories.conftest import Sit

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = (
    ("Оксана Ткаченко", "Oksana Tkachenko", "uk"),
    ("ليلى حداد", "Layla Haddad", "ar"),
    ("Ελένη Παπαδάκη", "Eleni Papadaki", "el"),
    ("ნინო ბერიძე", "Nino Beridze", "ka"),
)


async def test_names_keep_their_script_language_and_direction(fed: Federation, sit: Sit) -> None:
    for each in NAMES:
        await fed["lisboa"].refer(fed["utrecht"], who=world.person(*each))
    await fed.settle()
    jasmijn = await sit("utrecht")
    await jasmijn.sign_in()
    for name, latin, language in NAMES:
        await jasmijn.open("/")
        on_today = jasmijn.main.locator("bdi", has_text=name).first
        assert await on_today.get_attribute("lang") == language
        await jasmijn.follow(f"Answer: {name}")
        assert await jasmijn.heading() == f"{name} {latin}"
        in_title = jasmijn.page.locator("h1 bdi", has_text=name)
        assert await in_title.get_attribute("lang") == language
        drawn = await in_title.evaluate(
            "e => [getComputedStyle(e).direction, getComputedStyle(e).unicodeBidi]"
        )
        assert drawn == ["rtl" if language == "ar" else "ltr", "isolate"]
        # The Latin form beside it is no Ukrainian, Arabic, Greek or Georgian.
        beside = jasmijn.page.locator("h1").get_by_text(latin)
        assert await beside.evaluate("e => e.closest('[lang]').lang") in ("en", f"{language}-Latn")
        # Telephone numbers run from left to right in any script.
        for number in await jasmijn.page.locator("a[href^='tel:']").all():
            assert await number.evaluate("e => getComputedStyle(e).direction") == "ltr"
