"""Which threads changed since a reader last looked, counted in this process's memory.

Law: whoever commits a change to a thread says so here afterwards; an index built at sign-in stays
true by asking what changed since its own count. A restart ends all sessions, so nothing is kept.
"""


class Changes:
    """A counter of changes and, for each thread, the count at its last change."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[bytes, int] = {}

    @property
    def count(self) -> int:
        return self._count

    def changed(self, *threads: bytes) -> None:
        """These threads changed: their index entries are to be read again."""
        self._count += 1
        for thread in threads:
            # Re-inserted, so that the dictionary stays in the order of change.
            self._last.pop(thread, None)
            self._last[thread] = self._count

    def since(self, count: int) -> list[bytes]:
        """Threads that changed after this count."""
        found = []
        for thread, when in reversed(self._last.items()):
            if when <= count:
                break
            found.append(thread)
        return found
