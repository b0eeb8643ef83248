"""One connection writes and checkpoints, and nobody opens another one that could.

The same is watched from outside, on a whole node, in test_durable.py where strace may run.
"""

import ast
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import referral_node
from node_world import Offices, delivered, send
from referral_node.store import Store

ROOT = Path(referral_node.__file__).parent
OPENS = {
    "store/database.py": 2,  # the writer, and the reader that may not write
    "backup/copying.py": 2,  # one that may only read, and one for a copy that is no node's yet
}
"""Where a connection may be opened, and how often that is written there."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "node.db")
    yield opened
    await opened.close()


@pytest.mark.parametrize("sql", ["DELETE FROM facts", "CREATE TABLE x (y)", "VACUUM"])
async def test_the_reader_cannot_write(store: Store, sql: str) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store._reader.execute_fetchall(sql)


async def test_an_exchange_is_written_by_one_connection_of_each_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is opened while a node lives is seen, and only one of a file begins to write."""
    writers: dict[str, set[int]] = {}
    connect = sqlite3.connect

    def watched(path: Any, *how: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(path, *how, **more)

        def seen(sql: str) -> None:
            if sql.lstrip().upper().startswith(CHANGING):
                writers.setdefault(str(path), set()).add(id(connection))

        connection.set_trace_callback(seen)
        return connection

    monkeypatch.setattr(sqlite3, "connect", watched)
    offices = Offices(tmp_path, "lisboa", "utrecht")
    await offices.start()
    try:
        await send(offices)
        await delivered(offices["lisboa"])
        await offices["utrecht"].exchange.importing.run(offices["utrecht"].vault)
    finally:
        await offices.stop()
    assert {Path(path).name: len(seen) for path, seen in writers.items()} == {
        "lisboa.db": 1,
        "utrecht.db": 1,
    }


CHANGING = (
    *("BEGIN", "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER", "VACUUM"),
    "PRAGMA WAL_CHECKPOINT",
)


def test_connections_are_opened_where_the_law_of_the_store_holds() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): count
        for path in sorted(ROOT.rglob("*.py"))
        if (count := sum(1 for _ in _opened(ast.parse(path.read_text("utf-8")))))
    }
    assert found == OPENS


def _opened(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "connect"
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in ("sqlite3", "aiosqlite")
        ):
            yield node
