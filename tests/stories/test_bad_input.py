"""What goes wrong in a form is said at the field, and everything typed is still there.

Then: an action that the state no longer allows says what happened meanwhile.
"""

import pytest

from federation import Federation
from stories import oksana, world
from stories.conftest import Sit
from stories.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUMMARY = "There is a problem What you typed is kept."


async def value(person: Person, label: str) -> str:
    return await person.main.get_by_label(label, exact=True).input_value()


async def said_at(person: Person, label: str) -> str:
    """The words of the error at a field."""
    field = person.main.get_by_label(label, exact=True).first
    return await field.locator(
        "xpath=ancestor::div[contains(@class, 'govuk-form-group--error')][1]"
        "//*[contains(@class, 'govuk-error-message')]"
    ).first.inner_text()


async def begin(person: Person) -> None:
    await person.sign_in()
    await person.follow("New referral")


@pytest.mark.parametrize("script", [True, False])
async def test_a_half_filled_step_with_an_impossible_date(sit: Sit, script: bool) -> None:
    ines = await sit("lisboa", script=script)
    await begin(ines)
    await ines.type("Name", oksana.NAME)
    await ines.date("Date of birth", "31", "2", "1992")
    await ines.press(oksana.NEXT)
    wrong = "31 February 1992 is not a date"
    assert f"Date of birth: {wrong}" in await ines.problems()
    await ines.sees(SUMMARY)
    assert await value(ines, "Name") == oksana.NAME
    for part, typed in (("Day", "31"), ("Month", "2"), ("Year", "1992")):
        assert await value(ines, part) == typed
        assert wrong in await said_at(ines, part)
    assert (await ines.page.title()).startswith("Error: ")
    # The line of the summary leads to the field.
    await ines.page.locator(".govuk-error-summary a", has_text=wrong).click()
    await ines.page.keyboard.press("Tab")
    assert await ines.main.get_by_label("Day", exact=True).evaluate("e => e.matches(':focus')")


async def test_names_from_right_to_left_and_a_null_byte(sit: Sit) -> None:
    ines = await sit("lisboa")
    await begin(ines)
    await ines.type("Name", "ليلى حداد")
    await ines.type("Name to use", "ليلى")
    await ines.press(oksana.NEXT)
    assert await ines.problems() == []
    assert await ines.heading() == "How can ليلى be reached safely?"
    assert await ines.page.locator("h1 bdi").inner_text() == "ليلى"
    # A browser sends a null byte only if a script put it there: so it is sent as one.
    await ines.page.evaluate(
        "document.querySelector('[name=say_you_are]').value = 'Anna\\u0000 from the library'"
    )
    await ines.type("Code word for “I cannot talk”", "Blue notebook")
    await ines.press(oksana.NEXT)
    wrong = "This text holds a character that cannot be kept."
    assert wrong in await said_at(ines, "Say you are")
    assert any(wrong in line for line in await ines.problems())
    assert await value(ines, "Code word for “I cannot talk”") == "Blue notebook"
    assert "Anna" in await value(ines, "Say you are")


async def test_far_too_much_text(sit: Sit) -> None:
    ines = await sit("lisboa")
    await begin(ines)
    await ines.type("Name to use", "Oksana")
    await ines.press(oksana.NEXT)
    await ines.follow("1. Who – not complete")
    await ines.press(oksana.NEXT)
    await ines.press(oksana.NEXT)
    assert await ines.heading() == "What happened?"
    # Ten megabytes are tried without a browser, which would need minutes to draw them.
    much = "ten words " * 3_000 + "end"
    await ines.type("Summary", much)
    await ines.press(oksana.NEXT)
    wrong = f"at most 12000 characters; you typed {len(much)}"
    assert f"Summary: {wrong}" in await ines.problems()
    assert wrong in await said_at(ines, "Summary")
    assert await value(ines, "Summary") == much


async def test_two_tabs_and_no_consent(fed: Federation, sit: Sit) -> None:
    ines = await sit("lisboa")
    await begin(ines)
    await ines.type("Name to use", "Oksana")
    await ines.press(oksana.NEXT)
    await ines.follow("1. Who – not complete")
    other = await ines.tab()
    await other.type("Gender", "woman")
    await other.press(oksana.NEXT)
    await ines.type("Gender", "man")
    await ines.press(oksana.NEXT)
    assert len(await ines.problems()) == 1
    assert await value(ines, "Gender") == "man"
    # Without consent there is no button to send, but the way to it.
    draft = ines.page.url.split("/new/")[1].split("/")[0]
    await ines.open(f"/new/{draft}/check")
    await ines.sees("You cannot send this yet.")
    assert await ines.page.get_by_role("button", name="Send to").count() == 0
    await (
        ines.page.locator("section", has_text="You cannot send this yet")
        .get_by_role("link")
        .first.click()
    )
    assert await ines.heading() == "May this be shared, and with whom?"
    await ines.sees("There is a problem")


async def test_accepted_in_one_tab_after_declining_in_the_other(fed: Federation, sit: Sit) -> None:
    await fed["lisboa"].refer(fed["utrecht"], who=world.person("Ганна Коваль", None, "uk"))
    await fed.settle()
    jasmijn = await sit("utrecht")
    await jasmijn.sign_in()
    await jasmijn.follow("Answer: Ганна Коваль")
    await jasmijn.press("Accept this referral")
    await jasmijn.type("Message to Associação Ponte Tejo", "We take this on.")
    other = await jasmijn.tab()
    await other.follow("Back to the referral")
    await other.press("Decline, with a reason")
    await other.tick("Why do you decline?", "We have no capacity")
    await other.press("Decline this referral")
    await other.sees("You declined this referral: we have no capacity.")
    # The first tab is stale now, and says why.
    await jasmijn.press("Accept this referral")
    await jasmijn.sees("declined – Jasmijn de Wit, today", "nothing was sent")
    assert await value(jasmijn, "Message to Associação Ponte Tejo") == "We take this on."
    await fed.settle()
    ines = await sit("lisboa")
    await ines.sign_in()
    await ines.follow("All referrals")
    await ines.follow("All")
    await ines.follow("Ганна Коваль")
    assert (await ines.ladder())[3] == ("done", "Declined by Steunpunt Dom")
