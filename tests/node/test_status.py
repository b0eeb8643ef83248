"""`status`: what waits and why, and nothing that is anybody's case."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from directory_world import World, new_root
from referral_node.commands import show
from referral_node.config import Config, Exchange
from referral_node.folder import StateFolder
from referral_node.setup import NewNode, make_node
from referral_node.status import Status, status
from referral_node.store import Store, Tx
from referral_node.store.facts import DIRECTORY_URL, SUBMISSION, keep
from referral_node.vault import KdfCost, Kit, Password, SlotKeys
from referral_protocol import profiles
from referral_protocol.directory.records import Records, salted
from referral_protocol.directory.rules import ROOT_DELAY
from referral_protocol.examples.profiles import UTRECHT

NOW = 1_790_000_000_000
MINUTE = 60_000
UTRECHT_ID, KYIV_ID = b"u" * 16, b"k" * 16
SECRET = b"PLANTED-NAME"
CONFIG = Config(
    name="Ponte Tejo",
    exchange=Exchange(endpoint="https://exchange.pontetejo.example"),
    time_zone="Europe/Lisbon",
)

RUNNING = {
    "ports": {"exchange": 18700, "pages": 18701, "metrics": 18702},
    "directory_followed": True,
    "directory_trouble": None,
}


async def made(tmp_path: Path) -> tuple[Store, StateFolder]:
    keys = SlotKeys(KdfCost(1, 8192), os.urandom)
    folder = StateFolder(tmp_path / "node")
    new = NewNode(CONFIG, "ines", "Inês", Password("correct horse battery"), Kit(bytes(32)))
    await make_node(folder.path, new, keys, os.urandom, NOW)
    keys.close()
    return await Store.open(folder.database), folder


def message(number: int, peer: bytes, mine: int, body: str, held_at: int | None) -> tuple[Any, ...]:
    return (
        number, bytes([number]) * 32, b"t" * 32, peer, mine, NOW, number, None, None, NOW, NOW,
        "note", None, SECRET, SECRET, body, None, None, None, held_at, None,
    )  # fmt: skip


async def fill(store: Store) -> None:
    """Rows as the exchange leaves them: two peers that wait, messages of each sort."""
    contents = profiles.split(profiles.encode(UTRECHT))
    record = Records(UTRECHT_ID, salted(contents, dict.fromkeys(contents, bytes(32)))).pack()

    async def work(tx: Tx) -> None:
        await tx.execute("INSERT INTO records (member, record) VALUES (?, ?)", (UTRECHT_ID, record))
        await tx.many(
            "INSERT INTO messages VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [
                message(1, UTRECHT_ID, 1, "gone", None),
                message(2, UTRECHT_ID, 1, "unsealed", None),
                message(3, UTRECHT_ID, 0, "sealed", NOW - 5 * MINUTE),
                message(4, UTRECHT_ID, 0, "sealed", NOW - MINUTE),
                message(5, KYIV_ID, 0, "imported", NOW),
            ],
        )
        await tx.many(
            "INSERT INTO outbox (message, peer, rank, queued_at, next_at, attempts, code) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (6, KYIV_ID, 2, NOW - 90 * MINUTE, NOW - 1, 0, None),
                (7, UTRECHT_ID, 1, NOW - 10 * MINUTE, NOW + 4 * MINUTE, 3, "connect"),
                (8, UTRECHT_ID, 0, NOW - 2 * MINUTE, NOW + MINUTE, 1, None),
            ],
        )
        await tx.execute(
            "INSERT INTO peers (member, failures, reached_at, tried_at, trouble) "
            "VALUES (?, 3, ?, ?, 'connect')",
            (UTRECHT_ID, NOW - 60 * MINUTE, NOW - 3 * MINUTE),
        )

    await store.write(work)


async def test_it_says_what_waits_and_why(tmp_path: Path) -> None:
    store, folder = await made(tmp_path)
    await fill(store)
    found = await status(store, folder, CONFIG, None, NOW)
    await store.close()
    assert [
        (w.name, w.count, w.priority, w.oldest_at, w.next_at, w.attempts, w.code)
        for w in found.waiting
    ] == [
        ("Steunpunt Dom", 2, "immediate", NOW - 10 * MINUTE, NOW + MINUTE, 3, "connect"),
        (None, 1, "routine", NOW - 90 * MINUTE, NOW - 1, 0, None),
    ]
    assert (found.without_key, found.to_import) == (1, 2)
    assert found.to_import_since == NOW - 5 * MINUTE
    assert [(p.name, p.failures, p.trouble) for p in found.peers] == [
        ("Steunpunt Dom", 3, "connect")
    ]
    assert (found.messages, found.keyholders, found.prekeys) == (5, 1, 4)
    assert found.database_bytes > 100_000
    assert found.running is None


async def test_it_never_says_anything_of_a_case(tmp_path: Path) -> None:
    store, folder = await made(tmp_path)
    await fill(store)
    found = await status(store, folder, CONFIG, lambda: {"ports": {"pages": 8701}}, NOW)
    await store.close()
    data = msgspec.json.encode(found)
    assert SECRET not in data
    assert b"note" not in data
    assert msgspec.json.decode(data, type=Status) == found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "the directory answers"),
        ({"directory_followed": False}, "no directory is asked yet"),
        ({"directory_trouble": "http-502"}, "what the directory answers cannot be used: http-502"),
        ({"directory_trouble": "store-disk"}, "this node cannot write to its disk: store-disk"),
    ],
)
async def test_how_it_runs_is_said_in_words(
    tmp_path: Path, capsys: Any, changes: dict[str, Any], said: str
) -> None:
    store, folder = await made(tmp_path)
    found = msgspec.to_builtins(await status(store, folder, CONFIG, lambda: RUNNING | changes, NOW))
    await store.close()
    show.status(found, CONFIG, NOW)
    lines = capsys.readouterr().out.splitlines()
    assert f"Running      yes; exchange 18700, pages 18701, metrics 18702; {said}" in lines


async def test_a_node_of_an_older_version_tells_less(tmp_path: Path, capsys: Any) -> None:
    older = {key: value for key, value in RUNNING.items() if key != "directory_followed"}
    store, folder = await made(tmp_path)
    found = msgspec.to_builtins(await status(store, folder, CONFIG, lambda: older, NOW))
    await store.close()
    show.status(found, CONFIG, NOW)
    assert "metrics 18702; the directory answers\n" in capsys.readouterr().out


async def test_it_is_shown_in_the_nodes_own_time(tmp_path: Path, capsys: Any) -> None:
    store, folder = await made(tmp_path)
    await fill(store)
    found = msgspec.to_builtins(
        await status(
            store,
            folder,
            CONFIG,
            lambda: RUNNING | {"directory_trouble": "connect"},
            NOW,
        )
    )
    await store.close()
    show.status(found, CONFIG, NOW)
    out = capsys.readouterr().out
    assert (
        "Running      yes; exchange 18700, pages 18701, metrics 18702; "
        "the directory is not reached: connect\n"
    ) in out
    assert "Steunpunt Dom\t2\timmediate\t2026-09-21 15:03\tin 60 s\t3\tconnect\n" in out
    assert f"{KYIV_ID.hex()}\t1\troutine\t2026-09-21 13:43\tnow\t0\t\n" in out
    assert "1 message waits for a key of the recipient" in out
    assert "2 messages wait for a keyholder to sign in" in out


async def test_control_characters_of_others_do_not_reach_the_terminal(capsys: Any) -> None:
    show.request({"state": "declined", "text": "no\x1b[2J\r\nway"}, {"directory": {}}, CONFIG)
    assert capsys.readouterr().out == ("Request to join: declined\nThey say: no [2J  way\n")


async def test_who_is_a_member_already_is_told_since_when(capsys: Any) -> None:
    stands = {"directory": {"joined_at": NOW}}
    show.request({"state": "approved", "text": ""}, stands, CONFIG)
    assert capsys.readouterr().out == "You are a member since 2026-09-21 15:13.\n"


def test_one_is_not_many() -> None:
    assert show.stored(1, 1) == "1 thread, 1 message"
    assert show.stored(0, 2) == "0 threads, 2 messages"


async def test_a_root_that_does_not_act_yet(tmp_path: Path, capsys: Any) -> None:
    log = World()
    new_root(log, NOW)
    store, folder = await made(tmp_path)

    async def work(tx: Tx) -> None:
        await keep(tx, DIRECTORY_URL, b"https://directory.example.org")
        await keep(tx, SUBMISSION, b"of another version")
        await tx.many(
            "INSERT INTO log_entries (number, leaf) VALUES (?, ?)", list(enumerate(log.leaves))
        )

    await store.write(work)
    for now, said in ((NOW + ROOT_DELAY - 1, True), (NOW + ROOT_DELAY, False)):
        found = msgspec.to_builtins(await status(store, folder, CONFIG, None, now))
        show.status(found, CONFIG, now)
        line = "New root     version 2 acts from 2026-09-24 15:13; it changes registrars and"
        assert (line in capsys.readouterr().out) is said
    await store.close()
