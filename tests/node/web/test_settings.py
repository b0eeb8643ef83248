"""The rooms of the settings, who may sign in, and moving to a new server."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from fed_member import Member
from federation import DIRECTORY
from page_reader import Page
from settings_world import Settings


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Settings]:
    async with Settings(tmp_path, "lisboa", "utrecht") as made:
        yield made


def rooms(page: Page) -> dict[str, str]:
    """Each room with how it stands."""
    rows = page.main.one("table").all("tr")[1:]
    return {row.all("th")[0].text: row.all("td")[1].text for row in rows}


async def test_each_room_says_how_it_stands(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    await lisboa.sign_in()
    page = await lisboa.page().get("/settings")
    found = rooms(page)
    assert found["Our profile"] == "To do It was last said to be right on 3 February 2026."
    assert found["Our services"] == (
        "Apoio a vítimas: has capacity Acompanhamento em tribunal: waiting list"
    )
    capacity = await lisboa.page().follow(page, "Apoio a vítimas: has capacity")
    assert "No capacity" in capacity.buttons()
    assert found["Our point of contact"] == "Inês Carvalhal"
    assert found["The directory"] == "Joined"
    assert found["People"] == "1 person"
    assert found["Notifications"] == "You are not told by e-mail"
    for name in found:
        inside = await lisboa.page().follow(page, name)
        assert inside.status == 200, name
        assert "Settings" in inside.links(), name


async def test_people_are_shown_with_the_commands(fed: Settings) -> None:
    await fed["lisboa"].sign_in()
    page = await fed["lisboa"].page().get("/settings/people")
    assert "Inês Carvalhal" in page.main.text
    assert "referral node users --state FOLDER --end NAME" in page.main.text


async def moved(member: Member) -> None:
    """What the administrator does: another address in node.toml, then a new start."""
    await member.stop()
    elsewhere = "http://127.0.0.2:1"
    exchange = msgspec.structs.replace(member.config.exchange, endpoint=elsewhere)
    member.config = msgspec.structs.replace(member.config, exchange=exchange)
    await member.start()


async def test_the_same_address_has_nothing_to_announce(fed: Settings) -> None:
    await fed["lisboa"].sign_in()
    page = await fed["lisboa"].page().get("/settings/move")
    assert "There is nothing to announce." in page.main.text
    assert page.buttons() == [] or "Look, and announce the new address" not in page.buttons()


async def test_a_new_address_is_looked_at_then_announced(fed: Settings) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    old = fed._endpoints["lisboa"]
    await moved(lisboa)
    await lisboa.sign_in()
    page = await lisboa.page().get("/settings/move")
    assert old in page.main.text
    assert "http://127.0.0.2:1" in page.main.text
    # Nobody answers there yet: the links know no way.
    fed._endpoints["lisboa"] = "http://127.0.0.2:1"
    fed._links["lisboa", "lisboa"] = fed.link(DIRECTORY, "lisboa")
    fed.link(DIRECTORY, "lisboa").cut()
    announce = "Look, and announce the new address"
    page = await lisboa.page().submit(page, announce, status=422)
    assert "Nothing answers there. Nothing was announced" in page.problems
    assert await lisboa.exchange.updating.status() is None
    fed.link(DIRECTORY, "lisboa").mend()
    page = await lisboa.page().get("/settings/move")
    page = await lisboa.page().submit(page, announce)
    assert "on its way to the directory" in page.main.text
    await fed.quiet(lisboa)
    await fed.learns(
        utrecht, lambda: utrecht.exchange.members.get(lisboa.id).endpoint == "http://127.0.0.2:1"
    )
    page = await lisboa.page().get("/settings/move")
    assert "There is nothing to announce." in page.main.text


async def test_what_was_sent_to_the_old_address_arrives_at_the_new_one(fed: Settings) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    fed.link("utrecht", "lisboa").cut()  # the old server is gone
    said = await utrecht.refer(lisboa)
    await moved(lisboa)
    await lisboa.sign_in()
    fed._endpoints["lisboa"] = "http://127.0.0.2:1"
    fed._links["lisboa", "lisboa"] = fed.link(DIRECTORY, "lisboa")
    page = await lisboa.page().get("/settings/move")
    await lisboa.page().submit(page, "Look, and announce the new address")
    await fed.quiet(lisboa)
    await fed.learns(
        utrecht, lambda: utrecht.exchange.members.get(lisboa.id).endpoint == "http://127.0.0.2:1"
    )
    fed.link("utrecht", "lisboa").mend()
    await fed.settle()
    await lisboa.read()
    assert (await lisboa.view(said.thread)).opener is not None


async def test_who_knows_why_announces_an_address_that_does_not_answer(fed: Settings) -> None:
    lisboa = fed["lisboa"]
    await moved(lisboa)
    fed._endpoints["lisboa"] = "http://127.0.0.2:1"
    fed._links["lisboa", "lisboa"] = fed.link("lisboa", "utrecht")  # another node answers there
    await lisboa.sign_in()
    page = await lisboa.page().get("/settings/move")
    announce = "Look, and announce the new address"
    page = await lisboa.page().submit(page, announce, status=422)
    assert "Another node answers there, not yours. Nothing was announced" in page.problems
    page = await lisboa.page().submit(page, announce, {"sure": ["yes"]})
    assert "Signed" in page.main.text
