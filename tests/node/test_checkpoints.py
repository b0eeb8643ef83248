"""Every parcel and every receipt carries its sender's checkpoint of the directory's log."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from forge import Forge
from node_world import Offices, delivered, send


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "utrecht", "lisboa")
    await made.start()
    yield made
    await made.stop()


async def test_a_parcel_carries_the_senders_checkpoint(offices: Offices) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    # Lisbon has a later checkpoint than Utrecht, so it cannot be Utrecht's own that is kept.
    offices.clock.now = offices.world.now = offices.clock.now + 1000  # a note tells seconds
    await lisboa.keeper.take(offices.world.checkpoint(), [])
    theirs = lisboa.exchange.members.checkpoint
    assert theirs != utrecht.exchange.members.checkpoint
    await send(offices)
    await delivered(lisboa)
    row = await utrecht.store.row("SELECT checkpoint FROM peers WHERE member = ?", (lisboa.id,))
    assert row is not None
    assert row["checkpoint"] == theirs


async def test_a_receipt_carries_the_senders_checkpoint(offices: Offices) -> None:
    utrecht = offices["utrecht"]
    lisboa = Forge("lisboa", utrecht, offices["lisboa"].id)
    message, _ = lisboa.message()
    held = await lisboa.send(message)
    assert held.envelope is not None
    assert held.envelope.checkpoint == utrecht.exchange.members.checkpoint
    refused = await lisboa.post(await lisboa.parcel(message, recipient=bytes(16)))
    assert refused.envelope is not None
    assert refused.code == "not-for-us"
    assert refused.envelope.checkpoint == utrecht.exchange.members.checkpoint
