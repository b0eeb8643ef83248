"""What `referral node status` tells: what waits and why, for the administrator.

Law: never a case. Counts, times, sizes, priorities, codes, and names of organisations out of the
public directory; what is sealed stays so, as no key is here. Read from the database alone, so it is
the same whether the node serves or not; what only a running node knows is added by it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from referral_node.backup.age import Backups, backups
from referral_node.config import Config
from referral_node.exchange.directory.stopped import Stopped, stopped_in
from referral_node.folder import StateFolder
from referral_node.joining import last_state
from referral_node.missing import Missing, missing
from referral_node.store import Store
from referral_node.store.facts import (
    CHECKED_AT,
    DIRECTORY_URL,
    GENESIS,
    MEMBER,
    RESTORED_AT,
    RESTORED_FROM,
    SUBMISSION,
    VAULT_PUBLIC,
    fact,
    time_of,
)
from referral_node.store.room import Room
from referral_node.telling import MailState, mail_state
from referral_node.watching import ViewState, view_state
from referral_protocol import profiles
from referral_protocol.directory.coming import Coming, coming_in
from referral_protocol.directory.entries import MEMBER as MEMBER_ENTRY
from referral_protocol.directory.entries import parse_entry, parse_leaf
from referral_protocol.directory.records import parse_records
from referral_protocol.directory.requests import parse_submission
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import fingerprint

PRIORITIES: Final = {0: "immediate", 1: "urgent"}
NOT_ASKED: Final = "not-asked"
ADMITTED: Final = "admitted"


class Membership(msgspec.Struct, frozen=True):
    """How this node stands to its directory. ``state``: not-asked, asked, waiting, asked-again,
    declined, approved, admitted (in our own copy of the log)."""

    state: str
    url: str | None = None
    text: str = ""
    asked_at: int | None = None
    checked_at: int | None = None
    entries: int = 0
    joined_at: int | None = None
    """Since when our own copy of the log has us."""
    coming: list[Coming] = []
    """New roots that do not act yet."""
    stopped: Stopped | None = None
    """How the log has suspended or removed us, if it has."""


class Waiting(msgspec.Struct, frozen=True):
    """What still has to reach one peer, or wait for its key."""

    peer: str
    name: str | None
    count: int
    priority: str
    oldest_at: int
    next_at: int
    attempts: int
    code: str | None


class Peer(msgspec.Struct, frozen=True):
    """How a peer was reached last."""

    peer: str
    name: str | None
    reached_at: int | None
    tried_at: int | None
    failures: int
    trouble: str | None


class Status(msgspec.Struct, frozen=True):
    """All of it. ``running``: what the serving process adds; None when the files were read."""

    organisation: str
    member: str
    fingerprint: str
    set_up_at: int
    directory: Membership
    keyholders: int
    waiting: list[Waiting]
    without_key: int
    to_import: int
    to_import_since: int | None
    peers: list[Peer]
    prekeys: int
    prekeys_until: int | None
    threads: int
    messages: int
    database_bytes: int
    disk_free_bytes: int
    disk_low: bool
    backups: Backups
    mail: MailState | None
    restored_at: int | None
    restored_from: int | None
    missing: Missing
    views: ViewState
    running: dict[str, Any] | None = None


async def status(
    store: Store,
    folder: StateFolder,
    config: Config,
    running: Callable[[], dict[str, Any]] | None,
    now: int,
) -> Status:
    """Read it all; a handful of statements, none of which reads a body."""
    member = await fact(store, MEMBER) or b""
    vault_key = await fact(store, VAULT_PUBLIC) or b""
    names = await _names(store)
    imports = await store.row(
        "SELECT COUNT(*) AS count, MIN(held_at) AS since FROM messages "
        "WHERE body = 'sealed' AND mine = 0"
    )
    room = await asyncio.to_thread(Room, folder.path, config.limits.disk_reserve_mib, quiet=True)
    prekeys = await store.row("SELECT COUNT(*) AS count, MAX(ends) AS until FROM case_prekeys")
    return Status(
        organisation=config.name,
        member=member.hex(),
        fingerprint=fingerprint(vault_key, folder.read_node_key().public),
        set_up_at=await _set_up_at(store),
        directory=await _membership(store, member, config, now),
        keyholders=await _count(store, "SELECT COUNT(*) FROM users WHERE ended_at IS NULL"),
        waiting=await _waiting(store, names),
        without_key=await _count(
            store, "SELECT COUNT(*) FROM messages WHERE body = 'unsealed' AND mine = 1"
        ),
        to_import=imports["count"] if imports else 0,
        to_import_since=imports["since"] if imports else None,
        peers=await _peers(store, names),
        prekeys=prekeys["count"] if prekeys else 0,
        prekeys_until=prekeys["until"] if prekeys else None,
        threads=await _count(store, "SELECT COUNT(*) FROM threads"),
        messages=await _count(store, "SELECT COUNT(*) FROM messages"),
        database_bytes=await asyncio.to_thread(_size, folder),
        disk_free_bytes=room.free,
        disk_low=room.low,
        backups=await backups(store),
        mail=await mail_state(store, config, now),
        restored_at=await _moment(store, RESTORED_AT),
        restored_from=await _moment(store, RESTORED_FROM),
        missing=await missing(store, names),
        views=await view_state(store, folder.path),
        running=running() if running is not None else None,
    )


async def _moment(store: Store, name: str) -> int | None:
    value = await fact(store, name)
    return None if value is None else time_of(value)


async def _set_up_at(store: Store) -> int:
    row = await store.row("SELECT MIN(made_at) FROM slots")
    return 0 if row is None or row[0] is None else int(row[0])


async def _membership(store: Store, member: bytes, config: Config, now: int) -> Membership:
    url, submission = await fact(store, DIRECTORY_URL), await fact(store, SUBMISSION)
    if url is None or submission is None:
        return Membership(NOT_ASKED)
    rows = await store.rows("SELECT leaf FROM log_entries ORDER BY number")
    leaves = [bytes(row["leaf"]) for row in rows]
    checked = await fact(store, CHECKED_AT)
    said = await last_state(store)
    state = "asked" if said is None else said.state
    joined_at = await asyncio.to_thread(_joined_at, leaves, member)
    if joined_at is not None:
        state = ADMITTED
    held, genesis = None, await fact(store, GENESIS)
    if state == ADMITTED and genesis is not None:
        held = await asyncio.to_thread(
            stopped_in, leaves, genesis, member, now, allow_loopback=config.allow_loopback
        )
    asked_at: int | None = None
    try:
        asked_at = parse_entry(parse_submission(submission).content).at
    except ProtocolError:
        pass  # made by another version: only the date is missing
    return Membership(
        state,
        url.decode("utf-8"),
        "" if said is None else said.text,
        asked_at,
        None if checked is None else time_of(checked),
        len(leaves),
        joined_at,
        await asyncio.to_thread(coming_in, leaves, now),
        held,
    )


def _joined_at(leaves: list[bytes], member: bytes) -> int | None:
    for leaf in leaves:
        # The id stands in the bytes of its own entry: most leaves need no parsing.
        if member in leaf:
            parsed = parse_leaf(leaf)
            entry = parse_entry(parsed.content)
            if entry.kind == MEMBER_ENTRY and entry.member == member:
                return parsed.logged
    return None


async def _waiting(store: Store, names: dict[bytes, str]) -> list[Waiting]:
    rows = await store.rows(
        "SELECT peer, COUNT(*) AS count, MIN(rank) AS rank, MIN(queued_at) AS oldest, "
        "MIN(next_at) AS next, MAX(attempts) AS attempts, MAX(code) AS code "
        "FROM outbox GROUP BY peer ORDER BY MIN(rank), MIN(queued_at)"
    )
    return [
        Waiting(
            bytes(row["peer"]).hex(),
            names.get(bytes(row["peer"])),
            row["count"],
            PRIORITIES.get(row["rank"], "routine"),
            row["oldest"],
            row["next"],
            row["attempts"],
            row["code"],
        )
        for row in rows
    ]


async def _peers(store: Store, names: dict[bytes, str]) -> list[Peer]:
    rows = await store.rows(
        "SELECT member, reached_at, tried_at, failures, trouble FROM peers ORDER BY member"
    )
    return [
        Peer(
            bytes(row["member"]).hex(),
            names.get(bytes(row["member"])),
            row["reached_at"],
            row["tried_at"],
            row["failures"],
            row["trouble"],
        )
        for row in rows
    ]


async def _names(store: Store) -> dict[bytes, str]:
    """Names of organisations, from the directory's public records."""
    names: dict[bytes, str] = {}
    for row in await store.rows(
        "SELECT member, record FROM records WHERE member IN "
        "(SELECT peer FROM outbox UNION SELECT member FROM peers UNION SELECT peer FROM heard)"
    ):
        try:
            contents = parse_records(bytes(row["record"])).contents()
            organisation = profiles.unpack(contents).organisation
        except ProtocolError:
            continue  # shown by its id
        names[bytes(row["member"])] = organisation.name_latin or organisation.name
    return names


async def _count(store: Store, sql: str) -> int:
    row = await store.row(sql)
    return int(row[0]) if row is not None else 0


def _size(folder: StateFolder) -> int:
    total = 0
    for path in folder.path.glob(f"{folder.database.name}*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            pass  # SQLite's own files come and go
    return total
