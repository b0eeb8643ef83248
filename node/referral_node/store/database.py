"""The node's one database: a single writer whose commits are shared, and readers beside it.

Law: all changes go through :meth:`Store.write`, whose caller goes on only after the commit is on
disk; what fails inside one caller's work undoes that work and nobody else's. One connection writes
and checkpoints (SQLite before 3.51.3 can corrupt a WAL that two connections reset); readers never
write. Errors name the cause and what to do, never a value.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import aiosqlite

from referral_node.store.errors import StoreError, translated
from referral_node.store.migrate import migrate

Params = Sequence[Any]
T = TypeVar("T")
MOST_AT_ONCE: Final = 64
"""Most pieces of work that share one commit."""

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-8192",
)


class Tx:
    """What a piece of work may do inside the shared transaction."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, params: Params = ()) -> int:
        """Run one statement; returns the number of rows changed."""
        async with self._connection.execute(sql, params) as cursor:
            return cursor.rowcount

    async def many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one statement for many rows: one hop to the database's thread for all of them."""
        await self._connection.executemany(sql, rows)

    async def rows(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        """All rows of a query, as the transaction sees them."""
        return list(await self._connection.execute_fetchall(sql, params))

    async def row(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        found = await self.rows(sql, params)
        return found[0] if found else None


class _Job:
    __slots__ = ("done", "work")

    def __init__(self, work: Callable[[Tx], Awaitable[Any]], done: asyncio.Future[Any]) -> None:
        self.work = work
        self.done = done


class Store:
    """The open database of a node. Made by :meth:`open`."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue(maxsize=1024)
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the database at ``path`` and bring its schema up to date.

        Raises StoreError: ``newer`` if a later version of this program made it, ``read-only``,
        ``disk``, ``locked`` or ``damaged``.
        """
        try:
            writer = await aiosqlite.connect(path, isolation_level=None, cached_statements=256)
        except sqlite3.Error as error:
            raise translated(error, path) from None
        try:
            for pragma in _PRAGMAS:
                await writer.execute(pragma)
            await migrate(writer)
            reader = await aiosqlite.connect(path, isolation_level=None, cached_statements=256)
        except sqlite3.Error as error:
            await writer.close()
            raise translated(error, path) from None
        except StoreError:
            await writer.close()
            raise
        await reader.execute("PRAGMA query_only=ON")
        await reader.execute("PRAGMA cache_size=-8192")
        writer.row_factory = reader.row_factory = sqlite3.Row
        store = cls(writer, reader)
        store._task = asyncio.create_task(store._run(), name="store-writer")
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
        await self._writer.close()

    async def write(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run ``work`` in the shared transaction; return its result once it is on disk.

        Inside, await nothing but the Tx. An exception undoes this work alone and is raised here;
        a failed commit undoes all that shared it and raises StoreError in each.
        """
        if self._closed:
            raise StoreError("closed", "the node is stopping; try again when it runs")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        await self._jobs.put(_Job(work, done))
        # A caller that goes away does not undo its work: it may already be part of a commit.
        return await asyncio.shield(done)

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

    async def _run(self) -> None:
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
                await self._commit(batch)
            if stop:
                return

    async def _commit(self, batch: list[_Job]) -> None:
        """One transaction for the batch: a savepoint for each piece of work, one synced commit."""
        results: list[tuple[_Job, Any, BaseException | None]] = []
        tx = Tx(self._writer)
        try:
            await self._writer.execute("BEGIN IMMEDIATE")
            for job in batch:
                results.append(await self._attempt(job, tx, alone=len(batch) == 1))
            await self._writer.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - each caller gets it, the writer goes on
            await self._rollback()
            failure = translated(error) if isinstance(error, sqlite3.Error) else error
            for job in batch:
                if not job.done.done():
                    job.done.set_exception(failure)
            return
        for job, result, problem in results:
            if job.done.done():
                continue
            if problem is None:
                job.done.set_result(result)
            else:
                job.done.set_exception(problem)

    async def _attempt(
        self, job: _Job, tx: Tx, *, alone: bool
    ) -> tuple[_Job, Any, BaseException | None]:
        if not alone:
            await self._writer.execute("SAVEPOINT work")
        try:
            result = await job.work(tx)
        except sqlite3.OperationalError:
            raise  # disk full, read-only: nothing of this transaction can be kept
        except Exception as error:
            if alone:
                raise
            await self._writer.execute("ROLLBACK TO work")
            await self._writer.execute("RELEASE work")
            return job, None, translated(error) if isinstance(error, sqlite3.Error) else error
        if not alone:
            await self._writer.execute("RELEASE work")
        return job, result, None

    async def _rollback(self) -> None:
        try:
            await self._writer.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # SQLite has rolled back by itself, as it does on a full disk
