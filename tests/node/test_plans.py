"""What a node asks of its database costs the same with a million messages as with ten.

Everything that two offices ask while they refer, answer and talk is written down, and SQLite is
asked how it would find it: no table that grows with the messages is walked, and none is searched
by an index that only says whose a message is.
"""

import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from node_world import ACTOR, Office, Offices, delivered, say, send, view
from referral_node.store import Tx
from referral_protocol.statements import NOTE, STATE, WITHDRAW, Head

GROWING: Final = ("messages", "contents", "bodies", "threads", "audit", "answers", "receipts")
"""Tables with rows for everything that was ever said."""
WALKED: Final = re.compile(r"^SCAN (?P<name>\w+)(?! USING)")
OF_ONE_PEER: Final = "USING INDEX messages_counter (peer=? AND mine=?)"
KNOWN: Final = frozenset({"m", "t", "c", "p", "b"})
"""Short names that these tables are given in queries."""


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "lisboa", "utrecht")
    await made.start()
    yield made
    await made.stop()


async def write_down(office: Office, asked: set[str]) -> None:
    """From now on every statement of this office's database comes into ``asked``."""

    async def work(tx: Tx) -> None:
        tx._connection.set_trace_callback(asked.add)

    await office.store.write(work)
    await office.store._reader.set_trace_callback(asked.add)


async def test_nothing_is_found_by_walking(offices: Offices, tmp_path: Path) -> None:
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    asked: set[str] = set()
    for office in (lisboa, utrecht):
        await write_down(office, asked)
    said = await send(offices)
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await say(utrecht, said.thread, STATE, Head(state="received"), form="answer")
    await say(utrecht, said.thread, NOTE, Head(), form="note", text="We look at it.")
    await delivered(utrecht)
    await lisboa.exchange.importing.run(lisboa.vault, ACTOR)
    await say(lisboa, said.thread, NOTE, Head(priority="urgent"), form="note", text="Soon, please.")
    await say(lisboa, said.thread, WITHDRAW, Head(), form="withdraw", reason="no-longer-needed")
    await delivered(lisboa)
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    await view(utrecht, said.thread)
    await view(lisboa, said.thread)
    assert len(asked) > 60

    explaining = sqlite3.connect(utrecht.folder / "utrecht.db")
    try:
        found = {sql: walks(explaining, sql) for sql in asked}
    finally:
        explaining.close()
    assert {sql: how for sql, how in found.items() if how} == {}


def walks(connection: sqlite3.Connection, sql: str) -> list[str]:
    """The steps of the plan for this statement that grow with the messages."""
    if sql.split(maxsplit=1)[0] not in ("SELECT", "UPDATE", "DELETE", "INSERT"):
        return []
    plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + sql)]
    return [
        step
        for step in plan
        if OF_ONE_PEER in step
        or ((scan := WALKED.match(step)) and scan["name"] in {*GROWING, *KNOWN})
    ]
