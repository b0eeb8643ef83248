"""Whether the truth is what the ledger says: the checks after a storm.

Law: each check says what is wrong in a line that a person can follow up, and repairs nothing. The
databases are opened here for the first time, and only to be read.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import planted
from chaos.accounts import Account, Accounts
from chaos.ledger import PLANTED, REFUSED, SENT, Ledger
from chaos.world import Site

MOST: Final = 20
"""Lines that each check may fill."""
FORGIVEN: Final = frozenset({"disk", "disk.low"})
"""Codes and events of errors that a full disk may cause."""


def said_and_held(ledger: Ledger, accounts: Accounts) -> Iterator[str]:
    """Each message that a page called sent is there once, on both sides, with a receipt."""
    places: dict[int, list[tuple[Account, bytes]]] = defaultdict(list)
    for sides in accounts.by_thread.values():
        for account in sides.values():
            said = account.said_here()  # what comes back after a restore repeats another's words
            for named, numbers in account.contents.items():
                for number in numbers if named in said else ():
                    places[number].append((account, named))
    for entry in ledger.entries:
        found = places.get(entry.number, [])
        what = f"K{entry.number:06} ({entry.kind}, {entry.node}, {entry.outcome})"
        if len(found) > 1:
            yield f"{what}: said {len(found)} times: {[h.hex()[:12] for _, h in found]}"
        if entry.outcome == REFUSED and found:
            yield f"{what}: is there, although the page said: {entry.page}"
        if entry.outcome == SENT and not found and not entry.may_be_lost:
            yield f"{what}: is not there, in {entry.thread}"
        for account, named in found:
            yield from _held(what, accounts, account, named, entry.number)


def _held(
    what: str, accounts: Accounts, account: Account, named: bytes, number: int
) -> Iterator[str]:
    thread = account.findings.thread.hex()
    others = [each for each in accounts.of(thread).values() if each.site != account.site]
    if not others:
        yield f"{what}: the other side does not have {thread}"
    for other in others:
        if named not in other.statements:
            yield f"{what}: {other.site} does not have {named.hex()}"
        elif named not in account.held() | other.held():
            yield f"{what}: no receipt for {named.hex()}"
        elif other.contents.get(named, [] if _unopened(other) else None) not in ([number], []):
            yield f"{what}: {other.site} cannot read {named.hex()}"


def _unopened(account: Account) -> bool:
    """A referral that was withdrawn before anybody opened it is not opened any more."""
    state = account.findings.state
    return state is not None and state.withdrawn is not None and state.since is None


def same_on_both_sides(accounts: Accounts, torn: frozenset[bytes] = frozenset()) -> Iterator[str]:
    """Both sides have the same statements, states and rungs, and no problem in the evidence.

    ``torn``: threads of which a statement was lost with a disk before anybody else had it.
    """
    for thread, sides in accounts.by_thread.items():
        if len(sides) != 2:
            yield f"{thread}: only at {sorted(sides)}"
            continue
        a, b = sides.values()
        for what in ("state", "rungs", "statements"):
            if getattr(a, what) != getattr(b, what):
                both = [f"{one.site} {_short(one, two, what)}" for one, two in ((a, b), (b, a))]
                yield f"{thread}: {what}: {', '.join(both)}"
        if a.findings.state != b.findings.state:
            yield f"{thread}: evidence of {a.site} and {b.site} gives different states"
        for side in (a, b):
            for problem in side.findings.problems:
                yield f"{thread}: {side.site}: {problem.code}: {problem.what}"
            apart = [s.hash.hex()[:12] for s in side.findings.statements if not s.applied]
            if apart and side.findings.thread not in torn:
                yield f"{thread}: {side.site}: ahead of a gap: {apart}"


def _short(one: Account, other: Account, what: str) -> Any:
    if what == "statements":
        return f"alone has {sorted(h.hex()[:12] for h in one.statements - other.statements)}"
    return getattr(one, what)


# the databases


class Rows:
    """What one copy of a node's database says of statements."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        with closing(sqlite3.connect(f"file:{folder / 'node.db'}?mode=ro", uri=True)) as database:
            self.whole = database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            self.messages = database.execute(
                "SELECT peer, mine, epoch, seq, hash, thread FROM messages"
            ).fetchall()
            counted = database.execute("SELECT code, COUNT(*) FROM outbox GROUP BY code")
            self.outbox = counted.fetchall()


def torn(finals: list[Rows], discarded: list[Rows]) -> frozenset[bytes]:
    """Threads with a statement that was only on a disk which an older copy took the place of."""
    there = {named for rows in finals for *_, named, _ in rows.messages}
    return frozenset(
        thread
        for rows in discarded
        for _, mine, _, _, named, thread in rows.messages
        if mine and named not in there
    )


def counters(finals: list[Rows], discarded: list[Rows]) -> Iterator[str]:
    """Over all databases, those too that an older copy replaced: one counter, one statement."""
    used: dict[tuple[bytes, bytes, int, int], set[bytes]] = defaultdict(set)
    for rows in (*finals, *discarded):
        for peer, mine, epoch, seq, named, _ in rows.messages:
            pair = (rows.site.id, peer) if mine else (peer, rows.site.id)
            used[(*pair, epoch, seq)].add(named)
    for (sender, recipient, epoch, seq), names in used.items():
        if len(names) > 1:
            yield (
                f"counter ({epoch}, {seq}) of {sender.hex()[:8]} to {recipient.hex()[:8]} used "
                f"for {sorted(h.hex()[:12] for h in names)}"
            )


def databases(finals: list[Rows]) -> Iterator[str]:
    """Each is whole, nothing waits or was given up, both ends of each way hold the same."""
    held: dict[tuple[bytes, bytes], dict[bytes, set[bytes]]] = defaultdict(dict)
    numbers: dict[tuple[bytes, bytes, int], set[int]] = defaultdict(set)
    for rows in finals:
        site = rows.site
        if not rows.whole:
            yield f"{site.name}: the database is damaged"
        if rows.outbox:
            yield f"{site.name}: left in the outbox: {rows.outbox}"
        for peer, mine, epoch, seq, named, _ in rows.messages:
            pair = (site.id, peer) if mine else (peer, site.id)
            held[pair].setdefault(site.id, set()).add(named)
            numbers[(*pair, epoch)].add(seq)
    for (sender, recipient), sides in held.items():
        one, other = sides.get(sender, set()), sides.get(recipient, set())
        if one != other:
            yield (
                f"{sender.hex()[:8]} to {recipient.hex()[:8]}: {len(one - other)} only at the "
                f"sender, {len(other - one)} only at the recipient"
            )
    restored = {rows.site.id for rows in finals if rows.site.discarded}
    for (sender, recipient, epoch), seqs in numbers.items():
        missing = set(range(1, max(seqs) + 1)) - seqs
        if missing and sender not in restored:
            yield f"{sender.hex()[:8]} to {recipient.hex()[:8]} in {epoch}: without {missing}"


# traces


def plaintext(folder: Path) -> Iterator[str]:
    """No file anywhere holds a word that somebody typed."""
    search = planted.Search([PLANTED])
    for file, hits in search.folder(folder).items():
        yield f"{file}: {sorted(hits)[:3]}"


def logs(files: Iterable[Path]) -> Iterator[str]:
    """No line that nobody foresaw: each is JSON, and errors are those of a full disk."""
    for file in files:
        for line in file.read_bytes().splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                yield f"{file.name}: not a log line: {line[:200].decode('utf-8', 'replace')}"
                continue
            told = {said.get("event"), said.get("code")}
            if said.get("level") in ("error", "critical") and not told & FORGIVEN:
                yield f"{file.name}: {line.decode('utf-8', 'replace')}"


def first(lines: Iterable[str]) -> list[str]:
    """So many as a person reads."""
    found = list(lines)
    left = len(found) - MOST
    return found[:MOST] + ([f"... and {left} more like it"] if left > 0 else [])
