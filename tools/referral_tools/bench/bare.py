"""What every other figure is read beside: the bare primitives and the disk, in the same run."""

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from referral_tools.bench import primitives
from referral_tools.bench.machine import Spread, fsync_us, spread

RUNS: Final = 3
BATCHES: Final = 6


@dataclass(frozen=True)
class Bare:
    """Rates of the bare primitives in messages per second, and microseconds of one fdatasync."""

    rates: list[float]
    syncs: list[float]

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def messages(self, milliseconds: float) -> float:
        """How many bare messages would have taken as long."""
        return milliseconds * self.rate / 1000

    def figures(self) -> dict[str, Spread]:
        return {"primitives": spread(self.rates), "fsync_us": spread(self.syncs)}


def measure() -> Bare:
    """Measure them now, on this machine, as busy as it is."""
    with tempfile.TemporaryDirectory(prefix="referral-bench-") as place:
        rates = []
        for number in range(RUNS):
            folder = Path(place) / str(number)
            folder.mkdir()
            rates.append(primitives.rate(folder, BATCHES))
        return Bare(rates, fsync_us(Path(place)))
