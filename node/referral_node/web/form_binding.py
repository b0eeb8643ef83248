"""Between a table of fields and a page: what was typed becomes values, a problem its input.

Law: nothing that was typed is changed or lost here. ``bind`` reads; what it cannot understand it
leaves out of the values and says so in words that stand at the input. Every value it gives knows
the input it came from, so that whatever the form's own rules find wrong later stands there too.

An input is named by its path with dots: ``lives_in.country``, ``times.0.from``. A row of a list
counts only if something was typed into it; rows that were left empty move nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from referral_protocol.forms import Field, FormProblem, Kind
from referral_protocol.forms import typed as as_typed
from referral_ui import numbers
from referral_ui.formdata import CANNOT_KEEP, FormData
from referral_ui.forms import MONTHS, Form, parse_day
from referral_ui.times import Place, at

Typed = Mapping[str, Sequence[str]]
Path = tuple[str | int, ...]

LISTS: Final = frozenset({Kind.LANGUAGES, Kind.COUNTRIES, Kind.REGIONS})
"""Kinds whose items have an input each: ``nationality.0``. Codes are ticked under one name."""

DAY_PARTS: Final = ("day", "month", "year")

PROPOSED: Final = frozenset({"days", "zone"})
"""Selects that come filled in: by themselves they do not make a row one that was typed into."""

_INSTANT: Final = re.compile(r"(.*\S)[\s,]+([0-9]{1,2}[:.h][0-9]{2})")
_CLOCK: Final = re.compile(r"([0-9]{1,2})[:.h]([0-9]{2})")


@dataclass(frozen=True)
class InputError:
    """What is wrong with one input. ``name``: the field or group; ``at``: the input to go to."""

    name: str
    message: str
    at: str


@dataclass
class Bound:
    """Values of a group of fields, where each stands on the page, and what was not understood."""

    values: dict[str, Any] = field(default_factory=dict)
    names: dict[Path, str] = field(default_factory=dict)
    errors: list[InputError] = field(default_factory=list)

    def name_of(self, path: Path) -> str:
        """The input for a path; for one that nobody typed into, the nearest that the page has."""
        if path in self.names:
            return self.names[path]
        return ".".join(str(part) for part in path)


def bind(fields: Iterable[Field], typed: Typed, here: Place, prefix: str = "") -> Bound:
    """What was typed into ``fields``. ``here`` is where the typist's clock hangs: a date and time
    are read there. ``prefix`` stands before each name ("lives_in.")."""
    bound = Bound()
    for each in fields:
        _bind_one(each, typed, here, prefix, bound)
    return bound


def row_numbers(typed: Typed, key: str) -> list[int]:
    """Numbers of the rows of a list that the page has, whether something was typed or not."""
    start = f"{key}."
    found = {
        int(number)
        for name in typed
        if name.startswith(start) and (number := name[len(start) :].split(".")[0]).isdecimal()
        if len(number) < 4
    }
    return sorted(found)


def add_row(typed: Typed, key: str, first: str) -> tuple[dict[str, list[str]], int]:
    """One more empty row at the end of a list; ``first`` is the key of its first input, or ""."""
    kept = {name: list(values) for name, values in typed.items()}
    rows = row_numbers(typed, key) or [0]
    number = rows[-1] + 1
    kept.setdefault(row_name(key, rows[0], first), [""])
    kept[row_name(key, number, first)] = [""]
    return kept, number


def row_name(key: str, number: int, inner: str) -> str:
    """The name of an input in a row; ``inner`` is empty where a row is one input."""
    return f"{key}.{number}.{inner}" if inner else f"{key}.{number}"


def compacted(typed: Typed, keys: Iterable[str], without: str = "") -> dict[str, list[str]]:
    """The lists ``keys`` numbered anew from 0, empty rows and the row ``without`` left out."""
    kept = {name: list(values) for name, values in typed.items()}
    for key in keys:
        rows = row_numbers(kept, key)
        moved: dict[str, list[str]] = {}
        place = 0
        for number in rows:
            row = f"{key}.{number}"
            inside = {
                name: kept.pop(name)
                for name in list(kept)
                if name == row or name.startswith(f"{row}.")
            }
            if row == without or not _typed_into(inside):
                continue
            for name, values in inside.items():
                moved[f"{key}.{place}{name[len(row) :]}"] = values
            place += 1
        kept.update(moved)
    return kept


def placed(bound: Bound, problems: Iterable[FormProblem], depth: int = 1) -> list[InputError]:
    """Problems of the form as errors of inputs; ``depth``: how much of a path is the section's."""
    found = []
    for problem in problems:
        name = bound.name_of(problem.path[depth:])
        found.append(InputError(name, problem.words, name))
    return found


def as_form(order: Sequence[str], typed: Typed, errors: Iterable[InputError]) -> Form:
    """What the page's macros draw: the inputs as typed, each error once, in the page's order; what
    is wrong with the whole form comes first."""
    form = Form(("", *order), {name: tuple(values) for name, values in typed.items()})
    said: set[str] = set()
    for error in errors:
        if error.name not in said:
            said.add(error.name)
            form.wrong_because(error.name, error.message, error.at)
    return form


def from_data(data: FormData) -> dict[str, list[str]]:
    """All that was posted, by name, as plain lists."""
    return {name: list(data.all(name)) for name in data.names()}


def clock_time(typed: str) -> str:
    """A time of day as "HH:MM", or what was typed when it is none."""
    return str(as_typed(_TIME_FIELD, typed))


def real_instant(typed: str, here: Place) -> int | None:
    """ "19 November 2026, 15:20" by the clock of ``here``, as milliseconds UTC."""
    found = _INSTANT.fullmatch(typed.strip())
    clock = _CLOCK.fullmatch(found[2]) if found else None
    day = parse_day(found[1].rstrip(", ")) if found else None
    if clock is None or day is None or int(clock[1]) > 23 or int(clock[2]) > 59:
        return None
    if not 1900 <= day.year < 2200:
        return None
    return at(day, f"{int(clock[1]):02}:{clock[2]}", here)


def date_problem(typed: str) -> str:
    """Why a date cannot be read: it does not exist, or is not written as one."""
    parts = re.fullmatch(r"([0-9]{1,2})[\s./-]+(\w+)[\s./-]+([0-9]{4})", typed.strip())
    if parts and (month := _month(parts[2])) and int(parts[1]):
        return f"{int(parts[1])} {month} {parts[3]} is not a date"
    iso = re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", typed.strip())
    if iso and (month := _month(iso[2])):
        return f"{int(iso[3])} {month} {iso[1]} is not a date"
    return "enter day, month and year, for example 14 November 2026"


_TIME_FIELD: Final = Field("time", Kind.TIME, "Time")


def _bind_one(each: Field, typed: Typed, here: Place, prefix: str, bound: Bound) -> None:
    name = prefix + each.key
    if each.kind is Kind.GROUP:
        _take(bound, each.key, bind(each.fields, typed, here, f"{name}."))
        bound.names[(each.key,)] = _first_input(each, name)
    elif each.kind is Kind.GROUPS:
        _bind_rows(each, typed, here, name, bound)
    elif each.kind in LISTS:
        _bind_list(each, typed, name, bound)
    else:
        value = _value(each, typed, name, here, bound)
        bound.names[(each.key,)] = name
        if value not in (None, "", []):
            bound.values[each.key] = value


def _take(bound: Bound, key: str | int, inner: Bound, *, into: list[Any] | None = None) -> None:
    """Put a group's values, names and errors into the one around it."""
    if into is not None:
        into.append(inner.values)
    elif inner.values:
        bound.values[str(key)] = inner.values
    bound.names.update({(key, *path): name for path, name in inner.names.items()})
    bound.errors += inner.errors


def _bind_rows(each: Field, typed: Typed, here: Place, name: str, bound: Bound) -> None:
    rows: list[Any] = []
    for number in row_numbers(typed, name):
        row = f"{name}.{number}"
        inputs = {key: typed[key] for key in typed if key.startswith(f"{row}.")}
        if not _typed_into(inputs, PROPOSED):
            continue
        inner = bind(each.fields, typed, here, f"{row}.")
        place = len(rows)
        rows.append(inner.values)
        bound.names.update({(each.key, place, *path): at for path, at in inner.names.items()})
        bound.names[(each.key, place)] = _first_input(each, row)
        bound.errors += inner.errors
    bound.names[(each.key,)] = _first_input(each, f"{name}.0")
    if rows:
        bound.values[each.key] = rows


def _bind_list(each: Field, typed: Typed, name: str, bound: Bound) -> None:
    items = []
    for number in row_numbers(typed, name):
        given = next(iter(typed[f"{name}.{number}"]), "").strip()
        if given:
            items.append(given)
    bound.names[(each.key,)] = f"{name}.0"
    if items:
        bound.values[each.key] = items


def _first_input(each: Field, name: str) -> str:
    inner = each.fields[0]
    if inner.kind is Kind.GROUP:
        return _first_input(inner, f"{name}.{inner.key}")
    return f"{name}.{inner.key}"


def _typed_into(inputs: Typed, but: frozenset[str] = frozenset()) -> bool:
    return any(
        value.strip()
        for name, values in inputs.items()
        if name.rsplit(".", 1)[-1] not in but
        for value in values
    )


def _value(each: Field, typed: Typed, name: str, here: Place, bound: Bound) -> Any:
    if each.kind is Kind.CODES:
        return [value for value in typed.get(name, ()) if value]
    if each.kind is Kind.DATE:
        return _date(each, typed, name, bound)
    given = next(iter(typed.get(name, ())), "")
    if "\ufffd" in given:
        _wrong(bound, each, name, CANNOT_KEEP)
        return None
    if not given.strip():
        return None
    match each.kind:
        case Kind.INSTANT:
            found = real_instant(given, here)
            if found is None:
                _wrong(bound, each, name, _instant_problem(given))
            return found
        case Kind.TELEPHONE:
            number = numbers.e164(given)
            if number is None:
                words = "enter the number with its country, for example +31 30 123 45 67"
                _wrong(bound, each, name, words)
            return number
        case Kind.MEMBER:
            return _member(given)
        case Kind.HASH | Kind.BYTES:
            return None  # never typed by a person
        case _:
            return as_typed(each, given)


def _member(given: str) -> bytes | None:
    return bytes.fromhex(given) if re.fullmatch(r"[0-9a-f]{32}", given) else None


def _instant_problem(given: str) -> str:
    found = _INSTANT.fullmatch(given.strip())
    if found is None:
        return "enter day, month, year and time, for example 19 November 2026, 15:20"
    day = found[1].rstrip(", ")
    if parse_day(day) is None:
        return date_problem(day)
    return f"{found[2]} is not a time of day"


def _date(each: Field, typed: Typed, name: str, bound: Bound) -> str | None:
    if any(f"{name}-{part}" in typed for part in DAY_PARTS):
        given = _three_parts(each, typed, name, bound)
    else:
        given = next(iter(typed.get(name, ())), "").strip()
    if not given:
        return None
    found = parse_day(given)
    if found is None or not 1900 <= found.year < 2200:
        words = date_problem(given) if found is None else f"{found.year} cannot be the year"
        _wrong(bound, each, name, words)
        return None
    return found.isoformat()


def _three_parts(each: Field, typed: Typed, name: str, bound: Bound) -> str:
    parts = {part: next(iter(typed.get(f"{name}-{part}", ())), "").strip() for part in DAY_PARTS}
    absent = [part for part, given in parts.items() if not given]
    if absent and len(absent) < len(parts):
        words = f"enter the {' and the '.join(absent)}"
        # The first part's input has the id of the whole, so that a summary may point to it.
        place = name if absent[0] == "day" else f"{name}-{absent[0]}"
        _wrong(bound, each, name, words, place)
        return ""
    return " ".join(parts.values()).strip()


def _wrong(bound: Bound, each: Field, name: str, words: str, place: str | None = None) -> None:
    message = words if words == CANNOT_KEEP else f"{each.label.rstrip('?')}: {words}"
    bound.errors.append(InputError(name, message, place or name))


def _month(given: str) -> str | None:
    """A month as people write it: "February" for "2", "feb" and "February"."""
    if given.isdecimal():
        return MONTHS[int(given) - 1].capitalize() if 1 <= int(given) <= 12 else None
    fitting = [month for month in MONTHS if len(given) > 2 and month.startswith(given.lower())]
    return fitting[0].capitalize() if len(fitting) == 1 else None
