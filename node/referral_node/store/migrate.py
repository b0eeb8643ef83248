"""Numbered migrations: 0001.sql, 0002.sql ... each applied once, in order, in one transaction.

Law: a database made by a later version is refused, never touched; the number of the last migration
is SQLite's own ``user_version``, so that it commits with the change itself.
"""

import sqlite3
from importlib.resources import files

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


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the schema up to date; returns its number."""
    current = int(connection.execute("PRAGMA user_version").fetchone()[0])
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
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(sql):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled it back already
                connection.execute("ROLLBACK")
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
