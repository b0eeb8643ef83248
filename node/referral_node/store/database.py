"""The node's one database: a single writer whose commits are shared, and a reader beside it.

Law: all changes go through :meth:`Store.write`, whose caller goes on only after the commit is on
disk; what fails inside one caller's work undoes that work and nobody else's. One connection writes
and checkpoints (SQLite before 3.51.3 can corrupt a WAL that two connections reset); the reader
never writes. Errors name the cause and what to do, never a value.

A piece of work is a coroutine function that awaits nothing but its :class:`Tx`, and a Tx never
really waits: the writer's thread runs the whole piece without giving the event loop a turn. So a
commit costs one hop between threads, however many statements it has; at 60 to 150 µs a hop that is
what decides how many messages a second there are. Pieces that share a commit run without savepoints
between them, which would copy every page that they touch; if one fails, all are undone and run once
more, each between its own. So **a piece of work may run twice** and must leave no trace but through
its Tx.
"""

import asyncio
import sqlite3
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import aiosqlite

from referral_node.store.errors import StoreError, translated
from referral_node.store.migrate import migrate

Params = Sequence[Any]
T = TypeVar("T")
MOST_AT_ONCE: Final = 256
"""Most pieces of work that share one commit."""

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-8192",
    # 16 MiB of log between two checkpoints: each costs two syncs, and pages written once for many.
    "PRAGMA wal_autocheckpoint=4096",
)


class Tx:
    """What a piece of work may do inside the shared transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, params: Params = ()) -> int:
        """Run one statement; returns the number of rows changed."""
        return self._connection.execute(sql, params).rowcount

    async def many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one statement for many rows."""
        self._connection.executemany(sql, rows)

    async def rows(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        """All rows of a query, as the transaction sees them."""
        return self._connection.execute(sql, params).fetchall()

    async def row(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        found: sqlite3.Row | None = self._connection.execute(sql, params).fetchone()
        return found

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[None]:
        """What fails inside is undone alone, and the rest of the piece of work may go on."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO part")
            self._connection.execute("RELEASE part")
            raise
        self._connection.execute("RELEASE part")


def _run(work: Awaitable[T]) -> T:
    """Run a piece of work to its end here and now; it may await nothing but its Tx."""
    steps = work if isinstance(work, Coroutine) else _awaited(work)
    try:
        steps.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    steps.close()
    raise RuntimeError("a piece of work awaited something else than its transaction")


async def _awaited(work: Awaitable[T]) -> T:
    return await work


class _Job:
    __slots__ = ("done", "work")

    def __init__(self, work: Callable[[Tx], Awaitable[Any]], done: asyncio.Future[Any]) -> None:
        self.work = work
        self.done = done


_End = tuple[Any, BaseException | None]
"""What became of one piece of work: its result, or why not."""


class Store:
    """The open database of a node. Made by :meth:`open`."""

    def __init__(
        self, writer: sqlite3.Connection, reader: aiosqlite.Connection, thread: ThreadPoolExecutor
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._thread = thread
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue(maxsize=1024)
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the database at ``path`` and bring its schema up to date.

        Raises StoreError: ``newer`` if a later version of this program made it, ``read-only``,
        ``disk``, ``locked`` or ``damaged``.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        loop = asyncio.get_running_loop()
        try:
            writer = await loop.run_in_executor(thread, _open_writer, path)
            try:
                reader = await _open_reader(path)
            except BaseException:
                await loop.run_in_executor(thread, writer.close)
                raise
        except BaseException as error:
            thread.shutdown()
            if isinstance(error, sqlite3.Error):
                raise translated(error, path) from None
            raise
        store = cls(writer, reader, thread)
        store._task = asyncio.create_task(store._write_on(), name="store-writer")
        return store

    async def close(self) -> None:
        """Finish what was handed in, checkpoint, and close both connections."""
        if self._closed:
            return
        self._closed = True
        await self._jobs.put(None)
        if self._task is not None:
            await self._task
        await self._reader.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown()

    async def write(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run ``work`` in the shared transaction; return its result once it is on disk.

        Inside, await nothing but the Tx, and change nothing else: it may run twice. An exception
        undoes this work alone and is raised here; a failed commit undoes all that shared it and
        raises StoreError in each.
        """
        if self._closed:
            raise StoreError("closed", "the node is stopping; try again when it runs")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        await self._jobs.put(_Job(work, done))
        # A caller that goes away does not undo its work: it may already be part of a commit.
        return await done

    async def truncate(self) -> bool:
        """Empty the write-ahead log, so that what was deleted lies in no file any more.

        False if a reader was in the way: then the next one does it.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, _truncate, self._writer)
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

    async def _write_on(self) -> None:
        """Take what is waiting, as much as may share a commit, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            job = await self._jobs.get()
            batch = [] if job is None else [job]
            stop = job is None
            while not stop and len(batch) < MOST_AT_ONCE and not self._jobs.empty():
                following = self._jobs.get_nowait()
                if following is None:
                    stop = True
                else:
                    batch.append(following)
            if batch:
                try:
                    ends = await loop.run_in_executor(self._thread, _commit, self._writer, batch)
                except Exception as error:  # noqa: BLE001 - if it ended, all would wait for ever
                    ends = [(None, translated(error))] * len(batch)
                _tell(batch, ends)
            if stop:
                return


def _tell(batch: list[_Job], ends: list[_End]) -> None:
    """Give each caller what became of its work."""
    for job, (result, problem) in zip(batch, ends, strict=True):
        if job.done.done():
            continue
        if problem is None:
            job.done.set_result(result)
        else:
            job.done.set_exception(problem)


# in the writer's thread


def _open_writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def _commit(connection: sqlite3.Connection, batch: list[_Job]) -> list[_End]:
    """One transaction and one synced commit for the batch; a savepoint for each only if need be."""
    ends = _transaction(connection, batch, _run_all)
    if ends is None:
        ends = _transaction(connection, batch, _run_each)
    return ends or []


def _transaction(
    connection: sqlite3.Connection,
    batch: list[_Job],
    run: Callable[[sqlite3.Connection, list[_Job]], list[_End] | None],
) -> list[_End] | None:
    """What ``run`` says of each piece of work, once it is on disk; None: undone, to be run again.

    If the transaction itself fails, each caller gets that, and the writer goes on.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        ends = run(connection, batch)
        connection.execute("ROLLBACK" if ends is None else "COMMIT")
    except BaseException as error:  # noqa: BLE001 - each caller gets it, the writer goes on
        if connection.in_transaction:  # SQLite may have rolled back by itself on a full disk
            connection.execute("ROLLBACK")
        problem = translated(error) if isinstance(error, sqlite3.Error) else error
        return [(None, problem)] * len(batch)
    return ends


def _run_all(connection: sqlite3.Connection, batch: list[_Job]) -> list[_End] | None:
    """All pieces one after the other; None if one failed."""
    tx = Tx(connection)
    ends: list[_End] = []
    for job in batch:
        try:
            ends.append((_run(job.work(tx)), None))
        except sqlite3.OperationalError:
            raise  # disk full, read-only: nothing of this transaction can be kept
        except BaseException:  # noqa: BLE001 - it comes again between savepoints, for its caller
            return None
    return ends


def _run_each(connection: sqlite3.Connection, batch: list[_Job]) -> list[_End]:
    """Each piece between savepoints; its failure undoes it alone."""
    tx = Tx(connection)
    ends: list[_End] = []
    for job in batch:
        connection.execute("SAVEPOINT work")
        try:
            ends.append((_run(job.work(tx)), None))
        except sqlite3.OperationalError:
            raise
        except BaseException as error:  # noqa: BLE001 - goes to the caller, whoever that is
            connection.execute("ROLLBACK TO work")
            ends.append((None, translated(error) if isinstance(error, sqlite3.Error) else error))
        connection.execute("RELEASE work")
    return ends


def _truncate(connection: sqlite3.Connection) -> bool:
    busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


async def _open_reader(path: Path) -> aiosqlite.Connection:
    reader = await aiosqlite.connect(path, isolation_level=None, cached_statements=256)
    try:
        await reader.execute("PRAGMA query_only=ON")
        await reader.execute("PRAGMA cache_size=-8192")
    except BaseException:
        await reader.close()  # its thread would keep the process alive
        raise
    reader.row_factory = sqlite3.Row
    return reader
