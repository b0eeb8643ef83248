"""The driver's own book: what it tried to say, and what a page answered. The only oracle.

Law: it learns from pages and exit codes alone, never from a node's database. A page that called
something sent is believed for ever; an error page that says that nothing was sent is believed too;
after a broken connection or an error that says neither, one of the two must be the truth, once.
"""

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

SENT: Final = "sent"
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"

PLANTED: Final = "Xanthippolyta"
"""Stands in every text that is said, so that it is found wherever it must not be."""
_MARK: Final = re.compile(r"K(\d{6})X")


@dataclass
class Entry:
    """One message that somebody tried to say."""

    number: int
    node: str
    kind: str
    thread: str | None
    outcome: str = UNKNOWN
    at: float = 0.0
    """When it was begun, by a clock that only goes forward."""
    answered_at: float | None = None
    """When a page called it sent."""
    page: str = ""
    """What the page said, for the report of a fault."""
    may_be_lost: bool = False
    """Its node was put back to an older copy after this: it is on both sides, or on neither."""

    @property
    def text(self) -> str:
        """What is typed."""
        return f"K{self.number:06}X {PLANTED} says this."


def marks(text: str) -> list[int]:
    """The numbers of the entries whose texts stand in this one."""
    return [int(number) for number in _MARK.findall(text)]


@dataclass
class Ledger:
    """All entries, in the order in which they were begun."""

    entries: list[Entry] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    """Pages that should not be, whatever goes on around them."""

    def begin(self, node: str, kind: str, thread: str | None) -> Entry:
        """A message is about to be said."""
        entry = Entry(len(self.entries), node, kind, thread, at=time.monotonic())
        self.entries.append(entry)
        return entry

    def rolled_back(self, node: str, since: float) -> int:
        """A node forgets what it did since then; how many messages may be lost by that."""
        lost = [
            entry
            for entry in self.entries
            if entry.node == node and (entry.answered_at is None or entry.answered_at >= since)
        ]
        for entry in lost:
            entry.may_be_lost = True
        return len(lost)

    def counts(self) -> Counter[str]:
        """How many of each outcome."""
        return Counter(entry.outcome for entry in self.entries)
