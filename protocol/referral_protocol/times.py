"""Dates and instants: the two forms of time in a body, and nothing that asks what time it is."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

_EPOCH: Final = date(1970, 1, 1)
_DAY: Final = 86_400_000


def start_of(day: str) -> int:
    """First instant (ms UTC) of a date "YYYY-MM-DD", as a day in UTC; may be negative."""
    return (date.fromisoformat(day) - _EPOCH).days * _DAY


def date_of(at: int) -> str:
    """The date in UTC of an instant (ms UTC)."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).date().isoformat()


def age_on(born: str, at: int) -> int:
    """Whole years between a date of birth and an instant; never negative. Born on 29 February: a
    year older on 1 March in common years."""
    birth = date.fromisoformat(born)
    today = date.fromisoformat(date_of(at))
    return max(0, today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day)))
