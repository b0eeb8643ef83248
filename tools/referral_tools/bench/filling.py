"""A large store, filled through its batch insert with rows of real shape.

The rows of threads that two nodes really played are taken as they lie in the store and multiplied:
each copy gets its own case key, its own times, counters and chain of statements, its own person,
everything sealed again to its own place. Only signatures are copied: nothing verifies a stored one.
"""

import os
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from referral_node.exchange.cases.summaries import CaseSummary
from referral_node.exchange.sending.saying import PRIVATE_VERSION
from referral_node.store import Store, Tx
from referral_node.store.facts import HEARD_UPTO, keep, time_bytes
from referral_node.vault.vault import UnlockedVault
from referral_protocol import forms
from referral_protocol.bodies import SALT_SIZE, commitment
from referral_protocol.certificates import DAY
from referral_protocol.statements import OPEN, Statement, statement_hash
from referral_protocol.wire import decode, encode

YEARS: Final = 5 * 365 * DAY
"""Over so long a time what has ended is spread."""
LATELY: Final = 40 * DAY
"""Within this time what is open was begun."""
PEOPLE: Final = 300
"""Different people; each is in many cases, as their contents are packed once."""
AT_ONCE: Final = 4_000
"""Threads in one transaction."""
_TIMES: Final = ("at", "held_at", "expires", "opened_at", "respond_by", "changed_at")

Row = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """One thread's rows, by table, with the plain texts that are sealed in them."""

    thread: Row
    messages: tuple[Row, ...]
    beside: dict[str, tuple[Row, ...]]
    summary: CaseSummary
    plain: dict[bytes, bytes]
    """Salt and content by the message's hash."""
    statements: dict[bytes, Statement]

    @property
    def last(self) -> int:
        return max(int(row["at"]) for row in self.messages)


def sample(path: Path, vault: UnlockedVault, thread: bytes) -> Sample:
    """Take one thread out of a store that nobody writes to now."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        return _sample(connection, vault, thread)
    finally:
        connection.close()


def _sample(connection: sqlite3.Connection, vault: UnlockedVault, thread: bytes) -> Sample:
    def rows(sql: str, *params: Any) -> tuple[Row, ...]:
        return tuple(dict(row) for row in connection.execute(sql, params))

    (found,) = rows("SELECT * FROM threads WHERE id = ?", thread)
    messages = rows("SELECT * FROM messages WHERE thread = ? ORDER BY number", thread)
    contents = rows(
        "SELECT m.hash, c.private FROM contents c JOIN messages m ON m.number = c.message "
        "WHERE m.thread = ?",
        thread,
    )
    key = vault.case_key(thread, found["case_key"])
    summary = key.unseal(found["summary"], ("threads", thread, found["summary_version"]))
    mine = "message IN (SELECT number FROM messages WHERE thread = ?)"
    beside = {
        "answers": rows(f"SELECT * FROM answers WHERE {mine}", thread),  # noqa: S608 - no input in it
        "receipts": rows(
            f"SELECT * FROM receipts WHERE parcel IN (SELECT parcel FROM answers WHERE {mine})",  # noqa: S608 - no input in it
            thread,
        ),
        "given": tuple(
            row
            for message in messages
            for row in rows("SELECT * FROM given WHERE instr(content, ?)", message["hash"])
        ),
        "audit": rows(
            "SELECT * FROM audit WHERE subject IN (SELECT hash FROM messages WHERE thread = ?)",
            thread,
        ),
    }
    return Sample(
        thread=found,
        messages=messages,
        beside=beside,
        summary=msgspec.msgpack.decode(summary, type=CaseSummary),
        plain={
            row["hash"]: key.unseal(row["private"], ("messages", row["hash"], PRIVATE_VERSION))
            for row in contents
        },
        statements={
            row["hash"]: decode(row["statement"], Statement, 4096, "sample") for row in messages
        },
    )


class Filler:
    """Makes copies of samples for one store."""

    def __init__(self, us: bytes, vault: UnlockedVault, peers: Sequence[bytes], now: int) -> None:
        self._us = us
        self._vault = vault
        self._peers = peers
        self._now = now
        self._chance = random.Random(20261121)  # noqa: S311 - the same store in every run
        self._epoch = now - YEARS
        self._seqs: dict[tuple[bytes, int], int] = {}
        self._number = 1_000_000_000
        self._people: dict[bytes, list[bytes]] = {}

    async def fill(
        self,
        store: Store,
        samples: Sequence[Sample],
        threads: int,
        told: Callable[[int], None] = lambda _count: None,
    ) -> int:
        """Add so many copies, the samples in turn; returns how many messages that were.

        Indexes are made anew at the end, sorted: row by row they would be most of the work.
        """
        count = 0
        indexes = await store.write(_drop_indexes) if threads > AT_ONCE else []
        for begin in range(0, threads, AT_ONCE):
            batch: dict[str, list[Row]] = {}
            for number in range(begin, min(begin + AT_ONCE, threads)):
                chosen = samples[number % len(samples)]
                count += len(chosen.messages)
                for table, row in self._copy(chosen):
                    batch.setdefault(table, []).append(row)
            await store.write(partial(_insert, batch=batch))
            told(min(begin + AT_ONCE, threads))
        await store.write(self._counters)
        for index in indexes:
            await store.write(partial(Tx.execute, sql=index))
        await store.truncate()
        return count

    async def _counters(self, tx: Tx) -> None:
        await tx.many(
            "INSERT INTO counters (peer, epoch, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(peer, self._epoch, seq) for (peer, mine), seq in self._seqs.items() if mine],
        )
        # As a node leaves them that looked for gaps while all this came, not after it.
        await tx.many(
            "INSERT INTO heard (peer, epoch, top) VALUES (?, ?, ?) "
            "ON CONFLICT (peer, epoch) DO UPDATE SET top = excluded.top",
            [(peer, self._epoch, seq) for (peer, mine), seq in self._seqs.items() if not mine],
        )
        await keep(tx, HEARD_UPTO, time_bytes(self._number))

    def _copy(self, chosen: Sample) -> Iterator[tuple[str, Row]]:
        """One more thread like this one, row by row."""
        peer = self._chance.choice(self._peers)
        age = self._chance.randrange(YEARS if chosen.thread["ended"] else LATELY)
        shift = self._now - age - chosen.last
        key = os.urandom(32)
        person = self._chance.randrange(PEOPLE)
        hashes: dict[bytes, bytes] = {}
        numbers: dict[int, int] = {}
        case_key = None
        for row in chosen.messages:
            old = chosen.statements[row["hash"]]
            plain = chosen.plain[row["hash"]]
            if row["kind"] == OPEN:
                plain = plain[:SALT_SIZE] + self._person(plain[SALT_SIZE:], person)
            seq = self._seqs[peer, row["mine"]] = self._seqs.get((peer, row["mine"]), 0) + 1
            statement = msgspec.structs.replace(
                old,
                sender=self._us if row["mine"] else peer,
                recipient=peer if row["mine"] else self._us,
                epoch=self._epoch,
                seq=seq,
                thread=hashes.get(old.thread or b""),
                previous=hashes.get(old.previous or b""),
                seen=hashes.get(old.seen or b""),
                at=old.at + shift,
                expires=old.expires + shift,
                commitment=commitment(plain[:SALT_SIZE], plain[SALT_SIZE:]),
            )
            content = encode(statement)
            name = hashes[row["hash"]] = statement_hash(content)
            if case_key is None:
                thread = name
                wrapped = self._vault.wrap_case_key(thread, key)
                case_key = self._vault.case_key(thread, wrapped)
                yield (
                    "threads",
                    self._thread(chosen, thread, peer, wrapped, case_key, shift, person),
                )
            self._number += 1
            numbers[row["number"]] = self._number
            yield (
                "messages",
                _moved(row, shift)
                | {
                    "number": self._number,
                    "hash": name,
                    "thread": hashes[chosen.thread["id"]],
                    "peer": peer,
                    "epoch": self._epoch,
                    "seq": seq,
                    "previous": statement.previous,
                    "seen": statement.seen,
                    "statement": content,
                },
            )
            private = case_key.seal(plain, ("messages", name, PRIVATE_VERSION))
            yield "contents", {"message": self._number, "private": private}
        yield from self._beside(chosen, peer, shift, hashes, numbers)

    def _beside(
        self,
        chosen: Sample,
        peer: bytes,
        shift: int,
        hashes: dict[bytes, bytes],
        numbers: dict[int, int],
    ) -> Iterator[tuple[str, Row]]:
        parcels: dict[bytes, bytes] = {}
        for table, rows in chosen.beside.items():
            for row in rows:
                new = _moved(row, shift)
                if "parcel" in new:
                    new["parcel"] = parcels.setdefault(row["parcel"], os.urandom(16))
                if "message" in new:
                    new["message"] = numbers[row["message"]]
                if "subject" in new:
                    new["subject"] = hashes[row["subject"]]
                for column in ("peer", "sender"):
                    if column in new:
                        new[column] = peer
                if table == "audit":
                    del new["number"]
                yield table, new

    def _thread(
        self,
        chosen: Sample,
        thread: bytes,
        peer: bytes,
        wrapped: bytes,
        case_key: Any,
        shift: int,
        person: int,
    ) -> Row:
        given, born, case = _who(person)
        old = chosen.summary
        changes: dict[str, Any] = {
            name: None if getattr(old, name) is None else getattr(old, name) + shift
            for name in ("opened_at", "answered_at", "contacted_at", "outcome_at")
        }
        changes |= {
            "name": f"Оксана {given}",
            "latin": f"Oksana {given}",
            "birth_date": born,
            "case_number": case,
            "last_at": old.last_at + shift,
        }
        summary = msgspec.msgpack.encode(msgspec.structs.replace(old, **changes))
        version = chosen.thread["summary_version"]
        new = _moved(chosen.thread, shift)
        if new["follow_up_at"] is not None:
            new["follow_up_at"] += shift
        return new | {
            "id": thread,
            "peer": peer,
            "case_key": wrapped,
            "summary": case_key.seal(summary, ("threads", thread, version)),
        }

    def _person(self, packed: bytes, person: int) -> bytes:
        """The opening with another person in it; each made once."""
        made = self._people.get(packed)
        if made is None:
            content = forms.decode(packed)
            made = self._people[packed] = []
            for number in range(PEOPLE):
                given, born, case = _who(number)
                content["who"] |= {
                    "name": f"Оксана {given}",
                    "name_latin": f"Oksana {given}",
                    "date_of_birth": born,
                    "case_number": case,
                }
                made.append(forms.encode(content))
        return made[person]


def _who(person: int) -> tuple[str, str, str]:
    return (
        f"T{person:03}",
        f"19{40 + person % 60}-{person % 12 + 1:02}-{person % 28 + 1:02}",
        f"PT-{person:05}",
    )


def _moved(row: Row, shift: int) -> Row:
    """The row with its times moved."""
    return row | {
        name: row[name] + shift for name in _TIMES if name in row and row[name] is not None
    }


async def _drop_indexes(tx: Tx) -> list[str]:
    """Drop all indexes that are not part of their table; returns the SQL that makes them again."""
    rows = await tx.rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql > ''")
    for row in rows:
        await tx.execute(f"DROP INDEX {row['name']}")
    return [str(row["sql"]) for row in rows]


async def _insert(tx: Tx, batch: dict[str, list[Row]]) -> None:
    for table, rows in batch.items():
        columns = tuple(rows[0])
        sql = (
            f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - names of our own columns
            f"VALUES ({', '.join('?' * len(columns))})"
        )
        await tx.many(sql, [tuple(row[name] for name in columns) for row in rows])
