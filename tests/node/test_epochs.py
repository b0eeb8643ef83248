"""No epoch is taken twice, whatever the clock says and however often one copy is started from."""

import os
import shutil
from pathlib import Path

import pytest

from referral_node.exchange.catchup.epochs import new_epoch
from referral_node.exchange.catchup.progress import ask_since
from referral_node.store import Store
from referral_node.store.facts import EPOCH, fact, time_of

NOW = 1_795_104_300_000
HOUR = 3_600_000


async def taken(folder: Path, now: int) -> int:
    """A start from this folder: its epoch, which is kept."""
    store = await Store.open(folder / "node.db")
    try:
        epoch = await new_epoch(store, now, os.urandom)
        assert time_of(await fact(store, EPOCH) or b"") == epoch
    finally:
        await store.close()
    return epoch


async def test_the_clock_gives_the_epoch_while_it_is_ahead(tmp_path: Path) -> None:
    assert await taken(tmp_path, NOW) == NOW
    assert await taken(tmp_path, NOW + 1) == NOW + 1


@pytest.mark.parametrize("behind", [0, 1, HOUR, 400 * 24 * HOUR])
async def test_two_starts_from_one_copy_with_a_clock_that_is_behind(
    tmp_path: Path, behind: int
) -> None:
    """The disk is put back, and the clock was set back before: both count on from the same."""
    first = tmp_path / "first"
    first.mkdir()
    assert await taken(first, NOW) == NOW
    epochs = {NOW}
    for number in range(8):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(first, copy)
        epochs.add(await taken(copy, NOW - behind))
    assert len(epochs) == 9
    assert min(epochs) == NOW


async def test_a_start_asks_at_once_whatever_failed_before(tmp_path: Path) -> None:
    """Nine vain attempts before a restart are no reason to wait for an hour after it."""
    peer = b"p" * 16
    store = await Store.open(tmp_path / "node.db")
    try:
        await store.write(lambda tx: ask_since(tx, peer, NOW - HOUR, NOW))
        await store.write(
            lambda tx: tx.execute(
                "UPDATE catching SET attempts = 9, next_at = ?, cursor = ?", (NOW + HOUR, b"there")
            )
        )
        await store.write(lambda tx: ask_since(tx, peer, NOW, NOW + 1))
        row = await store.row("SELECT since, attempts, next_at, cursor FROM catching")
    finally:
        await store.close()
    assert row is not None
    assert tuple(row) == (NOW - HOUR, 0, 0, b"there")
