"""A quiet hour: somebody new joins, writes what they do, and says that they are full.

At the browser as a person would, without scripts where it is about work, with axe-core on each page
that a walk through a member's pages does not reach.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from federation import until
from settings_world import Settings
from stories.person import Person
from stories.test_every_page import Walk

pytestmark = pytest.mark.asyncio(loop_scope="session")

SURE = ("May you ask for Associação Ponte Tejo?", "Yes, I may ask for my organisation")
EXAMPLE = Path(__file__).parents[2] / "deploy" / "profile.example.toml"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    folder: Path = tmp_path_factory.mktemp("settings")
    async with Settings(folder, "utrecht", "lisboa", alone="lisboa") as made:
        yield made


async def admit(world: Settings) -> None:
    """What VSE's registrar does after the telephone call."""
    async with world.registrar() as office:
        (waiting,) = await office.ask("requests")
        await office.ask("request", request=waiting["id"], check=True)
        content = bytes((await office.ask("request", request=waiting["id"]))["content"])
        await office.ask("approve", request=waiting["id"], signatures=world._signed(content))


async def answer(world: Settings, what: str, text: str) -> None:
    async with world.registrar() as office:
        (waiting,) = await office.ask("requests")
        await office.ask(what, request=waiting["id"], text=text)


async def comes(person: Person, heading: str) -> None:
    """She looks again until the page has this heading."""

    async def there() -> bool:
        await person.look_again()
        return await person.heading() == heading

    await until(there)


async def test_a_new_organisation_joins(chromium: Browser, world: Settings) -> None:
    ines = await Person.sit(chromium, world["lisboa"])
    walk = Walk(ines, "new")
    try:
        await ines.sign_in()
        await ines.sees("Until you have joined a directory, nothing can be sent or received.")
        await walk.everything()
        await ines.open()
        await ines.follow("Join the directory")
        await ines.sees("Describe your organisation")

        # A page of the profile, typed by hand, with what a tired person gets wrong.
        await ines.follow("Describe your organisation")
        await ines.type("Name of your organisation", "")
        await ines.press("Save")
        assert "Enter the organisation’s name" in await ines.problems()
        await walk.look("new-about-errors")
        await ines.fill(
            ("Name of your organisation", "Associação Ponte Tejo"),
            ("The name is in", "Portuguese"),
            ("Country", "Portugal"),
            ("Town or city", "Lisboa"),
        )
        await ines.press("Save")
        await ines.sees("Still missing", "Enter the opening hours", "Enter the point of contact")

        # The rest was written down already.
        await ines.open("/settings/join/file")
        await ines.type("Text of the file", EXAMPLE.read_text("utf-8"))
        await ines.press("Load it")
        await ines.sees("Your profile is complete.")
        await ines.follow("Join the directory")
        await ines.type("The line that VSE sent you", "no line at all")
        await ines.press("Ask to join")
        assert len(await ines.problems()) == 2
        await walk.look("new-join-errors")
        await ines.type("The line that VSE sent you", world.invitation)
        await ines.tick(
            "May you ask for Associação Ponte Tejo?", "Yes, I may ask for my organisation"
        )
        await ines.press("Ask to join")
        assert await ines.heading() == "VSE looks at your request"
        await walk.look("new-waiting")

        await answer(world, "ask", "Who answers when Inês is away?")
        await comes(ines, "VSE asks you for something")
        await ines.sees("Who answers when Inês is away?")
        await walk.look("new-asked-again")
        world.clock.now += 1000
        await ines.tick(
            "May you ask for Associação Ponte Tejo?", "Yes, I may ask for my organisation"
        )
        await ines.press("Send the request again")
        await answer(world, "decline", "We could not reach you by telephone.")
        await comes(ines, "VSE declined your request")
        await walk.look("new-declined")
        world.clock.now += 1000
        await ines.tick(
            "May you ask for Associação Ponte Tejo?", "Yes, I may ask for my organisation"
        )
        await ines.press("Ask again")
        await admit(world)
        await comes(ines, "The directory")
        await ines.sees("You are a member")
        assert walk.faults == []
    finally:
        await ines.leave()


async def test_a_service_is_changed_and_then_full(chromium: Browser, world: Settings) -> None:
    """By keyboard and without scripts, as Utrecht's keyholder at the end of her day."""
    utrecht = world["utrecht"]
    await world.learns(utrecht, lambda: utrecht.exchange.members.get(utrecht.id) is not None)
    jasmijn = await Person.sit(chromium, utrecht, script=False)
    try:
        await jasmijn.sign_in()
        await jasmijn.follow("Settings")
        await jasmijn.follow("Our services")
        await jasmijn.follow("Opvanghuis Utrecht")
        await jasmijn.type("Name in English", "Safe house in Utrecht")
        await jasmijn.type("A parent may bring children up to the age of", "fourteen")
        await jasmijn.press("Save")
        assert await jasmijn.problems() == [
            "With children up to the age of: enter a whole number, for example 12"
        ]
        await jasmijn.type("A parent may bring children up to the age of", "14")
        await jasmijn.press("Save")
        await jasmijn.sees("Nobody else sees it before you send it")
        await jasmijn.press("Look at the changes and send them")
        await jasmijn.sees("“Safe house in Utrecht”", "14")
        await jasmijn.press("Send to the directory")
        await world.quiet(utrecht)

        # Two clicks from Today.
        await jasmijn.follow("Today")
        await jasmijn.follow("Change capacity: Opvanghuis Utrecht")
        await jasmijn.press("No capacity")
        await jasmijn.sees("Opvanghuis Utrecht: no capacity.")
        await world.quiet(utrecht)

        def arrived() -> bool:
            found = utrecht.exchange.members.get(utrecht.id)
            if found is None or found.profile is None:
                return False
            house = found.profile.services[1]
            return bool(house.capacity == "no-capacity" and house.children_up_to == 14)

        await world.learns(utrecht, arrived)
    finally:
        await jasmijn.leave()
