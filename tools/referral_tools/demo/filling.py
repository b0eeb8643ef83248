"""Typing a value into a form by the words beside its field. Pure.

Law: what a value is (a text, one code of a list, a day) stands in the protocol's table of the form;
the words on the page are those that a person reads there. ``{name}`` in them is the person's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from referral_protocol import codes
from referral_protocol.forms import Field, Kind, Section
from referral_tools.browser import Form, NotThere


@dataclass(frozen=True)
class Ask:
    """A field of a page: the words beside it, the key of what is typed there ("lives_in.country"),
    the legend of the group it stands in where the words alone do not tell."""

    label: str
    key: str
    within: str = ""


@dataclass(frozen=True)
class Sheet:
    """A page's form, the section of the story that is typed into it, and who types.

    ``name``: what the person is called; ``zone``: where the clock of the one who types hangs.
    """

    form: Form
    section: Section
    said: Mapping[str, Any]
    name: str
    zone: str

    def put(self, *asks: Ask) -> None:
        """Type each value; one that the story does not have stays empty."""
        for ask in asks:
            value = self.value(ask.key)
            if value is None:
                continue
            label, within = ask.label.format(name=self.name), ask.within.format(name=self.name)
            type_in(self.form, self.field(ask.key), label, value, within, self.zone, self.name)

    def field(self, key: str) -> Field:
        first, *rest = key.split(".")
        found = self.section.field(first)
        for part in rest:
            found = found.field(part)
        return found

    def value(self, key: str) -> Any:
        found: Any = self.said
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


def type_in(
    form: Form, field: Field, label: str, value: Any, within: str, zone: str, name: str
) -> None:
    """Type, choose or tick one value."""
    match field.kind:
        case Kind.DATE:
            form.date(label, value, within=within)
        case Kind.INSTANT:
            form.fill(label, instant(value, zone), within=within)
        case Kind.CODES:
            pick(form, field, label, value, within, name)
        case Kind.CODE | Kind.COUNTRY | Kind.LANGUAGE:
            pick(form, field, label, [value], within, name)
        case Kind.COUNTRIES | Kind.LANGUAGES:
            # Each has a field of its own, and the page shows the first.
            pick(form, field, label, value[:1], within, name)
        case _:
            form.fill(label, value, within=within)


def pick(
    form: Form, field: Field, label: str, values: Sequence[str], within: str, name: str
) -> None:
    """Choose codes by their words, as the list has them or with the person's name in them."""
    offered = form.offered(label, within=within)
    chosen = []
    for code in values:
        said = words(field, code)
        by_name = said.replace("The person", name).replace("the person", name)
        chosen.append(by_name if by_name in offered else said)
    form.choose(label, *chosen, within=within)


def words(field: Field, code: str) -> str:
    """What the list says for a code."""
    match field.kind:
        case Kind.COUNTRY | Kind.COUNTRIES:
            return codes.COUNTRIES.label(code)
        case Kind.LANGUAGE | Kind.LANGUAGES:
            known = codes.known("languages", code)
            return codes.label("languages" if known else "sign-languages", code)
        case _:
            return codes.label(field.codes, code)


def instant(at: int, zone: str) -> str:
    """ "19 November 2026, 15:20" by the clock of a zone."""
    local = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone))
    return f"{long_day(local.date())}, {local:%H:%M}"


def long_day(day: date) -> str:
    """ "14 November 2026"."""
    return f"{day.day} {day:%B} {day.year}"


def beginning(offered: Sequence[str], start: str, label: str) -> str:
    """The one choice that begins so."""
    found = [each for each in offered if each.startswith(start)]
    if len(found) != 1:
        raise NotThere(f"“{label}” offers {len(found)} choices that begin with “{start}”")
    return found[0]
