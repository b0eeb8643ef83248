"""The courier over time: it waits without spinning, gives up in time, and lets the urgent pass."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from directory_world import DAY, bundle_of
from liar import Liar, answers
from node_world import ACTOR, Office, Offices
from referral_node.exchange import Said, ThreadView
from referral_protocol import forms
from referral_protocol.directory.entries import REMOVED, SUSPENDED
from referral_protocol.examples import referral
from referral_protocol.ladder import Rung, Standing
from referral_protocol.retry import PATIENCE
from referral_protocol.statements import Head

HOUR = 3_600_000


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "lisboa")
    yield made
    await made.stop()


@pytest.fixture
async def liar(offices: Offices) -> AsyncIterator[Liar]:
    peer = Liar("utrecht", offices.clock)
    await peer.start()
    offices.world.join("utrecht", endpoint=peer.endpoint)
    offices.bundles["utrecht"] = bundle_of("utrecht", offices.clock.now)
    await offices.start()
    yield peer
    await peer.stop()


@pytest.fixture
def lisboa(offices: Offices, liar: Liar) -> Office:
    assert liar.endpoint
    return offices["lisboa"]


async def refer(lisboa: Office, liar: Liar, priority: str = "routine") -> Said:
    content, _ = forms.body(referral(liar.id))
    head = Head("referral", priority, lisboa.clock.now + 3 * DAY, None)
    return await lisboa.exchange.voice.open(
        lisboa.vault, ACTOR, recipient=liar.id, head=head, content=content
    )


async def count(lisboa: Office, sql: str) -> int:
    row = await lisboa.store.row(sql)
    assert row is not None
    return int(row[0] or 0)


async def until(lisboa: Office, sql: str, wanted: int) -> None:
    async with asyncio.timeout(10):
        while await count(lisboa, sql) != wanted:  # noqa: ASYNC110 - it lies in a database
            await asyncio.sleep(0.01)


async def view(lisboa: Office, said: Said) -> ThreadView:
    shown = await lisboa.exchange.threads.view(lisboa.vault, said.thread)
    assert shown is not None
    return shown


async def status(offices: Offices, liar: Liar, to: str) -> None:
    world = offices.world
    world.log_in(world.status_content(liar.name, to), world.registrars[0])
    keeper = offices["lisboa"].keeper
    await keeper.take(world.checkpoint(), world.leaves[keeper.replica.size :])
    offices["lisboa"].courier.wake_all()


FAILURES = "SELECT MAX(failures) FROM peers"
ATTEMPTS = "SELECT MAX(attempts) FROM outbox"
QUEUED = "SELECT COUNT(*) FROM outbox WHERE code IS NULL"


@pytest.mark.parametrize("to", [SUSPENDED, REMOVED])
async def test_what_is_for_a_member_that_may_not_receive_waits_quietly(
    offices: Offices, lisboa: Office, liar: Liar, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await status(offices, liar, to)
    await refer(lisboa, liar)
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
    said = await refer(lisboa, liar)
    offices.clock.now += PATIENCE
    lisboa.courier.wake_all()
    await until(lisboa, QUEUED, 0)
    shown = await view(lisboa, said)
    assert (shown.opener_standing, shown.messages[0].code) == ("refused", "undelivered")


async def test_after_two_weeks_a_person_is_told(
    offices: Offices, lisboa: Office, liar: Liar
) -> None:
    liar.on_parcel = answers(b"", status=500)
    said = await refer(lisboa, liar)
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
    assert held.standing is Standing.FAILED


async def test_a_failing_peer_is_left_alone_until_its_time(
    offices: Offices, lisboa: Office, liar: Liar
) -> None:
    liar.on_prekey = answers(b"", status=503)
    await refer(lisboa, liar)
    await until(lisboa, FAILURES, 1)
    for _ in range(20):
        lisboa.courier.wake_all()
        await asyncio.sleep(0.005)
    assert liar.asked == ["/v1/prekey"]
    await refer(lisboa, liar)  # an ordinary one more changes nothing of that
    await asyncio.sleep(0.05)
    assert liar.asked == ["/v1/prekey"]
    await refer(lisboa, liar, "urgent")  # an urgent one is worth a try at once
    await until(lisboa, FAILURES, 2)
    liar.on_prekey = None
    offices.clock.now += HOUR
    lisboa.courier.wake_all()
    await until(lisboa, QUEUED, 0)
    assert len(liar.held) == 3


async def test_the_urgent_one_goes_first(offices: Offices, lisboa: Office, liar: Liar) -> None:
    liar.on_prekey = answers(b"", status=503)
    said = [await refer(lisboa, liar, p) for p in ("routine", "urgent", "routine", "immediate")]
    await until(lisboa, FAILURES, 1)
    liar.on_prekey = None
    offices.clock.now += HOUR
    lisboa.courier.wake_all()
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
    said = await refer(lisboa, liar)
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
    said = [await refer(lisboa, liar) for _ in range(300)]
    await until(lisboa, FAILURES, 1)
    liar.on_prekey = None
    offices.clock.now += HOUR
    lisboa.courier.wake_all()
    await until(lisboa, QUEUED, 0)
    assert liar.held == [each.hash for each in said]
    assert liar.asked.count("/v1/parcels") >= 2
