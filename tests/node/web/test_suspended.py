"""Our own organisation is suspended or removed: every page says so; what is sent says it waits."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory_world import id_of
from pages_world import DAY, HOUR, Desk, Desks
from referral_node.exchange.directory.stopped import Stopped, stopped_in
from referral_protocol.examples import SENT

SUSPENDED = "Your organisation is suspended"
REMOVED = "Your organisation is not a member any more"
NEEDS_NOTHING = "Nothing needs you now"


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[Desks]:
    made = Desks(tmp_path, "lisboa", "utrecht", now=SENT)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def lisboa(desks: Desks) -> Desk:
    desk = desks.desk("lisboa")
    await desk.sign_in()
    return desk


async def decided(desks: Desks, status: str, until: int | None = None) -> None:
    """The registrar's decision on Lisbon, which only Lisbon's node has fetched."""
    world = desks.world
    world.log_in(world.status_content("lisboa", status, until), world.registrars[0])
    await desks["lisboa"].keeper.take(world.checkpoint(), world.leaves[-1:])


def stored(desks: Desks, now: int) -> Stopped | None:
    """What `status` reads of the stored log."""
    world = desks.world
    return stopped_in(world.leaves, world.genesis, id_of("lisboa"), now, allow_loopback=True)


async def test_every_page_says_it_until_it_ends(desks: Desks, lisboa: Desk) -> None:
    assert NEEDS_NOTHING in (await lisboa.reader.get("/")).text
    assert stored(desks, SENT) is None
    await decided(desks, "suspended", SENT + DAY)
    for path in ("/", "/new", "/find", "/referrals", "/settings"):
        page = await lisboa.reader.get(path)
        assert SUSPENDED in page.text, path
        assert "until tomorrow," in page.text, path
    today = await lisboa.reader.get("/")
    assert NEEDS_NOTHING not in today.text
    assert "everything you sent has arrived" not in today.text
    assert stored(desks, SENT) == Stopped("suspended", SENT, SENT + DAY)
    assert stored(desks, SENT + DAY) is None
    await decided(desks, "active")
    assert SUSPENDED not in (await lisboa.reader.get("/")).text
    assert stored(desks, SENT) is None


async def test_what_is_sent_says_that_it_waits(desks: Desks, lisboa: Desk) -> None:
    thread = (await desks.sent()).hex()
    assert (await lisboa.reader.get(f"/referral/{thread}")).text.count("so it waits here") == 0
    await decided(desks, "suspended")
    page = await lisboa.reader.get(f"/referral/{thread}")
    sent = await lisboa.reader.submit(page, "Send message", {"text": "Is she well?"})
    assert "so it waits here until that ends" in sent.text
    assert "is on its way" not in sent.text


async def test_whoever_was_removed_is_told(desks: Desks, lisboa: Desk) -> None:
    await decided(desks, "removed")
    assert REMOVED in (await lisboa.reader.get("/")).text
    found = stored(desks, SENT + HOUR)
    assert found is not None
    assert found.status == "removed"
