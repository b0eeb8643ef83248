"""Roots in the log: those that there are, for the root keys' machine, and a new one handed in.

Law: nothing here can sign; the ledger checks a new root like any other entry, and appends it only
if it can sign with the log key that it names.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from referral_directory.log import journal
from referral_directory.log.journal import TERMINAL, Acting
from referral_directory.log.ledger import Ledger
from referral_protocol.directory.entries import EntrySignature, Leaf, Root, parse_entry
from referral_protocol.errors import ProtocolError

Plain = dict[str, Any]


class Rooting:
    """The office's answers about roots."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def answers(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Its answers, by the names by which they are asked for."""
        return {"roots": self.roots, "publish-root": self.publish}

    async def roots(self) -> Plain:
        """All roots with their signatures and places, and what the next one follows."""
        ledger = self._ledger
        rows = await ledger.store.rows(
            "SELECT number, leaf FROM entries WHERE member IS NULL ORDER BY number"
        )
        return {
            "genesis": ledger.directory.genesis,
            "head": ledger.directory.roots[-1].hash,
            "roots": [[row["number"], bytes(row["leaf"])] for row in rows],
        }

    async def publish(
        self, content: bytes, signatures: list[list[bytes]], by: str = TERMINAL
    ) -> Plain:
        """Log a new root, signed by the thresholds of the one before and its own."""
        entry = parse_entry(content)
        if not isinstance(entry.body, Root):
            raise ProtocolError("wrong-value", "entry: not a root")
        given = tuple(EntrySignature(key, signature) for key, signature in signatures)
        acting, now = Acting(by, f"version {entry.number}"), self._ledger.clock()
        done = await self._ledger.append(
            lambda logged: Leaf(logged, content, given).pack(),
            lambda tx: journal.note(tx, now, acting, journal.ROOT),
        )
        return {"index": done.index, "acts_from": self._ledger.directory.roots[-1].acts_from}
