"""Which threads changed since a reader last looked, counted in this process's memory.

Law: whoever commits a change to a thread says so here afterwards; what a session keeps of cases
stays true by asking what changed since its own count. Only so many are remembered: a reader that
lags behind further is told to read anew. A restart ends all sessions, so nothing is kept.
"""

from typing import Final

REMEMBERED: Final = 4096
"""Threads; memory must not grow with every thread that ever changed."""


class Changes:
    """A counter of changes and, for each thread of late, the count at its last change."""

    def __init__(self) -> None:
        self._count = 0
        self._forgotten = 0
        self._last: dict[bytes, int] = {}

    @property
    def count(self) -> int:
        return self._count

    def changed(self, *threads: bytes) -> None:
        """These threads changed: what is kept of them is to be read again."""
        self._count += 1
        for thread in threads:
            # Re-inserted, so that the dictionary stays in the order of change.
            self._last.pop(thread, None)
            self._last[thread] = self._count
        while len(self._last) > REMEMBERED:
            self._forgotten = self._last.pop(next(iter(self._last)))

    def since(self, count: int) -> list[bytes] | None:
        """Threads that changed after this count; None if that is not known any more."""
        if count < self._forgotten:
            return None
        found = []
        for thread, when in reversed(self._last.items()):
            if when <= count:
                break
            found.append(thread)
        return found
