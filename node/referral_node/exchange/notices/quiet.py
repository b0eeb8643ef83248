"""Quiet hours: when mail may wake nobody. Pure.

Law: judged by the clock on the wall of the node's time zone, each moment anew, so that the nights
on which clocks are put forward or back need no rule of their own.
"""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec


class QuietHours(msgspec.Struct, frozen=True):
    """From ``start`` until before ``end``, past midnight if need be; ``zone`` is an IANA name."""

    start: time
    end: time
    zone: str

    def quiet(self, at: int) -> bool:
        """Whether this moment (ms) is quiet."""
        wall = _local(at, ZoneInfo(self.zone)).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def over(self, at: int) -> int:
        """The first moment from ``at`` on that is not quiet (ms)."""
        if not self.quiet(at):
            return at
        zone = ZoneInfo(self.zone)
        here = _local(at, zone).date()
        ends = []
        for day in (here, here + timedelta(days=1), here + timedelta(days=2)):
            for fold in (0, 1):
                wall = datetime.combine(day, self.end).replace(tzinfo=zone, fold=fold)
                ends.append(int(wall.timestamp() * 1000))
        late = min(end for end in ends if end > at and not self.quiet(end))
        # Where the clock jumps over the end, the jump is the end: between here and there.
        while late - at > 1:
            middle = (at + late) // 2
            if self.quiet(middle):
                at = middle
            else:
                late = middle
        return late


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
