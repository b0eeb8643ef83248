"""What goes wrong, and when: drawn from the seed by the event's number alone.

Law: pure. Events come from a deck that is shuffled anew each time it is used up, so that no kind of
fault stays away for long, whatever the seed. Times are drawn too; only how fast the machine is
decides what else happens at the same moment.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from links import LATE, LOSE, LOSE_ANSWER, PASS, REPEAT

KILL: Final = "kill"
STOP: Final = "stop"
OUTAGE: Final = "outage"
CUT: Final = "cut"
SLOW: Final = "slow"
CLOCK: Final = "clock"
FILL: Final = "fill"
REPLAY: Final = "replay"
ROLLBACK: Final = "rollback"
RESTORE: Final = "restore"

_DECK: Final = (
    *(KILL,) * 6,
    *(STOP,) * 2,
    *(OUTAGE,) * 2,
    *(CUT,) * 6,
    *(SLOW,) * 3,
    *(CLOCK,) * 6,
    *(FILL,) * 2,
    *(REPLAY,) * 4,
    ROLLBACK,
    RESTORE,
)
DECK_SIZE: Final = len(_DECK)
KINDS: Final = frozenset(_DECK)
_WEATHER: Final = {PASS: 86, LOSE: 3, LOSE_ANSWER: 4, REPEAT: 4, LATE: 3}
_MINUTE: Final = 60_000
_MOVES: Final = (2, 7, 12, 25, 60, 180, 420)
"""Minutes by which a clock is moved."""


@dataclass(frozen=True)
class Event:
    """``after``: seconds since the event before it; ``lasts``: seconds; ``which`` in [0, 1) picks
    a target; ``what`` in [0, 1) the rest; ``move``: milliseconds of a clock."""

    number: int
    kind: str
    after: float
    lasts: float
    which: float
    what: float
    move: int
    chance: random.Random


def event(seed: str, number: int) -> Event:
    """The event of this number."""
    deck = list(_DECK)
    random.Random(f"{seed}/deck/{number // len(deck)}").shuffle(deck)
    chance = random.Random(f"{seed}/event/{number}")
    return Event(
        number,
        deck[number % len(deck)],
        chance.uniform(2.0, 5.0),
        chance.uniform(0.3, 5.0),
        chance.random(),
        chance.random(),
        chance.choice(_MOVES) * _MINUTE * chance.choice((1, 1, 1, -1, -1)),
        chance,
    )


def weather(seed: str, link: str) -> Callable[[], str]:
    """The fate of each request on one link, one after the other."""
    chance = random.Random(f"{seed}/weather/{link}")
    return lambda: chance.choices(list(_WEATHER), list(_WEATHER.values()))[0]
