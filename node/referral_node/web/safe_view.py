"""Safe contact as a page shows it: whether the person may be reached now, how, and how never. Pure.

Law: it governs. A number or an address is shown only while its way is safe, or after a person gave
a reason; where nothing is said, or the case has ended, or consent is gone, the answer is no. What
the section says beside that is never left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

from referral_node.web.case import Case
from referral_node.web.reading_rows import (
    Part,
    Reader,
    joined,
    quote,
    weekly,
)
from referral_protocol import codes, forms
from referral_protocol.forms import FORMS, WayNow
from referral_protocol.forms.people import rows as rows_of
from referral_ui import numbers
from referral_ui.numbers import Telephone
from referral_ui.parts import Mark, Text
from referral_ui.times import lower
from referral_ui.words import lowered

_DO: Final = {
    "telephone": "telephone",
    "voicemail": "leave a voicemail",
    "text-message": "send a text message",
    "e-mail": "write an e-mail",
    "letter": "write a letter",
    "through-a-person": "go through a person",
}
"""What the reader may do, by way."""
Pair = tuple[WayNow, Mapping[str, Any]]
LEFT_OUT: Final = "not shown now"
"""What stands in the place of a number or address that may not be used now."""
_SPOKEN: Final = ("telephone",)
_SECTION: Final = FORMS["referral"].section("safe_contact")


@dataclass(frozen=True)
class SafeWay:
    """A way that may be used now: what is pressed or read, and where that is."""

    do: str
    number: Telephone | None
    value: Text
    note: Text


@dataclass(frozen=True)
class Marks:
    """Marks as the value of a row; the template draws them."""

    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Row:
    """A row of the box."""

    term: Text
    value: Text | Marks


@dataclass(frozen=True)
class SafeBox:
    """The box. ``stop``: nothing may be done now; ``verdict`` says so in words. ``hidden``: there
    is a number or an address that only a reason opens. ``revealed``: it was opened."""

    stop: bool
    verdict: Text
    next_time: Text = ""
    next_there: Text = ""
    ways: tuple[SafeWay, ...] = ()
    when: Text = ""
    rows: tuple[Row, ...] = ()
    hidden: bool = False
    revealed: bool = False


def safe_box(case: Case, reader: Reader, *, revealed: bool = False) -> SafeBox | None:
    """The box for a case; None where no person is reached (a question, a capacity query)."""
    section = case.content.get("safe_contact")
    if not isinstance(section, Mapping):
        return None
    ways = forms.ways_now(section, case.now)
    rows = rows_of(section, "ways")
    usable = [
        (way, row)
        for way, row in zip(ways, rows, strict=True)
        if way.answer == "safe" and way.way != "person-contacts-us"
    ]
    barred = _barred(case)
    open_now = [] if barred else [pair for pair in usable if _is_open(pair[0])]
    closed = [pair for pair in usable if pair not in open_now]
    shown = usable if revealed else open_now
    verdict = barred or _verdict(case, usable, open_now)
    ahead = None if barred or open_now else _next(closed)
    return SafeBox(
        stop=not open_now,
        verdict=verdict,
        next_time=_next_words(case, ahead, here=True),
        next_there=_next_words(case, ahead, here=False),
        ways=tuple(_way(way) for way, _ in _spoken_first(shown)),
        when=_when(usable, reader),
        rows=_rows(case, section, reader, visible=bool(open_now) or revealed),
        hidden=any(way.value for way, _ in closed) and not revealed,
        revealed=revealed,
    )


def number_at_stake(case: Case) -> bool:
    """Whether there is anything that a reason would open."""
    section = case.content.get("safe_contact")
    if not isinstance(section, Mapping):
        return False
    return any(way.answer == "safe" and way.value for way in forms.ways_now(section, case.now))


def governed(case: Case, content: Mapping[str, Any], *, revealed: bool) -> Mapping[str, Any]:
    """A content as it may be read now: without the numbers and addresses that may not be used."""
    section = content.get("safe_contact")
    if revealed or not isinstance(section, Mapping):
        return content
    barred = _barred(case)
    ways = forms.ways_now(section, case.now)
    rows = [
        row if not way.value or (not barred and _is_open(way)) else {**row, "value": LEFT_OUT}
        for way, row in zip(ways, rows_of(section, "ways"), strict=True)
    ]
    return {**content, "safe_contact": {**section, "ways": rows}}


def _barred(case: Case) -> Text:
    """Why nobody may reach the person at all; "" when it is a question of the hour."""
    call = case.subject.call
    if case.consent_withdrawn:
        return Markup("Do not contact {}: consent was withdrawn").format(call)
    if case.withdrawn:
        return Markup("Do not contact {}: the referral was withdrawn").format(call)
    if case.receiving and case.ended:
        return Markup("Do not contact {}: this referral has ended").format(call)
    return ""


def _is_open(way: WayNow) -> bool:
    # A call without hours is not safe now: somebody else may be in the room. What is written and
    # has no hours is read when the person can.
    if way.verdict is None:
        return way.way not in _SPOKEN
    return way.verdict.is_open


def _verdict(
    case: Case,
    usable: Sequence[Pair],
    open_now: Sequence[Pair],
) -> Text:
    call = case.subject.call
    if not usable:
        return Markup("Do not contact {call}: {call} contacts you").format(call=call)
    best = _spoken_first(open_now)
    if not best:
        spoken = any(way.way in _SPOKEN for way, _ in usable)
        return "Do not telephone now" if spoken else Markup("Do not contact {} now").format(call)
    way = best[0][0]
    does = _DO.get(way.way, codes.label("safe-ways", way.way))
    until = way.verdict.until if way.verdict is not None else None
    if until is None:
        return f"You may {does}"
    ends = case.times.clock(until).mine
    if case.times.day(until) != case.times.day(case.now):
        ends = lower(case.times.moment(until, tomorrow=True)).mine
    return f"You may {does} now, until {ends}"


def _next(
    closed: Sequence[Pair],
) -> tuple[WayNow, int, int] | None:
    """The way that opens first, and its hours then."""
    ahead = [
        (way, way.verdict.next_start, way.verdict.next_end)
        for way, _ in closed
        if way.verdict is not None
        and way.verdict.next_start is not None
        and way.verdict.next_end is not None
    ]
    return min(ahead, key=lambda each: each[1], default=None)


def _next_words(case: Case, ahead: tuple[WayNow, int, int] | None, *, here: bool) -> Text:
    if ahead is None:
        return ""
    span = case.times.span(ahead[1], ahead[2], case.there)
    return span.mine if here else (span.other or "")


def _spoken_first(
    pairs: Sequence[Pair],
) -> list[Pair]:
    return sorted(pairs, key=lambda pair: pair[0].way not in _SPOKEN)


def _way(way: WayNow) -> SafeWay:
    dialled = way.way in ("telephone", "voicemail", "text-message")
    number = numbers.e164(way.value) if dialled and way.value else None
    label = codes.label("safe-ways", way.way)
    if number is not None:
        return SafeWay(label, numbers.telephone(number), "", way.where)
    value: Text = Markup("<br>").join(way.value.split("\n")) if way.value else ""
    return SafeWay(label, None, value, way.where)


def _rows(
    case: Case, section: Mapping[str, Any], reader: Reader, *, visible: bool
) -> tuple[Row, ...]:
    part = Part(section, _SECTION.fields, reader)
    part.value("ways")
    rows = [
        _notes(case, section),
        _never(part, section),
        _contacts_us(section),
        *_say(part, visible=visible or case.receiving),
        _checked(case, part),
    ]
    found = [row for row in rows if row is not None]
    return (*found, *(Row(fact.term, fact.value) for fact in part.rest()))


def _when(usable: Sequence[Pair], reader: Reader) -> Text:
    """The safe hours of every way that has some; of a call, where it is taken."""
    lines: list[Text] = []
    for way, row in _spoken_first(usable):
        hours = joined((_week(each, reader) for each in rows_of(row, "times")), "; ")
        name = "" if way.way in _SPOKEN else codes.label("safe-ways", way.way)
        where = lowered(way.where) if way.way in _SPOKEN else ""
        if hours or name:
            lines.append(joined((joined((name, hours), ": "), where)))
    return Markup("<br>").join(escape(line) for line in lines)


def _week(row: Mapping[str, Any], reader: Reader) -> Text:
    here = reader.times.here
    ours = row.get("zone") in (here.zone, None)
    return (
        Markup("{} in {}").format(weekly(row, reader), here.name) if ours else weekly(row, reader)
    )


def _notes(case: Case, section: Mapping[str, Any]) -> Row | None:
    said = [
        quote(way.note)
        for way in forms.ways_now(section, case.now)
        if way.note and way.answer == "safe"
    ]
    return Row("Note", joined(said, " ")) if said else None


def _never(part: Part, section: Mapping[str, Any]) -> Row | None:
    marks: list[Mark] = []
    ways = rows_of(section, "ways")
    barred = [
        codes.label("safe-ways", str(row.get("way"))) for row in ways if _says(row, "not-safe")
    ]
    if barred:
        marks.append(Mark("no", joined([barred[0], *map(lowered, barred[1:])])))
    watched, what = part.text("watched"), part.text("watched_what")
    if watched == "yes":
        marks.append(Mark("no", what or "Telephone or e-mail", "– may be watched"))
    elif watched == "not-known":
        marks.append(Mark("ask", what or "Telephone or e-mail", "– not known whether watched"))
    elif what:
        marks.append(Mark("ask", what, f"– watched: {watched or 'not said'}"))
    never = part.text("never_contact")
    if never:
        marks.append(Mark("no", Markup("<bdi>{}</bdi>").format(never)))
    unasked = [codes.label("safe-ways", str(r.get("way"))) for r in ways if _says(r, "not-asked")]
    if unasked:
        marks.append(Mark("ask", joined([unasked[0], *map(lowered, unasked[1:])]), "– not asked"))
    odd = [r for r in ways if str(r.get("answer")) not in ("safe", "not-safe", "not-asked")]
    for row in odd:
        label = codes.label("safe-ways", str(row.get("way")))
        marks.append(Mark("ask", label, f"– {codes.label('safe-answers', str(row.get('answer')))}"))
    return Row("Never", Marks(tuple(marks))) if marks else None


def _contacts_us(section: Mapping[str, Any]) -> Row | None:
    for row in rows_of(section, "ways"):
        if row.get("way") == "person-contacts-us" and _says(row, "safe"):
            how = row.get("value")
            words = quote(how) if isinstance(how, str) and how else "No way was said"
            return Row("The person contacts you", words)
    return None


def _say(part: Part, *, visible: bool) -> list[Row | None]:
    """The name to give, what to do if another answers, the code word: for whoever may call."""
    name, others, word = (
        part.text("say_you_are"),
        part.text("who_may_answer"),
        part.text("code_word"),
    )
    if not visible:
        return []
    said = Markup("You are “{}”.").format(name) if name else ""
    meaning = "means: I cannot talk freely. End the call; try at the next safe time."
    return [
        Row("Say", joined((said, _told(others)), " ")) if name or others else None,
        Row("Code word", Markup("“{}” {}").format(word, meaning)) if word else None,
    ]


def _checked(case: Case, part: Part) -> Row | None:
    at, by = part.value("checked_at"), part.text("checked_by")
    term = Markup("Checked with {}").format(case.subject.call)
    if not isinstance(at, int):
        return Row(term, Markup("By {}").format(by) if by else "Not said")
    when = case.times.moment(at, case.there)
    return Row(term, Markup("{}{}").format(when, f", by {by}" if by else ""))


def _told(text: str) -> Text:
    return Markup("<bdi>{}</bdi>").format(text) if text else ""


def _says(row: Mapping[str, Any], answer: str) -> bool:
    return row.get("answer") == answer
