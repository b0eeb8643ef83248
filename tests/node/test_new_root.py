"""A root that does not act yet: a mail and the pages say so for 72 hours."""

from pathlib import Path

from directory_world import World, new_root
from mail_world import ADMINISTRATOR, MINUTE, MailWorld
from page_reader import Page
from pages_world import Desks
from referral_node.exchange.notices.duty import POINT_OF_CONTACT
from referral_protocol.directory.coming import Coming, coming, coming_in
from referral_protocol.directory.rules import ROOT_DELAY

SAID = "The directory has a new root, which acts from Sun 22 Nov, 15:20 on"


async def test_the_administrator_is_told_once_while_it_waits(tmp_path: Path) -> None:
    async with MailWorld(tmp_path) as world:
        await world.keyholder("ines", POINT_OF_CONTACT)
        assert world.offices is not None
        office, log = world.office, world.offices.world
        await world.round()
        assert world.texts(ADMINISTRATOR) == []
        new_root(log, world.clock.now)
        await office.keeper.take(log.checkpoint(), log.leaves[office.keeper.replica.size :])
        for _ in range(3):
            await world.round(after=10 * MINUTE)
        assert [SAID in text for text in world.texts(ADMINISTRATOR)] == [True]
        assert world.texts("ines") == []


def test_it_waits_for_72_hours() -> None:
    log = World()
    new_root(log, log.now)
    acts = log.now + ROOT_DELAY
    expected = [Coming(2, acts, ("registrars", "witnesses"))]
    for found in (coming(log.directory.roots, acts - 1), coming_in(log.leaves, acts - 1)):
        assert found == expected
        assert found[0].words == "registrars and witnesses"
    assert coming(log.directory.roots, acts) == coming_in(log.leaves, acts) == []


async def test_settings_say_it(tmp_path: Path) -> None:
    desks = Desks(tmp_path, "utrecht", "lviv")
    await desks.start()
    try:
        desk = desks.desk("utrecht")
        office = desk.office
        await desk.sign_in()
        log = desks.world
        page: Page = await desk.reader.get("/settings/join")
        assert "Root 2" not in page.text
        new_root(log, office.clock.now + MINUTE)
        desks.at(log.now)
        await office.keeper.take(log.checkpoint(), log.leaves[office.keeper.replica.size :])
        page = await desk.reader.get("/settings/join")
        assert "Root 2 acts from" in page.text
        assert "It changes registrars and witnesses." in page.text
        page = await desk.reader.get("/settings")
        assert "A new root acts from" in page.text
    finally:
        await desks.stop()
