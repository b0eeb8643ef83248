"""A new member goes from nothing to its first received referral, with VSE's registrar in between.

Eleni in Athens has a node that knows nobody. She writes the profile, pastes the invitation, reads
her digits out; Ewa at VSE types them; Inês in Lisbon finds the new service and refers somebody.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from federation import Federation
from referral_protocol.examples import SENT
from stories import oksana
from stories.conftest import MINUTE
from stories.person import Person
from stories.registrar import Registrar

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHECKS = (
    "They are a member of VSE, by the board’s newest list",
    "The point of contact works there: confirmed by their director",
    "I found the telephone number myself, in the VSE members’ book, not in this request",
    "The person on the telephone asked to join, and said so in their own words",
)
PROFILE = """
[organisation]
name = "Στήριξη Αθήνας"
name_latin = "Stirixi Athinas"
name_language = "el"
country = "GR"
city = "Αθήνα"
city_latin = "Athina"
zone = "Europe/Athens"
languages = ["el", "en"]
publish = true

[[organisation.hours]]
days = ["mon", "tue", "wed", "thu", "fri"]
from = "09:00"
to = "17:00"

[[contacts]]
role = "point-of-contact"
name = "Ελένη Μακρή"
name_latin = "Eleni Makri"
telephone = "+30 210 000 0142"
languages = ["el", "en"]

[[services]]
name = "Ψυχολογική στήριξη"
name_english = "Someone to talk to"
language = "el"
needs = ["emotional-support"]
forms = ["telephone", "online"]
served = ["all"]
eligibility = "any-place"
languages = ["el", "en", "uk"]
capacity = "has-capacity"
publish = true
"""


@pytest_asyncio.fixture(loop_scope="session")
async def fed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Federation]:
    """Lisbon is a member; Athens has a node that serves, and nothing else."""
    folder = tmp_path_factory.mktemp("federation")
    async with Federation(
        folder, "lisboa", later=("athina",), console=True, now=SENT - 20 * MINUTE
    ) as made:
        await made.arrives(made["athina"])
        yield made


async def test_from_nothing_to_the_first_referral(fed: Federation, chromium: Browser) -> None:
    eleni = await Person.sit(chromium, fed["athina"], script=False)
    ines = await Person.sit(chromium, fed["lisboa"], script=False)
    ewa = await Registrar.sits(chromium, fed)

    # VSE sends the invitation by mail: one line.
    await ewa.sign_in()
    await ewa.sees("No one is waiting to join.")
    await ewa.follow("Invite a member")
    line = await ewa.page.locator("p.copy").first.inner_text()

    # Athens: nothing can be done before it has joined, and the page says what to do.
    await eleni.sign_in()
    await eleni.sees("Until you have joined a directory, nothing can be sent or received.")
    await eleni.misses("Nothing needs you now")
    await eleni.follow("Join the directory")
    await eleni.follow("Paste one that somebody has written")
    await eleni.type("Text of the file", PROFILE)
    await eleni.press("Load it")
    await eleni.sees("Your profile is complete.")
    await eleni.follow("Join the directory")
    await eleni.sees("It is complete.")
    await eleni.type("The line that VSE sent you", line)
    await eleni.press("Ask to join")
    assert await eleni.problems() == ["Say that you may ask for your organisation"]
    await eleni.tick("May you ask for Στήριξη Αθήνας?", "Yes, I may ask for my organisation")
    await eleni.press("Ask to join")
    assert await eleni.heading() == "VSE looks at your request"
    digits = fed["athina"].made.fingerprint
    await eleni.sees(digits)

    # Ewa telephones, on a number that she has from elsewhere, and types what she hears.
    await ewa.open()
    await ewa.follow("Στήριξη Αθήνας (Stirixi Athinas)")
    await ewa.sees("Ελένη Μακρή", "+30 210 000 01 42", "answers, with the key that it says")
    await ewa.misses(digits)
    groups = digits.split()
    lines = [" ".join(groups[at : at + 4]) for at in (0, 4, 8)]
    await ewa.tick("Check these first", *CHECKS)
    await ewa.type("Number you called", "+30 210 000 02 00")
    for number, read_out in enumerate((lines[0], lines[2], lines[2]), 1):
        await ewa.type(f"Line {number} (20 digits)", read_out)
    await ewa.press("Admit this organisation")
    assert await ewa.problems() == [
        "Line 2 of the fingerprint is not the same. Ask them to read line 2 again"
    ]
    await ewa.type("Line 2 (20 digits)", lines[1])
    await ewa.press("Admit this organisation")
    await ewa.sees("No one is waiting to join.")
    await ewa.follow("Log")
    await ewa.sees("Στήριξη Αθήνας")

    # Athens sees it without doing anything but looking.
    athina, lisboa = fed["athina"], fed["lisboa"]
    await fed.learns(athina, lambda: athina.exchange.members.current_prekey(athina.id) is not None)
    await eleni.follow("Look again")
    await eleni.sees("You are a member")

    # Inês finds the new service, compares the fingerprint herself, and refers Oksana.
    await fed.learns(lisboa, lambda: lisboa.exchange.members.current_prekey(athina.id) is not None)
    await ines.sign_in()
    await ines.follow("Find a service")
    await ines.follow("Someone to talk to")
    await ines.sees("Στήριξη Αθήνας", digits)
    await ines.tick("Did they read out the same 60 digits?", "Yes, all of them")
    await ines.type("With whom did you speak?", "Eleni Makri")
    await ines.press("Save the result")
    await oksana.write_seven_steps(ines)
    await ines.follow("Someone to talk to")
    await ines.press("Choose Στήριξη Αθήνας")
    await ines.follow("Back to step 8, answer")
    await ines.fill(*oksana.ANSWER)
    await ines.press(oksana.NEXT)
    assert await ines.heading() == "Check before sending"
    fed.clock.now = SENT
    await ines.press("Send to Στήριξη Αθήνας")

    # It has come, and Eleni takes it on.
    await fed.settle()
    await eleni.open()
    await eleni.follow("Answer: Оксана Ткаченко")
    await eleni.sees(oksana.SUMMARY, oksana.DANGER)
    await eleni.press("Accept this referral")
    await eleni.press("Accept this referral")
    await eleni.sees("You accepted this referral")
    await fed.settle()
    await ines.look_again()
    await ines.sees("Στήριξη Αθήνας accepted this referral.")
