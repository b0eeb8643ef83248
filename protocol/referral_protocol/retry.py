"""When to try again: full jitter from 5 seconds to an hour, for 14 days (SPEC 8.3).

Organisations close for weekends and holidays; a message outlives that. Randomness is passed in.
"""

from typing import Final

FIRST: Final = 5_000
LONGEST: Final = 3_600_000
PATIENCE: Final = 14 * 24 * 3_600_000
"""After this long without delivery a person is told that the message did not arrive."""


def ceiling(attempts: int) -> int:
    """Longest wait in milliseconds after this many failed attempts (1 or more)."""
    return min(LONGEST, FIRST << min(max(attempts, 1) - 1, 20))


def next_attempt(attempts: int, now: int, queued_at: int, chance: float) -> int | None:
    """Time of the next attempt, or None when patience is over.

    ``chance`` is uniform in [0, 1). Full jitter spreads the senders that a node's return finds
    waiting; the floor keeps one unlucky draw from becoming a busy loop.
    """
    if now >= queued_at + PATIENCE:
        return None
    return now + max(500, int(ceiling(attempts) * chance))
