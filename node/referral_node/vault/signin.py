"""How often a password may be tried.

Law: after five wrong passwords in a row for one name the next one must wait, twice as long every
time, up to a quarter of an hour; after twenty within ten minutes for all names together everybody
waits a little. What is said is the same whether the name exists or not. A try counts when it
begins: a hundred at once are a hundred, not one.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from referral_node.trouble import Trouble
from referral_node.vault.slots import Busy, NoMemory, Password, Slot, SlotKeys

FREE: Final = 5
"""Wrong passwords for one name before it waits."""
FIRST_WAIT: Final = 30_000
LONGEST_WAIT: Final = 15 * 60_000
FORGET: Final = 24 * 3600_000
"""After this long without a try a name starts afresh."""

ALL_FREE: Final = 20
ALL_WITHIN: Final = 10 * 60_000
ALL_WAIT: Final = 10_000
_NAMES: Final = 1000


class TooManyAttempts(Trouble):
    """The next try must wait ``wait`` milliseconds."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(f"too many wrong passwords: wait {_said(wait)}, then try again")


@dataclass(slots=True)
class _Tries:
    wrong: int
    last_at: int


class SignIn:
    """Checks passwords and counts the wrong ones, in memory."""

    def __init__(self, clock: Callable[[], int], keys: SlotKeys) -> None:
        self._clock = clock
        self._keys = keys
        self._names: OrderedDict[str, _Tries] = OrderedDict()
        self._all: list[int] = []

    async def open(self, name: str, password: Password, slots: Sequence[Slot]) -> bytes:
        """The master key for a sign-in name and its slots (none for an unknown name).

        Raises WrongSecret, TooManyAttempts before anything is tried, Busy or NoMemory.
        """
        now = self._clock()
        tries = self._tries(name)
        wait = self.wait(name)
        if wait > 0:
            raise TooManyAttempts(wait)
        before = (tries.wrong, tries.last_at)
        tries.wrong += 1
        tries.last_at = now
        self._all.append(now)
        try:
            master = await self._keys.open_slots(password, slots)
        except (Busy, NoMemory):
            tries.wrong, tries.last_at = before
            self._take_back(now)
            raise
        tries.wrong = 0
        self._take_back(now)
        return master

    def wait(self, name: str) -> int:
        """Milliseconds until this name may be tried again; 0 if it may now."""
        now = self._clock()
        waits = [0]
        tries = self._tries(name)
        if tries.wrong >= FREE:
            needed = min(FIRST_WAIT << min(tries.wrong - FREE, 16), LONGEST_WAIT)
            waits.append(tries.last_at + needed - now)
        self._all = [at for at in self._all if now - at < ALL_WITHIN]
        if len(self._all) >= ALL_FREE:
            waits.append(self._all[-1] + ALL_WAIT - now)
        return max(waits)

    def _tries(self, name: str) -> _Tries:
        now = self._clock()
        key = name[:100].strip().casefold()[:100]
        tries = self._names.pop(key, None)
        if tries is None or now - tries.last_at >= FORGET:
            tries = _Tries(0, now)
        # The most recent last; made-up names push out the oldest, and the limit over all names
        # makes that slow.
        self._names[key] = tries
        while len(self._names) > _NAMES:
            self._names.popitem(last=False)
        return tries

    def _take_back(self, at: int) -> None:
        if at in self._all:
            self._all.remove(at)


def _said(wait: int) -> str:
    """A wait in words, rounded up: whoever waits that long is let in."""
    seconds = -(-wait // 1000)
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = -(-seconds // 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
