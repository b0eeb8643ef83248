"""How often somebody may try to sign in.

Law: after five wrong tries in a row for one name the next one must wait, twice as long every time,
up to a quarter of an hour; after twenty within ten minutes for all names together everybody waits a
little. A try counts when it begins: a hundred at once are a hundred, not one. Whether a name exists
makes no difference.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FREE: Final = 5
FIRST_WAIT: Final = 30_000
LONGEST_WAIT: Final = 15 * 60_000
FORGET: Final = 24 * 3600_000
"""After this long without a try a name starts afresh."""

ALL_FREE: Final = 20
ALL_WITHIN: Final = 10 * 60_000
ALL_WAIT: Final = 10_000
_NAMES: Final = 1000


@dataclass(slots=True)
class Tries:
    """Wrong tries in a row for one name, and when the last one was."""

    wrong: int
    last_at: int


class Throttle:
    """Counts tries, in memory. ``clock`` gives milliseconds UTC."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._names: OrderedDict[str, Tries] = OrderedDict()
        self._all: list[int] = []

    def wait(self, name: str) -> int:
        """Milliseconds until this name may be tried again; 0 if it may now."""
        now, tries = self._clock(), self._tries(name)
        waits = [0]
        if tries.wrong >= FREE:
            needed = min(FIRST_WAIT << min(tries.wrong - FREE, 16), LONGEST_WAIT)
            waits.append(tries.last_at + needed - now)
        self._all = [at for at in self._all if now - at < ALL_WITHIN]
        if len(self._all) >= ALL_FREE:
            waits.append(self._all[-1] + ALL_WAIT - now)
        return max(waits)

    def begin(self, name: str) -> int:
        """Count a try; its time, for :meth:`good` or :meth:`not_tried`."""
        now, tries = self._clock(), self._tries(name)
        tries.wrong += 1
        tries.last_at = now
        self._all.append(now)
        return now

    def good(self, name: str, at: int) -> None:
        """The try was right: the name starts afresh."""
        self._tries(name).wrong = 0
        self._take_back(at)

    def not_tried(self, name: str, at: int) -> None:
        """It could not be looked at, so it does not count."""
        tries = self._tries(name)
        tries.wrong = max(0, tries.wrong - 1)
        self._take_back(at)

    def _tries(self, name: str) -> Tries:
        now = self._clock()
        key = name[:100].strip().casefold()[:100]
        tries = self._names.pop(key, None)
        if tries is None or now - tries.last_at >= FORGET:
            tries = Tries(0, now)
        # The most recent last; made-up names push out the oldest, and the limit over all names
        # makes that slow.
        self._names[key] = tries
        while len(self._names) > _NAMES:
            self._names.popitem(last=False)
        return tries

    def _take_back(self, at: int) -> None:
        if at in self._all:
            self._all.remove(at)
