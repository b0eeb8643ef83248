"""Numbered migrations: 0001.sql, 0002.sql ... each applied once, in order, in one transaction.

Law: a database made by a later version is refused, never touched; the number of the last migration
is SQLite's own ``user_version``, so that it commits with the change itself.
"""

import sqlite3
from importlib.resources import files

import aiosqlite

from referral_node.store.errors import StoreError


def migrations() -> list[tuple[int, str]]:
    """All migrations as (number, SQL), by number."""
    folder = files("referral_node.store").joinpath("migrations")
    found = [
        (int(file.name[:4]), file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(found)


async def migrate(connection: aiosqlite.Connection) -> int:
    """Bring the schema up to date; returns its number."""
    rows = list(await connection.execute_fetchall("PRAGMA user_version"))
    current = int(rows[0][0])
    known = migrations()
    newest = known[-1][0]
    if current > newest:
        raise StoreError(
            "newer",
            f"the database is of version {current}, this program knows {newest}: "
            "install the newer program again",
        )
    for number, sql in known:
        if number <= current:
            continue
        await connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(sql):
                await connection.execute(statement)
            await connection.execute(f"PRAGMA user_version={number}")
            await connection.execute("COMMIT")
        except BaseException:
            await connection.execute("ROLLBACK")
            raise
    return newest


def _statements(sql: str) -> list[str]:
    """The single statements of a script: executescript() would commit on its own."""
    statements, piece = [], ""
    for line in sql.splitlines(keepends=True):
        piece += line
        if sqlite3.complete_statement(piece):
            statements.append(piece)
            piece = ""
    if piece.strip():
        raise ValueError("a migration ends in the middle of a statement")
    return statements
