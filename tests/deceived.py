"""A node whose only peer lies: what tests of the courier ask of it and wait for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from directory_world import DAY, bundle_of
from liar import Liar
from node_world import ACTOR, Office, Offices
from referral_node.exchange import Said, ThreadView
from referral_protocol import forms
from referral_protocol.examples import referral
from referral_protocol.statements import Head

OUTBOX = "SELECT COUNT(*) FROM outbox"
QUEUED = "SELECT COUNT(*) FROM outbox WHERE code IS NULL"


@asynccontextmanager
async def deceived(folder: Path) -> AsyncIterator[tuple[Offices, Liar]]:
    """Lisbon's node, and a liar in the place of Utrecht's, whose case prekey Lisbon knows."""
    offices = Offices(folder, "lisboa")
    liar = Liar("utrecht", offices.clock)
    await liar.start()
    try:
        offices.world.join("utrecht", endpoint=liar.endpoint)
        offices.bundles["utrecht"] = bundle_of("utrecht", offices.clock.now)
        await offices.start()
        yield offices, liar
        await offices.stop()
    finally:
        await liar.stop()


async def refer(lisboa: Office, liar: Liar, priority: str = "urgent") -> Said:
    """Queue a referral."""
    content, _ = forms.body(referral(liar.id))
    head = Head("referral", priority, lisboa.clock.now + 3 * DAY, None)
    return await lisboa.exchange.voice.open(
        lisboa.vault, ACTOR, recipient=liar.id, head=head, content=content
    )


async def trouble(lisboa: Office) -> str:
    """The code of the last failure, once there is one."""
    async with asyncio.timeout(10):
        while True:
            row = await lisboa.store.row("SELECT trouble FROM peers WHERE trouble IS NOT NULL")
            if row is not None:
                return str(row["trouble"])
            await asyncio.sleep(0.01)


async def count(lisboa: Office, sql: str) -> int:
    row = await lisboa.store.row(sql)
    assert row is not None
    return int(row[0] or 0)


async def until(lisboa: Office, sql: str, wanted: int) -> None:
    """Until the store says so; TimeoutError after ten seconds."""
    async with asyncio.timeout(10):
        while await count(lisboa, sql) != wanted:  # noqa: ASYNC110 - it lies in a database
            await asyncio.sleep(0.01)


async def view(lisboa: Office, said: Said) -> ThreadView:
    shown = await lisboa.exchange.threads.view(lisboa.vault, said.thread)
    assert shown is not None
    return shown


async def still_queued(lisboa: Office, liar: Liar, said: Said) -> str:
    """It failed with some code, is still in the queue, and goes when the peer is honest."""
    code = await trouble(lisboa)
    assert await count(lisboa, "SELECT COUNT(*) FROM outbox WHERE code IS NULL") == 1
    assert await count(lisboa, "SELECT COUNT(*) FROM bodies") == 1
    assert await count(lisboa, "SELECT COUNT(*) FROM receipts") == 0
    shown = await view(lisboa, said)
    assert shown.opener_standing in ("queued", "unknown")
    assert shown.evidence.held_at is None
    liar.on_prekey = liar.on_parcel = None
    lisboa.clock.now += 3_600_000
    async with asyncio.timeout(10):
        while await count(lisboa, "SELECT COUNT(*) FROM outbox"):
            lisboa.courier.wake(liar.id)
            await asyncio.sleep(0.02)
    assert set(liar.held) == {said.hash}
    assert (await view(lisboa, said)).opener_standing == "held"
    return code
