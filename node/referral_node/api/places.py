"""How many requests are worked on at the same time: in all, and of each member.

Law: only who proved its membership takes a place; strangers are bounded by connections and time. A
member that sends without end takes no other's place.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from referral_protocol.errors import ProtocolError


class Places:
    """``most`` places, ``most_of_one`` of them for one member; ``what`` is named in a refusal."""

    def __init__(self, what: str, most: int, most_of_one: int) -> None:
        self._what = what
        self._most = most
        self._most_of_one = most_of_one
        self._taken: Counter[bytes] = Counter()

    @contextmanager
    def one(self, member: bytes) -> Iterator[None]:
        """A place for one request; ``busy`` if there is none."""
        if self._taken.total() >= self._most or self._taken[member] >= self._most_of_one:
            raise ProtocolError("busy", f"{self._what}: too many at once")
        self._taken[member] += 1
        try:
            yield
        finally:
            self._taken[member] -= 1
            if not self._taken[member]:
                del self._taken[member]
