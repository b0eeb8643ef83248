"""Opening hours of an organisation: the week by both clocks, open now or when next, days closed.

Law: our clock first; what the clocks show is computed for this week, so it holds where summer time
begins or ends on different days. Pure.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from referral_node.web.members import Organisation
from referral_ui import numbers, opening, words
from referral_ui.opening import Days
from referral_ui.parts import Text
from referral_ui.times import Place, Times, hours_in, lower


@dataclass(frozen=True)
class Hours:
    """Opening hours of some days: by our clock, by theirs."""

    days: str
    mine: Text
    theirs: Text


def open_line(member: Organisation, times: Times) -> Text:
    now = member.open_now(times.now)
    if now is None:
        return "Opening hours not stated"
    if now.is_open:
        if now.until is None:
            return Markup("<strong>Open now</strong>, day and night")
        when = times.clock(now.until, member.place)
        lead = f"Open now, until {when.mine}"
    else:
        if now.next_start is None:
            return Markup("<strong>Closed now</strong>")
        when = lower(times.moment(now.next_start, member.place, tomorrow=True, comma=True))
        lead = f"Closed now. Opens {when.mine}"
    strong = Markup("<strong>{}</strong>").format(lead)
    return (
        Markup('{} <span class="quiet">({})</span>').format(strong, when.other)
        if when.other
        else strong
    )


def week(member: Organisation, times: Times) -> tuple[Hours, ...]:
    """The week in rows of days that are alike, Monday first."""
    said = member.profile.organisation if member.profile is not None else None
    if said is None or not said.hours:
        return ()
    return tuple(_row_of(days, member.place, times) for days in opening.week(said.hours))


def _row_of(days: Days, there: Place, times: Times) -> Hours:
    if not days.spans:
        return Hours(days.name, "closed", "closed")
    today = times.here.local(times.now).date()
    on = today + timedelta(days=days.first - today.weekday())
    mine = []
    for start, end in days.spans:
        begins, ends, off = hours_in(on, start, end, there, times.here)
        shift = {-1: " (day before)", 1: " (day after)"}.get(off, "")
        mine.append(Markup("{}{}").format(numbers.num(f"{begins}–{ends}"), shift))
    theirs = [numbers.num(f"{start}–{end}") for start, end in days.spans]
    return Hours(days.name, Markup(", ").join(mine), Markup(", ").join(theirs))


def closed(member: Organisation, times: Times) -> str:
    """ "Closed 25–26 December and 1 January." of the days still to come, a year ahead."""
    said = member.profile.organisation if member.profile is not None else None
    today = times.here.local(times.now).date()
    spans = []
    for row in said.holidays if said is not None else ():
        first, last = day_of(row.first), day_of(row.last or row.first)
        if first is None or last is None or last < today or (first - today).days > 366:
            continue
        spans.append((first, last))
    named = [_span(first, last, times) for first, last in sorted(spans)]
    return f"Closed {words.listing(named)}." if named else ""


def _span(first: date, last: date, times: Times) -> str:
    end = times.long_day(last).rsplit(" ", 1)[0]
    if first == last:
        return end
    begin = times.long_day(first).rsplit(" ", 1)[0]
    return f"{first.day}–{end}" if first.month == last.month else f"{begin} to {end}"


def day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
