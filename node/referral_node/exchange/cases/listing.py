"""Lists of threads: those that may need somebody, one page of all of them, a few by name.

Law: a list decrypts the cases that it shows and no other. What a session keeps of cases are those
that may need somebody: the open ones, and ended ones with something new in them. They are read in
slices, so that nobody else waits for it, and go with the session.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from referral_node.exchange.cases.summaries import CaseSummary, read_summary
from referral_node.exchange.core import Core
from referral_node.exchange.rows import listed
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import UnlockedVault
from referral_protocol import forms

SLICE: Final = 128
"""Threads read and decrypted in one go, some 5 ms; then others have their turn."""

THREADS: Final = (
    "SELECT t.id, t.peer, t.role, t.kind, t.priority, t.opened_at, t.respond_by, t.state, "
    "t.ended, t.changed_at, t.follow_up_at, t.erased_at, t.case_key, t.summary, t.summary_version, "
    "t.attention, t.withdrawn, "
    "(SELECT o.sent_at FROM messages m JOIN outbox o ON o.message = m.number "
    " WHERE m.hash = t.id) AS opener_left, "
    "(SELECT COUNT(*) FROM messages m WHERE m.thread = t.id AND m.mine = 1 "
    " AND m.body IN ('unsealed', 'outgoing')) AS undelivered, "
    "(SELECT m.body FROM messages m WHERE m.hash = t.id) AS opener, "
    "(SELECT m.held_at FROM messages m WHERE m.hash = t.id) AS opener_held, "
    "(SELECT MIN(o.queued_at) FROM outbox o JOIN messages m ON m.number = o.message "
    " WHERE m.thread = t.id) AS queued_at, "
    "(SELECT COUNT(*) FROM outbox o JOIN messages m ON m.number = o.message "
    " WHERE m.thread = t.id AND o.code IS NOT NULL) AS refused, "
    "(SELECT COUNT(*) FROM messages m WHERE m.thread = t.id AND m.body = 'unreadable') "
    " AS unreadable FROM threads t "
)
"""A thread's row as every list and the thread's own page need it."""

_ATTENDED: Final = (
    "SELECT id FROM threads WHERE ended = 0 "
    "UNION SELECT id FROM threads WHERE attention = 1 "
    "UNION SELECT m.thread FROM outbox o JOIN messages m ON m.number = o.message "
    "UNION SELECT thread FROM messages WHERE body = 'unsealed'"
)

# From one peer to the next one by the index: DISTINCT would read every row.
_PEERS: Final = (
    "WITH RECURSIVE each(peer) AS (SELECT MIN(peer) FROM messages UNION ALL "
    "SELECT (SELECT MIN(m.peer) FROM messages m WHERE m.peer > each.peer) FROM each "
    "WHERE each.peer IS NOT NULL) SELECT peer FROM each WHERE peer IS NOT NULL"
)


class Summary(msgspec.Struct, frozen=True):
    """One thread in a list.

    ``opener``: what became of the opening body ('outgoing', 'gone', 'sealed', 'imported', ...);
    ``undelivered``: messages of ours not held by the peer yet; ``queued_at``: since when;
    ``refused``: messages that will not be tried again; ``case``: None while nothing was imported;
    ``withdrawn``: the referring side took it back; ``unknown``: the opener left, no receipt came.
    """

    id: bytes
    peer: bytes
    role: str
    kind: str
    priority: str
    opened_at: int
    respond_by: int
    state: str
    ended: bool
    changed_at: int
    follow_up_at: int | None
    opener: str
    opener_held: int | None
    undelivered: int
    queued_at: int | None
    refused: int
    unreadable: int
    case: CaseSummary | None
    withdrawn: bool = False
    unknown: bool = False


class Choice(msgspec.Struct, frozen=True):
    """Which threads a list has. None: any."""

    ended: bool | None = None
    peer: bytes | None = None
    state: str | None = None


class Cases:
    """The threads that may need somebody, decrypted: what one session keeps of cases."""

    def __init__(self) -> None:
        self.count = -1
        """The count of changes up to which this is true; -1: not read yet."""
        self.lock = asyncio.Lock()
        self._all: dict[bytes, Summary] = {}
        self._sorted: list[Summary] | None = None
        self._alike: dict[str, set[bytes]] = {}

    @property
    def all(self) -> Sequence[Summary]:
        """The last changed first."""
        if self._sorted is None:
            self._sorted = sorted(self._all.values(), key=lambda s: (-s.changed_at, s.id))
        return self._sorted

    @property
    def ids(self) -> set[bytes]:
        return set(self._all)

    def alike(self, content: Mapping[str, Any]) -> list[Summary]:
        """Open cases that share a birth date or a case number with this content: only they can be
        about the same person, and there are few, however many cases there are."""
        found = {each for mark in forms.marks(content) for each in self._alike.get(mark, ())}
        return [self._all[each] for each in found]

    def put(self, summaries: Iterable[Summary], gone: Iterable[bytes] = ()) -> None:
        """Replace these entries and drop those that are ``gone``."""
        for thread in gone:
            self._drop(thread)
        for summary in summaries:
            self._drop(summary.id)
            self._all[summary.id] = summary
            for mark in _marks(summary):
                self._alike.setdefault(mark, set()).add(summary.id)
        self._sorted = None

    def _drop(self, thread: bytes) -> None:
        old = self._all.pop(thread, None)
        if old is None:
            return
        for mark in _marks(old):
            same = self._alike[mark]
            same.discard(thread)
            if not same:
                del self._alike[mark]


class Lists:
    """Reading lists of threads."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def cases(self, vault: UnlockedVault, known: Cases) -> Cases:
        """``known``, brought up to date: read whole at first, then what changed."""
        core = self._core
        async with known.lock:
            count = core.changes.count
            if count == known.count:
                return known
            changed = None if known.count < 0 else core.changes.since(known.count)
            gone: list[bytes] = []
            if changed is None:
                changed = [bytes(row["id"]) for row in await core.store.rows(_ATTENDED)]
                gone = list(known.ids.difference(changed))
            present = []
            for part in _slices(changed):
                for row in await self._rows(part):
                    if row["ended"] and not row["attention"] and not row["undelivered"]:
                        gone.append(bytes(row["id"]))
                    else:
                        present.append(_summary(vault, row))
            known.put(present, gone)
            known.count = count
        return known

    async def page(
        self, vault: UnlockedVault, choice: Choice, first: int, most: int
    ) -> list[Summary]:
        """So many threads of a choice from the ``first`` on: open ones, then by last change."""
        where, params = _where(choice)
        rows = await self._core.store.rows(
            f"SELECT id FROM threads {where} "  # noqa: S608 - of fixed pieces, see _where
            "ORDER BY ended, changed_at DESC, id LIMIT ? OFFSET ?",
            [*params, most, first],
        )
        ids = [bytes(row["id"]) for row in rows]
        found = await self.some(vault, ids)
        return [found[each] for each in ids if each in found]

    async def count(self, choice: Choice) -> int:
        """How many threads a choice has."""
        where, params = _where(choice)
        row = await self._core.store.row(
            f"SELECT COUNT(*) FROM threads {where}",  # noqa: S608 - of fixed pieces, see _where
            params,
        )
        return 0 if row is None else int(row[0])

    async def some(self, vault: UnlockedVault, threads: Sequence[bytes]) -> dict[bytes, Summary]:
        """These threads, by id; what is none of ours is left out."""
        return {
            bytes(row["id"]): _summary(vault, row)
            for part in _slices(list(dict.fromkeys(threads)))
            for row in await self._rows(part)
        }

    async def peers(self) -> list[bytes]:
        """All members with whom there is a thread."""
        rows = await self._core.store.rows(_PEERS)
        return [bytes(row["peer"]) for row in rows]

    async def _rows(self, threads: Sequence[bytes]) -> list[sqlite3.Row]:
        sql = THREADS + listed("WHERE t.id IN (*)", len(threads))
        return await self._core.store.rows(sql, threads)


def _where(choice: Choice) -> tuple[str, list[Any]]:
    asked: dict[str, Any] = {
        "ended = ?": None if choice.ended is None else int(choice.ended),
        "peer = ?": choice.peer,
        "state = ?": choice.state,
    }
    terms = {term: value for term, value in asked.items() if value is not None}
    return ("WHERE " + " AND ".join(terms) if terms else "", list(terms.values()))


def _slices(threads: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [threads[begin : begin + SLICE] for begin in range(0, len(threads), SLICE)]


def _marks(summary: Summary) -> frozenset[str]:
    if summary.ended or summary.case is None:
        return frozenset()
    case = summary.case
    who = {"date_of_birth": case.birth_date, "case_number": case.case_number}
    return forms.marks({"who": who})


def _summary(vault: UnlockedVault, row: sqlite3.Row) -> Summary:
    case = None
    thread = bytes(row["id"])
    if row["case_key"] is not None and row["summary"] is not None:
        try:
            key = vault.case_key(thread, bytes(row["case_key"]))
            case = read_summary(key, thread, row["summary_version"], bytes(row["summary"]))
        except Unsealable:
            case = None  # shown as a case that cannot be read, rather than no list at all
    return Summary(
        id=thread,
        peer=bytes(row["peer"]),
        role=row["role"],
        kind=row["kind"],
        priority=row["priority"],
        opened_at=row["opened_at"],
        respond_by=row["respond_by"],
        state=row["state"],
        ended=bool(row["ended"]),
        changed_at=row["changed_at"],
        follow_up_at=row["follow_up_at"],
        opener=row["opener"] or "",
        opener_held=row["opener_held"],
        undelivered=row["undelivered"],
        queued_at=row["queued_at"],
        refused=row["refused"],
        unreadable=row["unreadable"],
        case=case,
        withdrawn=bool(row["withdrawn"]),
        unknown=row["opener_left"] is not None and row["opener_held"] is None,
    )
