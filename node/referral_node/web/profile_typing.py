"""Our own profile between its values and its pages: from values to inputs, and back.

Law: a page shows what is stored, and stores what it shows: ``inputs`` and ``read`` undo each other.
Long lists of countries, regions and languages are one text, a name on each line; a name that nobody
knows is left out of the values and said at its input, never guessed. Pure.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from referral_node.web.form_binding import LISTS, Bound, InputError, Typed, bind
from referral_protocol import codes
from referral_protocol.forms import Field, Kind
from referral_protocol.forms.values import real_date
from referral_ui import numbers
from referral_ui.forms import MONTHS
from referral_ui.times import Place

Values = dict[str, Any]

AS_LINES: Final = frozenset({"lives_in", "lives_in_regions", "harmed_in", "interpreter_languages"})
"""Fields of a service that are one text, a name on each line."""

EU: Final = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
    *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
)
_EU_NAMES: Final = frozenset({"eu", "european union", "all eu countries"})
_LANGUAGE_LISTS: Final = ("languages", "sign-languages")


def inputs(
    fields: Iterable[Field], values: Mapping[str, Any], prefix: str = ""
) -> dict[str, list[str]]:
    """What a page's inputs hold for these values."""
    found: dict[str, list[str]] = {}
    for each in fields:
        value = values.get(each.key)
        if value is None:
            continue
        name = prefix + each.key
        if each.kind is Kind.GROUP:
            found |= inputs(each.fields, value, f"{name}.")
        elif each.kind is Kind.GROUPS:
            for number, row in enumerate(value):
                found |= inputs(each.fields, row, f"{name}.{number}.")
        elif each.key in AS_LINES:
            found[name] = ["\n".join(_name(each, item) for item in value)]
        elif each.kind in LISTS:
            found |= {f"{name}.{number}": [item] for number, item in enumerate(value)}
        elif each.kind is Kind.CODES:
            found[name] = list(value)
        else:
            found[name] = [_one(each, value)]
    return found


def read(fields: Sequence[Field], typed: Typed, here: Place) -> Bound:
    """What was typed, as values, with where each stands and what could not be understood."""
    given = {name: list(values) for name, values in typed.items()}
    unknown: list[InputError] = []
    lined = [each for each in fields if each.key in AS_LINES]
    for each in lined:
        text = "\n".join(given.pop(each.key, []))
        for number, line in enumerate(_lines(each, text)):
            code = _code(each, line)
            if code is None:
                unknown.append(InputError(each.key, _unknown(each, line), each.key))
            else:
                given[f"{each.key}.{number}"] = [code]
    bound = bind(fields, given, here)
    for each in lined:
        if each.key in bound.values:  # a country may come twice: by its name and with the EU
            bound.values[each.key] = list(dict.fromkeys(bound.values[each.key]))
        for path in list(bound.names):
            if path[0] == each.key:
                bound.names[path] = each.key
    bound.errors += unknown
    _numbers(fields, bound.values, (), bound)
    _telephones(fields, bound.values)
    return bound


def _telephones(fields: Iterable[Field], values: Values) -> None:
    """A profile is read by people: its numbers stay in groups."""
    for each in fields:
        value = values.get(each.key)
        if each.kind is Kind.GROUP and isinstance(value, dict):
            _telephones(each.fields, value)
        elif each.kind is Kind.TELEPHONE and isinstance(value, str):
            values[each.key] = numbers.grouped(value)


def _numbers(
    fields: Iterable[Field], values: Values, path: tuple[str | int, ...], bound: Bound
) -> None:
    """A number that is none leaves the values: the form would only say it is of another kind."""
    for each in fields:
        value = values.get(each.key)
        if each.kind is Kind.GROUP and isinstance(value, dict):
            _numbers(each.fields, value, (*path, each.key), bound)
        elif each.kind is Kind.NUMBER and isinstance(value, str):
            del values[each.key]
            name = bound.name_of((*path, each.key))
            words = f"{each.label}: enter a whole number, for example 12"
            bound.errors.append(InputError(name, words, name))


def _one(each: Field, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if each.kind is Kind.DATE and real_date(text):
        day = date.fromisoformat(text)
        return f"{day.day} {MONTHS[day.month - 1].capitalize()} {day.year}"
    if each.kind in (Kind.TELEPHONE, Kind.HELPLINE) and text.startswith("+"):
        return numbers.grouped(text.replace(" ", ""))
    return text


def _lines(each: Field, text: str) -> list[str]:
    """The names in a text; "EU" is all countries of the union."""
    found: list[str] = []
    for line in text.replace(",", "\n").replace(";", "\n").splitlines():
        name = " ".join(line.split())
        if each.kind is Kind.COUNTRIES and name.casefold() in _EU_NAMES:
            found += EU
        elif name:
            found.append(name)
    return found


def _name(each: Field, code: str) -> str:
    if each.kind is Kind.COUNTRIES:
        return codes.COUNTRIES.label(code) if code in codes.COUNTRIES else code
    if each.kind is Kind.LANGUAGES and _code(each, codes.language_label(code)) == code:
        return codes.language_label(code)
    return code


def _code(each: Field, name: str) -> str | None:
    if each.kind is Kind.REGIONS:
        return name.upper()  # the form says what a code of a region looks like
    if each.kind is Kind.COUNTRIES and name.upper() in codes.COUNTRIES:
        return name.upper()
    if each.kind is Kind.LANGUAGES and codes.LANGUAGE_FORM.fullmatch(name) and name.islower():
        return name
    return _names(each.kind).get(name.casefold())


def _names(kind: Kind) -> dict[str, str]:
    lists = ("countries",) if kind is Kind.COUNTRIES else _LANGUAGE_LISTS
    return {
        row.label.casefold(): code for key in lists for code, row in codes.listed(key).codes.items()
    }


def _unknown(each: Field, name: str) -> str:
    what = "a country" if each.kind is Kind.COUNTRIES else "a language"
    shown = name[:60]
    close = difflib.get_close_matches(name.casefold(), _names(each.kind), 1, 0.75)
    if close:
        code = _names(each.kind)[close[0]]
        return f"“{shown}” is not {what} that we know. Did you mean {_name(each, code)}?"
    return f"“{shown}” is not {what} that we know. Write its name in English, or its code"
