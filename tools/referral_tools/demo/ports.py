"""Which ports the demo uses: ten for each organisation and for the directory, in one range.

The directory's log holds the nodes' addresses for ever, so a state folder keeps the ports with
which it was made.
"""

import random
import socket
from dataclasses import dataclass
from typing import Final

from referral_tools.demo.cast import DIRECTORY, PLAYERS

BASE: Final = 18700
_STEP: Final = 10
_TRIES: Final = 200
_FREE_FROM, _FREE_TO = 20_000, 32_000
"""Below the ports that systems hand out by themselves."""


@dataclass(frozen=True)
class Ports:
    """All ports, counted from ``base``."""

    base: int = BASE

    def exchange(self, code: str) -> int:
        """Where the other nodes deliver."""
        return self._first(code)

    def pages(self, code: str) -> int:
        """Where the browser goes."""
        return self._first(code) + 1

    def metrics(self, code: str) -> int:
        return self._first(code) + 2

    @property
    def directory(self) -> int:
        return self.base + _STEP * len(PLAYERS)

    @property
    def console(self) -> int:
        """The registrars' pages."""
        return self.directory + 1

    def all(self) -> dict[int, str]:
        """Every port, with what listens there."""
        named = {self.directory: DIRECTORY, self.console: f"{DIRECTORY}, console"}
        for player in PLAYERS:
            named[self.exchange(player.code)] = f"{player.readable}, exchange"
            named[self.pages(player.code)] = f"{player.readable}, pages"
            named[self.metrics(player.code)] = f"{player.readable}, metrics"
        return named

    def taken(self) -> int | None:
        """The first port that another program has, None when all are free."""
        return next((port for port in sorted(self.all()) if not is_free(port)), None)

    def _first(self, code: str) -> int:
        return self.base + _STEP * [player.code for player in PLAYERS].index(code)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports() -> Ports | None:
    """A range in which all ports are free now, at a random place; None if there is none."""
    width = _STEP * (len(PLAYERS) + 1)
    for _ in range(_TRIES):
        base = random.randrange(_FREE_FROM, _FREE_TO, width)  # noqa: S311 - two demos do not meet
        ports = Ports(base)
        if ports.taken() is None:
            return ports
    return None
