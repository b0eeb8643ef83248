"""Opening hours as rows of days that are alike, Monday first. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from referral_protocol.codes.person import WEEKDAYS
from referral_protocol.profiles import Hours

SHORT_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Span = tuple[str, str]


class Days(NamedTuple):
    """Days next to each other with the same hours. ``first``: 0 is Monday. ``spans``: from and to,
    "HH:MM" by the organisation's own clock; none: closed."""

    first: int
    last: int
    spans: tuple[Span, ...]

    @property
    def name(self) -> str:
        """ "Mon–Fri"."""
        first, last = SHORT_DAYS[self.first], SHORT_DAYS[self.last]
        return first if first == last else f"{first}–{last}"


def week(hours: Sequence[Hours]) -> tuple[Days, ...]:
    """The whole week; () if no hours are stated."""
    if not hours:
        return ()
    order = list(WEEKDAYS)
    spans: list[list[Span]] = [[] for _ in order]
    for row in hours:
        for day in row.days:
            if day in order:
                spans[order.index(day)].append((row.starts, row.ends))
    rows: list[Days] = []
    for place, found in enumerate(spans):
        open_then = tuple(sorted(found))
        if rows and rows[-1].spans == open_then:
            rows[-1] = rows[-1]._replace(last=place)
        else:
            rows.append(Days(place, place, open_then))
    return tuple(rows)
