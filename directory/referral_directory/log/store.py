"""The directory's one database: SQLite, one writer, every change a synced transaction.

Law: what :meth:`Store.write` returns from is on disk; what fails leaves nothing behind. One
connection writes and checkpoints (SQLite before 3.51.3 can corrupt a WAL that two connections
reset); the reader beside it sees committed rows only and never writes. A database of a later
version is refused, never touched.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import aiosqlite

Params = Sequence[Any]
T = TypeVar("T")

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
)
_ADVICE: Final = {
    "disk": "the disk is full: make room, nothing was lost",
    "read-only": "the state folder cannot be written: check its owner and the file system",
    "locked": "another process holds the database: stop it first",
    "damaged": "the database is damaged: keep the folder as it is and restore the last backup",
    "loopback": "the log has members on loopback: set allow_loopback = true, as at `init`",
    "newer": "the database is of a later version of this program: install that one again",
    "internal": "the database refused a statement",
}
_CAUSES: Final = (
    (("SQLITE_FULL", "SQLITE_IOERR"), "disk"),
    (("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"), "read-only"),
    (("SQLITE_BUSY", "SQLITE_LOCKED"), "locked"),
    (("SQLITE_CORRUPT", "SQLITE_NOTADB"), "damaged"),
)


class StoreError(Exception):
    """The store cannot do it. ``code`` is for machines, the text says what to do."""

    def __init__(self, code: str, where: str = "") -> None:
        self.code = code
        super().__init__(f"{where}: {_ADVICE[code]}" if where else _ADVICE[code])


def translated(error: sqlite3.Error, where: str = "") -> StoreError:
    """SQLite's error as ours; its own text is not passed on, it can quote values."""
    name = getattr(error, "sqlite_errorname", "") or ""
    code = next((code for starts, code in _CAUSES if name.startswith(starts)), "internal")
    return StoreError(code, where)


class Tx:
    """What a piece of work may do inside its transaction."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, params: Params = ()) -> None:
        """Run one statement."""
        await self._connection.execute(sql, params)

    async def many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one statement for many rows."""
        await self._connection.executemany(sql, rows)

    async def rows(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        """All rows of a query, as this transaction sees them."""
        return list(await self._connection.execute_fetchall(sql, params))


class Store:
    """The open database. Made by :meth:`open`."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the database and bring its schema up to date; StoreError says why not."""
        writer: aiosqlite.Connection | None = None
        try:
            # First without aiosqlite: if it cannot open a file, it leaves a thread behind that
            # speaks to an event loop which may be closed by then.
            await asyncio.to_thread(_try_to_open, path)
            writer = await aiosqlite.connect(path, isolation_level=None)
            for pragma in _PRAGMAS:
                await writer.execute(pragma)
            await _migrate(writer, str(path))
            reader = await aiosqlite.connect(path, isolation_level=None)
            await reader.execute("PRAGMA query_only=ON")
            await reader.execute("PRAGMA wal_autocheckpoint=0")
        except (sqlite3.Error, StoreError) as error:
            if writer is not None:
                await writer.close()
            if isinstance(error, sqlite3.Error):
                raise translated(error, str(path)) from None
            raise
        writer.row_factory = reader.row_factory = sqlite3.Row
        return cls(writer, reader)

    async def close(self) -> None:
        """Let the work under way end, then close; the writer, last, checkpoints."""
        async with self._turn:
            await self._reader.close()
            await self._writer.close()

    async def write(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run ``work`` in a transaction; its result, once that is on disk. StoreError if not."""
        async with self._turn:
            try:
                await self._writer.execute("BEGIN IMMEDIATE")
                result = await work(Tx(self._writer))
                await self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                await self._rollback()
                raise translated(error) from None
            except BaseException:
                await self._rollback()
                raise
            return result

    async def truncate(self) -> None:
        """Put all that was committed into the file and empty the log beside it, which holds what
        was there before. A reader under way may keep it for a moment: the next one ends it."""
        async with self._turn:
            try:
                await self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise translated(error) from None

    async def rows(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        """All rows of a query, as last committed."""
        try:
            return list(await self._reader.execute_fetchall(sql, params))
        except sqlite3.Error as error:
            raise translated(error) from None

    async def row(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        found = await self.rows(sql, params)
        return found[0] if found else None

    async def _rollback(self) -> None:
        try:
            await self._writer.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # SQLite has rolled back by itself, as it does on a full disk


def _try_to_open(path: Path) -> None:
    sqlite3.connect(path).close()


def migrations() -> list[tuple[int, str]]:
    """All migrations as (number, SQL), by number: 0001.sql, 0002.sql ..."""
    folder = files("referral_directory.log").joinpath("migrations")
    return sorted(
        (int(file.name[:4]), file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    )


async def _migrate(connection: aiosqlite.Connection, where: str) -> None:
    rows = list(await connection.execute_fetchall("PRAGMA user_version"))
    current, known = int(rows[0][0]), migrations()
    if current > known[-1][0]:
        raise StoreError("newer", where)
    for number, sql in known:
        if number <= current:
            continue
        await connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(sql):
                await connection.execute(statement)
            # The number commits with the change itself.
            await connection.execute(f"PRAGMA user_version={number}")
            await connection.execute("COMMIT")
        except BaseException:
            await connection.execute("ROLLBACK")
            raise


def _statements(sql: str) -> list[str]:
    """The single statements of a script: executescript() would commit on its own."""
    statements, piece = [], ""
    for line in sql.splitlines(keepends=True):
        piece += line
        if sqlite3.complete_statement(piece):
            statements.append(piece)
            piece = ""
    return statements
