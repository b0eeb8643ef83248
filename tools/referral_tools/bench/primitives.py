"""The bare primitives: what any implementation must pay for a message of 4 KiB, and nothing more.

Per message: sign, seal, open, verify, typed decode. Per 64 messages: one synced commit of their
rows on each side, one receipt signature. No HTTP, no state, no queues; one process, one core.
"""

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from referral_protocol import labels
from referral_protocol.bodies import body_info, commitment, pad
from referral_protocol.statements import (
    Head,
    Statement,
    make_statement,
    verify_statement,
)
from referral_protocol.suite import SUITE, Opener, SealKey, Signer

BATCH: Final = 64
SIZE: Final = 4096
NOW: Final = 1_800_000_000_000


def rate(folder: Path, batches: int) -> float:
    """Messages per second of the bare primitives, one core."""
    vault, node, opener = Signer(os.urandom(32)), Signer(os.urandom(32)), Opener(os.urandom(32))
    key = SealKey(opener.public)
    ours, theirs = _database(folder / "ours.db"), _database(folder / "theirs.db")
    content = os.urandom(SIZE - 36)
    began = time.perf_counter()
    for batch in range(batches):
        rows, held = [], []
        for number in range(BATCH):
            salt = os.urandom(32)
            signed = make_statement(vault, _statement(batch * BATCH + number + 1, salt, content))
            sealed = key.seal(body_info(signed.hash), pad(salt, content))
            rows.append((signed.hash, signed.content, signed.signature, sealed))
        _commit(ours, rows)
        for name, statement, signature, sealed in rows:
            verify_statement(statement, signature, vault.public)
            opener.open(body_info(name), sealed, "bench")
            held.append((name, statement, signature, sealed))
        _commit(theirs, held)
        node.sign(labels.RECEIPT, b"".join(row[0] for row in rows))
    took = time.perf_counter() - began
    ours.close()
    theirs.close()
    return batches * BATCH / took


def _statement(seq: int, salt: bytes, content: bytes) -> Statement:
    return Statement(
        suite=SUITE,
        sender=bytes(16),
        recipient=b"r" * 16,
        epoch=NOW,
        seq=seq,
        thread=None,
        previous=None,
        seen=None,
        at=NOW,
        expires=NOW + 1000,
        kind="open",
        head=Head("advice", "urgent", NOW + 1000, None),
        commitment=commitment(salt, content),
    )


def _database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE m (hash BLOB, statement BLOB, signature BLOB, sealed BLOB)")
    return connection


def _commit(connection: sqlite3.Connection, rows: list[tuple[bytes, bytes, bytes, bytes]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO m VALUES (?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
