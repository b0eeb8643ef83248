"""The courier over time: it waits without spinning, gives up in time, and lets the urgent pass."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deceived import QUEUED, count, deceived, refer, until, view
from directory_world import DAY
from liar import Liar, answers
from node_world import Office, Offices
from referral_protocol.directory.entries import REMOVED, SUSPENDED
from referral_protocol.ladder import Rung, Standing
from referral_protocol.retry import PATIENCE

HOUR = 3_600_000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[tuple[Offices, Liar]]:
    async with deceived(tmp_path) as made:
        yield made


@pytest.fixture
def offices(world: tuple[Offices, Liar]) -> Offices:
    return world[0]


@pytest.fixture
def lisboa(world: tuple[Offices, Liar]) -> Office:
    return world[0]["lisboa"]


@pytest.fixture
def liar(world: tuple[Offices, Liar]) -> Liar:
    return world[1]


async def status(offices: Offices, liar: Liar, to: str) -> None:
    world = offices.world
    world.log_in(world.status_content(liar.name, to), world.registrars[0])
    keeper = offices["lisboa"].keeper
    await keeper.take(world.checkpoint(), world.leaves[keeper.replica.size :])
    offices["lisboa"].courier.wake_all()


FAILURES = "SELECT MAX(failures) FROM peers"
ATTEMPTS = "SELECT MAX(attempts) FROM outbox"


@pytest.mark.parametrize("to", [SUSPENDED, REMOVED])
async def test_what_is_for_a_member_that_may_not_receive_waits_quietly(
    offices: Offices, lisboa: Office, liar: Liar, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await status(offices, liar, to)
    await refer(lisboa, liar, "routine")
    asked = 0
    row = lisboa.store.row

    async def counted(*what: Any) -> Any:
        nonlocal asked
        asked += 1
        return await row(*what)

    monkeypatch.setattr(lisboa.store, "row", counted)
    await asyncio.sleep(0.5)
    assert asked < 5, "the courier asks the store again and again"
    monkeypatch.undo()
    assert liar.asked == []
    assert await count(lisboa, QUEUED) == 1


@pytest.mark.parametrize("to", [SUSPENDED, REMOVED])
async def test_after_two_weeks_a_person_is_told_of_that_too(
    offices: Offices, lisboa: Office, liar: Liar, to: str
) -> None:
    await status(offices, liar, to)
    said = await refer(lisboa, liar, "routine")
    offices.clock.now += PATIENCE
    lisboa.courier.wake_all()
    await until(lisboa, QUEUED, 0)
    shown = await view(lisboa, said)
    assert (shown.opener_standing, shown.messages[0].code) == ("refused", "undelivered")


async def test_after_two_weeks_a_person_is_told(
    offices: Offices, lisboa: Office, liar: Liar
) -> None:
    liar.on_parcel = answers(b"", status=500)
    said = await refer(lisboa, liar, "routine")
    await until(lisboa, ATTEMPTS, 1)
    offices.clock.now += PATIENCE - HOUR
    lisboa.courier.wake_all()
    await until(lisboa, ATTEMPTS, 2)
    assert await count(lisboa, QUEUED) == 1
    offices.clock.now += HOUR
    lisboa.courier.wake_all()
    await until(lisboa, QUEUED, 0)
    shown = await view(lisboa, said)
    assert shown.messages[0].code == "undelivered"
    held = next(step for step in shown.steps if step.rung is Rung.HELD)
    # It left, and no answer came: their node may have it. A person telephones all the same.
    assert (held.standing, held.code) == (Standing.UNKNOWN, "undelivered")


async def test_a_failing_peer_is_left_alone_until_its_time(
    offices: Offices, lisboa: Office, liar: Liar
) -> None:
    liar.on_prekey = answers(b"", status=503)
    await refer(lisboa, liar, "routine")
    await until(lisboa, FAILURES, 1)
    for _ in range(20):
        lisboa.courier.wake_all()
        await asyncio.sleep(0.005)
    assert liar.asked == ["/v1/prekey"]
    await refer(lisboa, liar, "routine")  # an ordinary one more changes nothing of that
    await asyncio.sleep(0.05)
    assert liar.asked == ["/v1/prekey"]
    await refer(lisboa, liar, "urgent")  # an urgent one is worth a try at once
    await until(lisboa, FAILURES, 2)
    liar.on_prekey = None
    offices.clock.now += HOUR
    lisboa.courier.wake_all()
    await until(lisboa, QUEUED, 0)
    assert len(liar.held) == 3


async def test_the_urgent_one_goes_first(lisboa: Office, liar: Liar) -> None:
    lisboa.exchange.core.wake = lambda peer, hurry=False: None  # nothing goes before all are there
    said = [await refer(lisboa, liar, p) for p in ("routine", "urgent", "routine", "immediate")]
    lisboa.courier.wake(liar.id)
    await until(lisboa, QUEUED, 0)
    assert liar.held == [said[n].hash for n in (3, 1, 0, 2)]


async def test_a_parcel_whose_prekey_ended_is_made_anew(
    offices: Offices, lisboa: Office, liar: Liar
) -> None:
    """It left, no answer came, and a day later it would not be opened any more."""
    bodies: list[bytes] = []

    async def swallow(_: asyncio.StreamWriter, body: bytes) -> None:
        bodies.append(body)
        raise ConnectionResetError

    liar.on_parcel = swallow
    said = await refer(lisboa, liar, "routine")
    await until(lisboa, ATTEMPTS, 1)
    offices.clock.now += HOUR
    lisboa.courier.wake_all()
    await until(lisboa, ATTEMPTS, 2)
    assert bodies[0] == bodies[1]
    offices.clock.now += 2 * DAY
    liar.on_parcel = None
    lisboa.courier.wake_all()
    await until(lisboa, QUEUED, 0)
    assert liar.held == [said.hash]
    assert (await view(lisboa, said)).opener_standing == "held"


async def test_a_large_backlog_goes_parcel_by_parcel(
    offices: Offices, lisboa: Office, liar: Liar
) -> None:
    liar.on_prekey = answers(b"", status=503)
    said = [await refer(lisboa, liar, "routine") for _ in range(300)]
    await until(lisboa, FAILURES, 1)
    liar.on_prekey = None
    offices.clock.now += HOUR
    lisboa.courier.wake_all()
    await until(lisboa, QUEUED, 0)
    assert liar.held == [each.hash for each in said]
    assert liar.asked.count("/v1/parcels") >= 2
