"""Weekly times with a time zone: is it safe to call now, are they open now, and when next.

Law: in doubt, closed. A window of an unknown zone never opens; where the clocks change, a window
begins at the later and ends at the earlier of the two readings. Windows that touch are one. The
zone rules are this machine's time zone data (``zoneinfo`` reads them from files, once per zone):
the one place of this package that reads anything.
"""

import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from referral_protocol.codes.person import WEEKDAYS

DAY: Final = 86_400_000
HORIZON: Final = 70
"""Days that are searched for the next window: longer than any holiday that is announced."""


_NEAR: Final = 10  # days that nearly always hold the answer: looked at first


class Window(NamedTuple):
    """A time of the week. ``days``: 0 is Monday. ``starts``, ``ends``: minutes of the local day."""

    days: frozenset[int]
    starts: int
    ends: int
    zone: str


class Verdict(NamedTuple):
    """``is_open`` at ``now``. While open: ``until`` (None: no end within the horizon). While
    closed: the next window (None: none within the horizon). Times are ms UTC."""

    is_open: bool
    until: int | None
    next_start: int | None
    next_end: int | None


def windows_of(rows: Sequence[Mapping[str, Any]], zone: str = "") -> list[Window]:
    """Windows from rows ``{days, from, to, zone}`` of a form; rows that make no sense are left out.

    ``zone`` is used where the row has none.
    """
    found = []
    for row in rows if isinstance(rows, list | tuple) else ():
        if not isinstance(row, Mapping):
            continue
        starts, ends = minutes(row.get("from")), minutes(row.get("to"))
        names, own_zone = row.get("days"), row.get("zone", zone)
        if starts is None or ends is None or starts >= ends or not isinstance(own_zone, str):
            continue
        order = list(WEEKDAYS)
        days = frozenset(
            order.index(name)
            for name in (names if isinstance(names, list | tuple) else ())
            if name in WEEKDAYS
        )
        if days:
            found.append(Window(days, starts, ends, own_zone))
    return found


def minutes(value: Any) -> int | None:
    """ "HH:MM" as minutes of the day, 0 to 1440; None for anything else."""
    if not isinstance(value, str) or len(value) != 5 or value[2] != ":":
        return None
    hours, rest = value[:2], value[3:]
    if not (hours + rest).isascii() or not (hours + rest).isdigit() or int(rest) > 59:
        return None
    total = int(hours) * 60 + int(rest)
    return total if total <= 1440 else None


def verdict(
    windows: Sequence[Window], now: int, closed: Sequence[tuple[date, date]] = ()
) -> Verdict:
    """Whether a window is open at ``now``, until when, or which one is next.

    ``closed``: first and last day of closures, in each window's own zone.
    """
    found = _verdict(windows, now, closed, _NEAR)
    end = found.until if found.is_open else found.next_end
    if end is None or end >= now + (_NEAR - 2) * DAY:
        found = _verdict(windows, now, closed, HORIZON)
    if found.until is not None and found.until >= now + (HORIZON - 2) * DAY:
        return found._replace(until=None)
    return found


def _verdict(
    windows: Sequence[Window], now: int, closed: Sequence[tuple[date, date]], days: int
) -> Verdict:
    start: int | None = None
    end: int | None = None
    for low, high in _merged(windows, now, closed, days):
        if high <= now:
            continue
        if start is None or end is None:
            start, end = low, high
        elif low <= end:
            end = max(end, high)
        else:
            break
    if start is None or end is None:
        return Verdict(False, None, None, None)
    if start <= now:
        return Verdict(True, end, None, None)
    return Verdict(False, None, start, end)


def _merged(
    windows: Sequence[Window], now: int, closed: Sequence[tuple[date, date]], days: int
) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for window in windows:
        try:
            zone = zoneinfo.ZoneInfo(window.zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            continue
        spans.extend(_spans(window, zone, now, closed, days))
    return sorted(spans)


def _spans(
    window: Window,
    zone: zoneinfo.ZoneInfo,
    now: int,
    closed: Sequence[tuple[date, date]],
    ahead: int,
) -> Iterator[tuple[int, int]]:
    try:
        first = datetime.fromtimestamp(now / 1000, zone).date() - timedelta(days=1)
        days = [first + timedelta(days=step) for step in range(ahead)]
    except (OverflowError, ValueError, OSError):
        return  # a time outside the calendar: nothing is open then
    for day in days:
        if day.weekday() not in window.days or any(low <= day <= high for low, high in closed):
            continue
        low = max(_instant(day, window.starts, zone))
        high = min(_instant(day, window.ends, zone))
        if low < high:
            yield low, high


def _instant(day: date, minute: int, zone: zoneinfo.ZoneInfo) -> tuple[int, int]:
    """Both readings of a local time, ms UTC: they differ only where the clocks change."""
    if minute == 1440:
        day, minute = day + timedelta(days=1), 0
    local = datetime.combine(day, time(minute // 60, minute % 60), zone)
    first, second = (
        int(local.replace(fold=fold).astimezone(UTC).timestamp()) * 1000 for fold in (0, 1)
    )
    return first, second


def closures(rows: Sequence[Mapping[str, Any]]) -> list[tuple[date, date]]:
    """First and last days from rows ``{from, to?}``; rows that are no dates are left out."""
    found = []
    for row in rows:
        try:
            low = date.fromisoformat(row["from"])
            found.append((low, date.fromisoformat(row.get("to", row["from"]))))
        except (KeyError, TypeError, ValueError):
            continue
    return found
