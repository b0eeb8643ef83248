"""The store: commits are shared, failures are not, and nothing is told before it is on disk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from referral_node.store import Store, StoreError, Tx
from referral_node.store.facts import fact, keep, time_bytes, time_of


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "node.db")
    yield opened
    await opened.close()


async def test_one_failure_undoes_itself_alone(store: Store) -> None:
    async def good(name: str) -> None:
        await store.write(lambda tx: keep(tx, name, b"1"))

    async def bad(tx: Tx) -> None:
        await keep(tx, "bad", b"1")
        raise KeyError("bad")

    results = await asyncio.gather(
        *(good(f"a{i}") for i in range(40)),
        store.write(bad),
        *(good(f"b{i}") for i in range(40)),
        return_exceptions=True,
    )
    assert [r for r in results if isinstance(r, Exception)] == [results[40]]
    assert isinstance(results[40], KeyError)
    assert await fact(store, "bad") is None
    rows = await store.rows("SELECT COUNT(*) FROM facts")
    assert rows[0][0] == 80


async def test_what_is_told_can_be_read_by_another_process_connection(
    store: Store, tmp_path: Path
) -> None:
    await store.write(lambda tx: keep(tx, "told", b"yes"))
    other = sqlite3.connect(tmp_path / "node.db")
    try:
        assert other.execute("SELECT value FROM facts WHERE name = 'told'").fetchone() == (b"yes",)
    finally:
        other.close()


@pytest.mark.parametrize("kind", [RuntimeError, asyncio.CancelledError, KeyboardInterrupt])
async def test_the_writer_goes_on_after_any_failure(
    store: Store, kind: type[BaseException]
) -> None:
    async def bad(tx: Tx) -> None:
        await keep(tx, "bad", b"1")
        raise kind

    with pytest.raises(kind):
        await store.write(bad)
    await store.write(lambda tx: keep(tx, "next", b"1"))
    assert await fact(store, "bad") is None
    assert await fact(store, "next") == b"1"


async def test_work_that_waits_for_something_else_is_refused(store: Store) -> None:
    async def waits(tx: Tx) -> None:
        await keep(tx, "late", b"1")
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaited something else"):
        await store.write(waits)
    assert await fact(store, "late") is None


async def test_a_broken_statement_is_not_quoted(store: Store) -> None:
    async def broken(tx: Tx) -> None:
        await tx.execute("INSERT INTO facts (name, value) VALUES ('secret name', NULL)")

    with pytest.raises(StoreError) as refused:
        await store.write(broken)
    assert "secret" not in str(refused.value)


async def test_a_caller_that_goes_away_does_not_undo_its_work(store: Store) -> None:
    caller = asyncio.create_task(store.write(lambda tx: keep(tx, "kept", b"1")))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await store.write(lambda tx: keep(tx, "after", b"1"))
    assert await fact(store, "kept") == b"1"


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    await (await Store.open(path)).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version=9999")
    raw.close()
    with pytest.raises(StoreError) as refused:
        await Store.open(path)
    assert refused.value.code == "newer"
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone() == (9999,)
    raw.close()


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(b"this is not a database, however long it may be" * 100)
    with pytest.raises(StoreError) as refused:
        await Store.open(path)
    assert refused.value.code == "damaged"
    assert str(path) in str(refused.value)


async def test_every_commit_is_synced(store: Store) -> None:
    async def pragmas(tx: Tx) -> tuple[int, str, int]:
        level = await tx.row("PRAGMA synchronous")
        mode = await tx.row("PRAGMA journal_mode")
        erase = await tx.row("PRAGMA secure_delete")
        assert level is not None
        assert mode is not None
        assert erase is not None
        return level[0], mode[0], erase[0]

    assert await store.write(pragmas) == (2, "wal", 1)


def test_times_as_facts() -> None:
    assert time_of(time_bytes(1_790_000_000_000)) == 1_790_000_000_000
