"""Times as people read them: mine first, the other place in brackets by its name.

Everything here is a pure function of `now` and of a time, both integer milliseconds UTC, and of the
reader's place. 24 hours, digits 0-9. Today and Yesterday, else "Thu 19 Nov"; a day of
another year more than half a year away gets its year. Dates of record are written out with their
year. A distance ("in 6 h 23 min") stands only beside its time, never alone.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date
from markupsafe import Markup, escape

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_FAR = 180


@dataclass(frozen=True)
class Place:
    """Where somebody is: an IANA zone ("Europe/Lisbon") and what people call the place."""

    zone: str
    name: str

    def local(self, at: int) -> datetime:
        """A time as the clock on the wall there shows it."""
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(self.zone))


@dataclass(frozen=True)
class TimeWords:
    """The words around times. A translation replaces the whole set."""

    today: str = "Today"
    yesterday: str = "Yesterday"
    tomorrow: str = "Tomorrow"
    in_place: str = "{time} in {place}"
    in_distance: str = "in {distance}"
    late: str = "{distance} late"
    ago: str = "{distance} ago"
    under_a_minute: str = "less than 1 min"
    minutes: str = "{n} min"
    hours_minutes: str = "{h} h {n} min"
    hours: str = "{h} h"
    one_day: str = "1 day"
    days: str = "{n} days"
    your_time: str = "your time"
    ahead: str = "{distance} ahead of you"
    behind: str = "{distance} behind you"
    hour: str = "1 hour"
    whole_hours: str = "{h} hours"


@dataclass(frozen=True)
class When:
    """A time in the reader's place, and in another place where that reads differently.

    Drawn as `mine <span class="quiet">(other)</span>`; as plain text `mine (other)`.
    """

    mine: str
    other: str | None = None

    def __str__(self) -> str:
        return f"{self.mine} ({self.other})" if self.other else self.mine

    def __html__(self) -> Markup:
        if not self.other:
            return escape(self.mine)
        return Markup('{} <span class="quiet">({})</span>').format(self.mine, self.other)


@dataclass(frozen=True)
class Times:
    """Writes times for one reader: made for each page from `now` and the reader's own place.

    `locale` is one that Babel knows. Patterns are ours ("Thu 19 Nov"), names of days and months are
    the language's.
    """

    now: int
    here: Place
    locale: str = "en_GB"
    words: TimeWords = TimeWords()
    formatted: dict[tuple[date, str], str] = field(default_factory=dict, compare=False, repr=False)

    # Moments.

    def moment(
        self, at: int, there: Place | None = None, *, tomorrow: bool = False, comma: bool = False
    ) -> When:
        """ "Today 17:05 (16:05 in Lisbon)", "Wed 18 Nov, 17:00".

        `comma` writes "Today, 17:05" as sentences do ("Answer by today, 17:05": see `lower`);
        `tomorrow` allows that word as well.
        """
        local = self.here.local(at)
        relative = self._relative(local.date(), tomorrow)
        if relative:
            mine = f"{relative}{',' if comma else ''} {_clock(local)}"
        else:
            mine = f"{self.short_day(local.date())}, {_clock(local)}"
        return When(mine, self._elsewhere(at, there))

    def day(self, at: int, *, tomorrow: bool = False) -> str:
        """The day alone: "Today", "Yesterday", "Thu 26 Nov"."""
        on = self.here.local(at).date()
        return self._relative(on, tomorrow) or self.short_day(on)

    def record(self, at: int, there: Place | None = None) -> When:
        """For what is kept: "19 November 2026, 15:20 (16:20 in Utrecht)"."""
        local = self.here.local(at)
        return When(f"{self.long_day(local.date())}, {_clock(local)}", self._elsewhere(at, there))

    def appointment(self, at: int, there: Place | None = None) -> When:
        """With the day of the week: "Monday 23 November 2026, 08:30 (09:30 in Utrecht)"."""
        local = self.here.local(at)
        mine = f"{self._format(local.date(), 'EEEE d MMMM y')}, {_clock(local)}"
        return When(mine, self._elsewhere(at, there))

    def span(self, start: int, end: int, there: Place | None = None) -> When:
        """From a time to a time of the same day: "Monday 23 November, 08:00–10:30 (09:00–…)"."""
        local = self.here.local(start)
        day = self._format(local.date(), "EEEE d MMMM")
        mine = f"{day}, {_clock(local)}–{_clock(self.here.local(end))}"
        if there is None:
            return When(mine)
        first, last = there.local(start), there.local(end)
        if _wall(first) == _wall(local):
            return When(mine)
        clocks = f"{_clock(first)}–{_clock(last)}"
        other = (
            clocks if first.date() == local.date() else f"{self.short_day(first.date())}, {clocks}"
        )
        return When(mine, self.words.in_place.format(time=other, place=there.name))

    def clock(self, at: int, there: Place | None = None) -> When:
        """The time of day alone: "16:00 (17:00 in Utrecht)"."""
        return When(_clock(self.here.local(at)), self._elsewhere(at, there))

    # Days.

    def long_day(self, on: date) -> str:
        """ "19 November 2026": dates of record."""
        return self._format(on, "d MMMM y")

    def short_day(self, on: date) -> str:
        """ "Thu 19 Nov", with the year when that is not clear."""
        today = self.here.local(self.now).date()
        far = on.year != today.year and abs((on - today).days) > _FAR
        return self._format(on, "EEE d MMM y" if far else "EEE d MMM")

    # Distances: only ever beside a time.

    def distance(self, at: int) -> str:
        """To a time by which something is due: "in 6 h 23 min", "2 days late"."""
        words = self.words.in_distance if at >= self.now else self.words.late
        return words.format(distance=self._length(at))

    def ago(self, at: int) -> str:
        """ "14 days ago", of something that happened."""
        return self.words.ago.format(distance=self._length(at))

    def _length(self, at: int) -> str:
        apart = abs(at - self.now)
        if apart >= DAY:
            # From a day on people count days on the calendar, not hours.
            days = abs((self.here.local(at).date() - self.here.local(self.now).date()).days)
            return self.words.one_day if days == 1 else self.words.days.format(n=days)
        hours, minutes = divmod(apart // MINUTE, 60)
        if hours and minutes:
            return self.words.hours_minutes.format(h=hours, n=minutes)
        if hours:
            return self.words.hours.format(h=hours)
        return self.words.minutes.format(n=minutes) if minutes else self.words.under_a_minute

    # Places.

    def offset(self, there: Place, at: int | None = None) -> str:
        """ "1 hour ahead of you", "your time": what to write behind a place's name in a list."""
        when = self.now if at is None else at
        minutes = int(
            (_wall(there.local(when)) - _wall(self.here.local(when))) / timedelta(minutes=1)
        )
        if not minutes:
            return self.words.your_time
        hours, rest = divmod(abs(minutes), 60)
        if rest:
            length = self.words.hours_minutes.format(h=hours, n=rest)
        else:
            length = self.words.hour if hours == 1 else self.words.whole_hours.format(h=hours)
        return (self.words.ahead if minutes > 0 else self.words.behind).format(distance=length)

    def _elsewhere(self, at: int, there: Place | None) -> str | None:
        if there is None:
            return None
        local, mine = there.local(at), self.here.local(at)
        if _wall(local) == _wall(mine):
            return None
        same_day = local.date() == mine.date()
        time = _clock(local) if same_day else f"{self.short_day(local.date())}, {_clock(local)}"
        return self.words.in_place.format(time=time, place=there.name)

    def _relative(self, on: date, tomorrow: bool) -> str | None:
        days = (on - self.here.local(self.now).date()).days
        if days == 1 and not tomorrow:
            return None
        return {0: self.words.today, -1: self.words.yesterday, 1: self.words.tomorrow}.get(days)

    def _format(self, on: date, pattern: str) -> str:
        # Slow, and a page says the same few days again and again. Kept for this page alone.
        if (on, pattern) not in self.formatted:
            self.formatted[on, pattern] = format_date(on, pattern, locale=self.locale)
        return self.formatted[on, pattern]


def lower(when: When) -> When:
    """For the middle of a sentence: "by today, 17:05". A day's name keeps its capital."""
    first = when.mine.split(" ")[0].rstrip(",")
    words = TimeWords()
    if first in (words.today, words.yesterday, words.tomorrow):
        return When(when.mine[0].lower() + when.mine[1:], when.other)
    return when


def hours_in(on: date, start: str, end: str, of: Place, to: Place) -> tuple[str, str, int]:
    """Daily hours of one place by the clock of another, on a given day.

    Returns start, end ("HH:MM", 24:00 allowed) and how many days `to` is off (-1, 0, 1) at the
    start. On the day the clocks change this is what really holds that day.
    """
    first, last = (_at(on, time, of).astimezone(ZoneInfo(to.zone)) for time in (start, end))
    closing = _clock(last)
    if closing == "00:00" and last.date() > first.date():
        closing = "24:00"
    return _clock(first), closing, (first.date() - on).days


def at(on: date, time: str, place: Place) -> int:
    """A day and a time of day ("HH:MM", 24:00 allowed) in a place, as milliseconds UTC.

    A time that the change to summer time skips is taken as if the clocks had not changed; of one
    that comes twice, the first is meant.
    """
    return round(_at(on, time, place).timestamp() * 1000)


def _at(on: date, time: str, place: Place) -> datetime:
    hours, minutes = (int(part) for part in time.split(":"))
    midnight = datetime(on.year, on.month, on.day, tzinfo=ZoneInfo(place.zone))
    return midnight + timedelta(hours=hours, minutes=minutes)


def _clock(local: datetime) -> str:
    return f"{local.hour:02}:{local.minute:02}"


def _wall(local: datetime) -> datetime:
    return local.replace(tzinfo=None)
