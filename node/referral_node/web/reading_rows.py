"""A part of a content while its rows are made: what was taken from it, and what is left.

Law: whatever a part's rows did not take follows as a plain row with its label or its key, so that
nothing is left out. A code is shown in the reader's words, an unknown one as itself; free text
stands in quotes as it was written. Pure: values and a :class:`Reader` in, rows out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from markupsafe import Markup, escape

from referral_protocol import codes
from referral_protocol.forms import Field, Kind, Section
from referral_ui import names, numbers, words
from referral_ui.parts import Fact, Tag, Text
from referral_ui.times import Place, Times, hours_in

DAY_ORDER: Final = tuple(codes.listed("weekdays"))


@dataclass(frozen=True)
class Told:
    """A text that is longer than a row: drawn apart, before the rows."""

    text: str
    lang: str | None
    language: str


@dataclass(frozen=True)
class Reading:
    """One part: its rows in order, and what is told at length before them."""

    code: str
    title: str
    told: tuple[Told, ...] = ()
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Reader:
    """Who reads. ``mine``: our organisation wrote it ("Your case number"). ``places``: names for
    time zones that are not the reader's own ("Utrecht"), by zone. ``files``: the address below
    which files are opened."""

    times: Times
    mine: bool
    person: Text = "the person"
    places: Mapping[str, Place] = field(default_factory=dict)
    locale: str = "en_GB"
    organisation: Callable[[bytes], Text | None] = lambda _member: None
    files: str = ""

    def place(self, zone: str) -> Place:
        """The place that a zone stands for."""
        if zone == self.times.here.zone:
            return self.times.here
        known = self.places.get(zone)
        return known or Place(zone, zone.rsplit("/", 1)[-1].replace("_", " "))

    def other(self) -> Place | None:
        """The place whose time stands in brackets, if there is one."""
        return next(iter(self.places.values()), None)


class Part:
    """One map of a content while it is read: what was taken, what is left."""

    def __init__(
        self, values: Mapping[str, Any], fields: Sequence[Field], reader: Reader, lang: str = ""
    ) -> None:
        self.reader = reader
        self.lang = lang
        self._values = values
        self._fields = {each.key: each for each in fields}
        self._taken: set[str] = set()

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def value(self, key: str) -> Any:
        """A value as it stands, taken."""
        self._taken.add(key)
        return self._values.get(key)

    def text(self, key: str) -> str:
        """A text, or "" where there is none or something else stands there (which then follows)."""
        found = self._values.get(key)
        if not isinstance(found, str):
            return ""
        self._taken.add(key)
        return found

    def rows(self, key: str) -> list["Part"]:
        """The maps of a list of groups."""
        found, each = self._values.get(key), self._fields.get(key)
        if each is None or not isinstance(found, list | tuple):
            return []
        if not all(isinstance(row, Mapping) for row in found):
            return []
        self._taken.add(key)
        return [Part(row, each.fields, self.reader, self.lang) for row in found]

    def group(self, key: str) -> "Part":
        """A group; an empty one where there is none."""
        found, each = self._values.get(key), self._fields.get(key)
        if each is None or not isinstance(found, Mapping):
            return Part({}, (), self.reader, self.lang)
        self._taken.add(key)
        return Part(found, each.fields, self.reader, self.lang)

    def many(self, key: str) -> list[str]:
        """The texts of a list."""
        found = self._values.get(key)
        if not isinstance(found, list | tuple) or not all(isinstance(v, str) for v in found):
            return []
        self._taken.add(key)
        return list(found)

    def code(self, key: str) -> str:
        """A code's words, "" where there is none."""
        found, each = self.text(key), self._fields.get(key)
        return _label(each, found) if found and each is not None else found

    def quoted(self, key: str) -> Text:
        """Free text in quotes, "" where there is none."""
        found = self.text(key)
        return quote(found, self.lang) if found else ""

    def day(self, key: str) -> str:
        """A date of record: "19 November 2026"; as it stands when it is none."""
        found = self.text(key)
        try:
            return self.reader.times.long_day(date.fromisoformat(found)) if found else ""
        except ValueError:
            return found

    def shown(self, key: str) -> Text:
        """Any value in the plain way of its kind; taken."""
        return show(self._fields.get(key), self.value(key), self.reader, self.lang)

    def rest(self) -> list[Fact]:
        """Rows for all that was not taken, in the order of the form, unknown fields last."""
        order = [key for key in self._fields if key in self._values]
        order += [key for key in self._values if key not in self._fields]
        left = [key for key in order if key not in self._taken]
        return [
            Fact(self.label(key), self.shown(key))
            for key in left
            if self._values[key] not in (None, "", [], {})
        ]

    def left(self) -> list[Text]:
        """As ``rest``, for a row inside another: "Label: value"."""
        return [Markup("{}: {}").format(fact.term, fact.value) for fact in self.rest()]

    def label(self, key: str) -> Text:
        """The form's label, about this person; an unknown key as it stands, marked."""
        each = self._fields.get(key)
        if each is None:
            return f"{key} (unknown field)"
        return named(each.label, self.reader.person)


def reading_of(part: Part, section: Section, facts: Iterable[Fact | None], *told: Told) -> Reading:
    """A section's rows, with all that they did not take behind them."""
    rows = [fact for fact in facts if fact is not None]
    rows += part.rest()
    return Reading(section.code, section.title, tuple(told), tuple(rows))


def fact(term: Text, *sentences: Text) -> Fact | None:
    """A row of sentences that are there; None when none is."""
    said = [each for each in sentences if each]
    return Fact(term, _sentences(said)) if said else None


def sentence(text: Text) -> Text:
    """With a capital and a full stop."""
    safe = escape(text)
    return Markup("{}{}.").format(safe[:1].upper(), safe[1:]) if safe else ""


def joined(parts: Iterable[Text], between: str = ", ") -> Text:
    """Those that are there, with ``between`` between them."""
    return escape(between).join(escape(part) for part in parts if part)


def _sentences(said: list[Text]) -> Text:
    return said[0] if len(said) == 1 else Markup(" ").join(escape(each) for each in said)


def quote(text: str, lang: str | None = None) -> Markup:
    """Free text as it was written, in quotes, in its own direction, its lines kept."""
    language = names.lang_of(text, lang or None)
    tag = Markup(' lang="{}"').format(language) if language else Markup("")
    lines = Markup("<br>").join(text.split("\n"))
    return Markup("<bdi{}>“{}”</bdi>").format(tag, lines)


def named(sentence: str, person: Text) -> str:
    """A sentence of the form about "the person", with the name in its place."""
    if "the person" not in sentence:
        return sentence
    return escape(person).join(escape(piece) for piece in sentence.split("the person"))


def show(each: Field | None, value: Any, reader: Reader, lang: str = "") -> Text:
    """Any value in the plain way of its kind. Whatever stands there is shown."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, bytes):
        return numbers.num(value.hex())
    if isinstance(value, Mapping):
        return joined(Part(value, each.fields if each else (), reader, lang).left(), "; ")
    if isinstance(value, list | tuple):
        inner = "; " if each is not None and each.kind is Kind.GROUPS else ", "
        return joined((_item(each, item, reader, lang) for item in value), inner)
    return _item(each, value, reader, lang)


def _item(each: Field | None, value: Any, reader: Reader, lang: str) -> Text:
    if isinstance(value, Mapping):
        return joined(Part(value, each.fields if each else (), reader, lang).left())
    if isinstance(value, int) and not isinstance(value, bool):
        instant = each is not None and each.kind is Kind.INSTANT
        return moment(value, reader) if instant else str(value)
    if isinstance(value, str):
        return _string(each, value, reader, lang)
    return show(None, value, reader, lang) if isinstance(value, list | bytes | bool) else str(value)


def moment(at: int, reader: Reader) -> Text:
    """A time of record; as the number that it is where no calendar reaches."""
    try:
        return reader.times.record(at, reader.other())
    except (OverflowError, ValueError, OSError):
        return str(at)


def _string(each: Field | None, value: str, reader: Reader, lang: str) -> Text:
    match each.kind if each else Kind.TEXT:
        case Kind.CODE | Kind.CODES if each is not None:
            return _label(each, value)
        case Kind.COUNTRY | Kind.COUNTRIES:
            return country(value)
        case Kind.LANGUAGE | Kind.LANGUAGES:
            return codes.language_label(value)
        case Kind.TELEPHONE | Kind.HELPLINE:
            return telephone(value)
        case Kind.DATE:
            return Part({"d": value}, (), reader).day("d")
        case Kind.ZONE:
            return reader.place(value).name
        case Kind.TIME | Kind.END_TIME | Kind.REGION | Kind.REGIONS:
            return numbers.num(value)
        case Kind.E_MAIL | Kind.WEB:
            return address(value)
        case _:
            return quote(value, lang)


def country(code: str) -> str:
    """A country's name; an unknown code as it stands."""
    return codes.COUNTRIES.label(code)


def address(value: str) -> Text:
    """An address of mail or of a page, left to right; it may be longer than a narrow window."""
    return Markup('<bdi dir="ltr">{}</bdi>').format(value)


def telephone(value: str) -> Text:
    """A number to read, in groups, left to right."""
    return numbers.num(numbers.grouped(value.replace(" ", "")) if value[:1] == "+" else value)


def danger_tag(text: str) -> Markup:
    """The one tag that a row may hold: a danger."""
    tag = Tag(text, "danger")
    return Markup('<strong class="govuk-tag tag--{}">{}</strong>').format(tag.tone, tag.text)


def days(codes_of_days: Sequence[str]) -> str:
    """ "Monday to Friday", "every day", "Saturday and Sunday"."""
    known = [day for day in DAY_ORDER if day in codes_of_days]
    odd = [day for day in codes_of_days if day not in DAY_ORDER]
    if len(known) == 7:
        return words.listing(["every day", *odd])
    if len(known) > 2 and DAY_ORDER.index(known[-1]) - DAY_ORDER.index(known[0]) == len(known) - 1:
        span = f"{codes.label('weekdays', known[0])} to {codes.label('weekdays', known[-1])}"
        return words.listing([span, *odd])
    return words.listing([codes.label("weekdays", day) for day in [*known, *odd]])


def weekly(row: Mapping[str, Any], reader: Reader) -> Text:
    """One time of the week, mine first: "Monday, 08:00–10:30 (09:00–11:30 in Utrecht)"."""
    names_of_days = [day for day in row.get("days", ()) if isinstance(day, str)]
    start, end = str(row.get("from", "")), str(row.get("to", ""))
    zone = str(row.get("zone", ""))
    there = reader.place(zone) if zone else reader.times.here
    theirs = f"{start}–{end}"
    if (start, end) == ("00:00", "24:00"):  # a whole day is one in every zone
        every = len(set(names_of_days)) == len(DAY_ORDER)
        return "at any time" if every else joined((days(names_of_days), "all day"))
    if there.zone == reader.times.here.zone or start == "" or end == "":
        return joined((days(names_of_days), numbers.num(theirs)))
    today = there_today(reader, there)
    if today is None:
        return joined((days(names_of_days), numbers.num(theirs), zone))
    try:
        first, last, off = hours_in(today, start, end, there, reader.times.here)
    except ValueError:
        return joined((days(names_of_days), numbers.num(theirs), there.name))
    if (first, last) == (start, end):
        return joined((days(names_of_days), numbers.num(theirs)))
    mine = joined((days(names_of_days), numbers.num(f"{first}–{last}")))
    shift = {-1: ", the day before", 1: ", the day after"}.get(off, "")
    return Markup('{}{} <span class="quiet">({} in {})</span>').format(
        mine, shift, numbers.num(theirs), there.name
    )


def there_today(reader: Reader, there: Place) -> date | None:
    """Today's date in a place; None for a zone that nobody knows."""
    try:
        return there.local(reader.times.now).date()
    except (KeyError, ValueError, OSError):
        return None


def _label(each: Field, code: str) -> str:
    return codes.label(each.codes, code)
