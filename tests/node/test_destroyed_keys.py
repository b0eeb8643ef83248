"""A key that is to be gone is gone from the files too, write-ahead log included."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory_world import DAY
from node_world import Office, Offices
from referral_node.exchange.keys.case import CaseKeys
from referral_protocol.certificates import (
    CASE_PREKEY_KEPT,
    CASE_PREKEY_LIFE,
    TRANSPORT_PREKEY_KEPT,
)


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "utrecht")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def utrecht(offices: Offices) -> Office:
    return offices["utrecht"]


def files_with(office: Office, secret: bytes) -> list[str]:
    return [f.name for f in sorted(office.folder.iterdir()) if secret in f.read_bytes()]


async def seeds(office: Office, table: str) -> dict[bytes, bytes]:
    rows = await office.store.rows(f"SELECT id, seed FROM {table}")  # noqa: S608 - from the tests
    return {bytes(row["id"]): bytes(row["seed"]) for row in rows}


async def test_a_transport_prekey_is_in_no_file_after_three_days(
    offices: Offices, utrecht: Office
) -> None:
    transport = utrecht.exchange.core.transport
    first = await seeds(utrecht, "transport_prekeys")
    assert len(first) == 1
    (seed,) = first.values()
    assert files_with(utrecht, seed)  # the search works
    offices.clock.now += DAY
    await transport.upkeep()
    assert len(await seeds(utrecht, "transport_prekeys")) == 2
    offices.clock.now += TRANSPORT_PREKEY_KEPT - DAY
    await transport.upkeep()
    assert seed not in (await seeds(utrecht, "transport_prekeys")).values()
    assert files_with(utrecht, seed) == []


async def test_a_case_prekey_is_in_no_file_after_its_time(
    offices: Offices, utrecht: Office
) -> None:
    """Also not sealed: whoever got the vault later could open what was sent to it."""
    keys = CaseKeys(utrecht.exchange.core)
    first = await seeds(utrecht, "case_prekeys")
    for _ in range(6):
        offices.clock.now += CASE_PREKEY_LIFE
        await keys.upkeep(utrecht.vault)
    now = offices.clock.now
    kept = await seeds(utrecht, "case_prekeys")
    gone = {name: seed for name, seed in first.items() if name not in kept}
    assert gone
    for seed in gone.values():
        assert files_with(utrecht, seed) == []
    row = await utrecht.store.row(
        "SELECT COUNT(*) FROM case_prekeys WHERE ends <= ?", (now - CASE_PREKEY_KEPT,)
    )
    assert row is not None
    assert row[0] == 0


async def test_after_a_long_absence_what_was_current_still_opens(
    offices: Offices, utrecht: Office
) -> None:
    """Nobody signed in for a year: the last prekeys are kept until a successor has stood long."""
    keys = CaseKeys(utrecht.exchange.core)
    last = await utrecht.store.row("SELECT id FROM case_prekeys ORDER BY ends DESC LIMIT 1")
    assert last is not None
    offices.clock.now += 365 * DAY
    assert await keys.upkeep(utrecht.vault) is not None
    assert await keys.upkeep(utrecht.vault) is None  # not a new bundle with each sign-in
    assert bytes(last["id"]) in await seeds(utrecht, "case_prekeys")
    offices.clock.now += CASE_PREKEY_KEPT - DAY
    await keys.upkeep(utrecht.vault)
    assert bytes(last["id"]) in await seeds(utrecht, "case_prekeys")
    offices.clock.now += 3 * DAY
    await keys.upkeep(utrecht.vault)
    assert bytes(last["id"]) not in await seeds(utrecht, "case_prekeys")
