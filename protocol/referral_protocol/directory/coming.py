"""Roots that are logged and do not act yet: who may write the log is going to change.

Law: a new root is seen by everybody for 72 hours before it acts (DIRECTORY 3), so that whoever did
not agree to it can speak up. What it changes is said by comparing it with the root before it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from referral_protocol.directory.entries import Root, parse_entry, parse_leaf
from referral_protocol.directory.forks import root_leaves
from referral_protocol.directory.rules import ROOT_DELAY
from referral_protocol.directory.state import RootVersion

_PARTS: Final = {
    "registrars": "registrars",
    "registrar_threshold": "how many registrars must sign",
    "root_keys": "root keys",
    "root_threshold": "how many root keys must sign",
    "witnesses": "witnesses",
    "quorum": "how many witnesses must cosign",
    "log_key": "the log key",
    "origin": "the name of the log",
}


class Coming(msgspec.Struct, frozen=True):
    """A root that waits: its version, from when it acts (ms), what it changes, in words."""

    version: int
    acts_from: int
    changes: tuple[str, ...]

    @property
    def words(self) -> str:
        """What it changes, as a list within a sentence."""
        return listed(self.changes)


def listed(changes: Sequence[str]) -> str:
    """Several changes within a sentence."""
    if not changes:
        return "nothing"
    *most, last = changes
    return f"{', '.join(most)} and {last}" if most else last


def coming(roots: Sequence[RootVersion], now: int) -> list[Coming]:
    """The roots of a log that do not act yet, the next one first."""
    return _coming([(each.version, each.acts_from, each.root) for each in roots], now)


def coming_in(leaves: Sequence[bytes], now: int) -> list[Coming]:
    """The same, out of the leaves of a log that were verified before they were stored."""
    roots: list[tuple[int, int, Root]] = []
    for leaf in root_leaves(leaves):
        parsed = parse_leaf(leaf)
        entry = parse_entry(parsed.content)
        if isinstance(entry.body, Root):
            roots.append((entry.number, parsed.logged + ROOT_DELAY, entry.body))
    return _coming(roots, now)


def _coming(roots: Sequence[tuple[int, int, Root]], now: int) -> list[Coming]:
    return [
        Coming(version, acts_from, _changes(old, new))
        for (_, _, old), (version, acts_from, new) in pairwise(roots)
        if now < acts_from
    ]


def _changes(old: Root, new: Root) -> tuple[str, ...]:
    return tuple(
        words for name, words in _PARTS.items() if getattr(old, name) != getattr(new, name)
    )
