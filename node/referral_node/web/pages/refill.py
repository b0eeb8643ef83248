"""From a content that was sent before to what would have been typed for it in a new draft. Pure.

Law: nothing is made up and nothing of the consent goes over: another recipient needs another one.
The answer-by time is asked anew. What a page cannot ask is left out, and the page before sending
shows what is there word for word. Read back, the steps give the sections that they were made of.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from referral_node.web.form_binding import DAY_PARTS, LISTS
from referral_node.web.pages.layout import Ask, Block, Folded, Group, Rows, Side
from referral_node.web.pages.steps import (
    BY_CODE,
    DAY_SETS,
    STEPS,
    VALUES,
    WRITTEN_IN,
    way_input,
)
from referral_protocol.forms import Field, Kind
from referral_protocol.forms.values import real_date
from referral_ui import numbers
from referral_ui.times import Times

CARRIED: Final = tuple(code for code in STEPS if code != "consent")
"""The steps that a referral to another service begins with."""
_NEVER_TYPED: Final = frozenset({Kind.HASH, Kind.BYTES, Kind.MEMBER})

Typed = dict[str, list[str]]
Input = tuple[str, list[str]]


def typed_again(content: Mapping[str, Any], times: Times) -> dict[str, Typed]:
    """A referral's content as its steps would have been typed here, by step."""
    found: dict[str, Typed] = {}
    for code in CARRIED:
        section = content.get(code)
        if not isinstance(section, Mapping):
            continue
        step = BY_CODE[code]
        asked = _safe_contact(section) if code == "safe_contact" else section
        typed = _fields(step.fields, asked, "", times, frozenset(_one_line(step.blocks)))
        if typed:
            found[code] = dict(typed)
    language = content.get("language")
    if isinstance(language, str):
        found.setdefault("who", {})[WRITTEN_IN.key] = [language]
    return found


def typed_of_query(content: Mapping[str, Any], times: Times) -> dict[str, Typed]:
    """What a capacity query asked for, as the beginning of a referral."""
    said: dict[str, dict[str, Any]] = {
        "who": {key: content.get(key) for key in ("role", "age_band", "groups")},
        "needs": {"needs": [{"need": need} for need in content.get("needs", ())]},
        "happened": {"country": content.get("harmed_in")},
        "communication": {
            "languages": content.get("languages"),
            "interpreter": content.get("interpreter"),
            "needs": content.get("communication"),
        },
    }
    said["who"]["lives_in"] = {
        "country": content.get("lives_in"),
        "region": content.get("lives_in_region"),
    }
    language = {"language": content["language"]} if "language" in content else {}
    return typed_again({**_without_nothing(said), **language}, times)


def _without_nothing(said: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        key: _without_nothing(value) if isinstance(value, Mapping) else value
        for key, value in said.items()
    }
    return {key: value for key, value in kept.items() if value not in (None, "", {}, [], ())}


def _fields(
    fields: Iterable[Field],
    values: Mapping[str, Any],
    prefix: str,
    times: Times,
    lines: frozenset[str],
) -> list[Input]:
    found: list[Input] = []
    for each in fields:
        if each.key in values and each.kind not in _NEVER_TYPED and not each.head:
            name = prefix + each.key
            found += _inputs(each, values[each.key], name, times, lines)
    return found


def _inputs(
    each: Field, value: Any, name: str, times: Times, lines: frozenset[str]
) -> Iterator[Input]:
    """The inputs of one value. ``lines``: dates that are asked in one line."""
    match each.kind:
        case Kind.GROUP:
            yield from _fields(each.fields, value, f"{name}.", times, lines)
        case Kind.GROUPS:
            for number, row in enumerate(value):
                yield from _fields(each.fields, row, f"{name}.{number}.", times, lines)
        case kind if kind in LISTS:
            for number, item in enumerate(value):
                yield f"{name}.{number}", [str(item)]
        case Kind.CODES:
            yield name, [str(code) for code in value]
        case Kind.DATE:
            yield from _date(value, name, times, each.key in lines)
        case Kind.INSTANT:
            local = times.here.local(value)
            yield name, [f"{times.long_day(local.date())}, {local:%H:%M}"]
        case Kind.TELEPHONE:
            yield name, [numbers.grouped(value.replace(" ", ""))]
        case Kind.BOOLEAN:
            yield name, ["yes" if value else "no"]
        case _:
            yield name, [str(value)]


def _date(value: str, name: str, times: Times, one_line: bool) -> Iterator[Input]:
    if not real_date(value):
        return
    day = date.fromisoformat(value)
    if one_line:
        yield name, [times.long_day(day)]
        return
    for part, number in zip(DAY_PARTS, (day.day, day.month, day.year), strict=True):
        yield f"{name}-{part}", [str(number)]


def _one_line(blocks: Iterable[Block]) -> Iterator[str]:
    """Keys of the fields that a step asks for in one line, whatever their kind."""
    for block in blocks:
        match block:
            case Ask(key=key, widget="line"):
                yield key
            case Side(asks):
                yield from _one_line(asks)
            case Folded(blocks=inner) | Group(blocks=inner) | Rows(blocks=inner):
                yield from _one_line(inner)
            case _:
                pass


def _safe_contact(section: Mapping[str, Any]) -> dict[str, Any]:
    """The section by the inputs of its page, which asks way by way."""
    found = {key: value for key, value in section.items() if key != "ways"}
    ways = [row for row in section.get("ways", ()) if isinstance(row, Mapping)]
    for row in ways:
        way = str(row.get("way"))
        found[way_input(way)] = row.get("answer", "")
        key = VALUES.get(way)
        if key is not None and "value" in row:
            found[key] = row["value"]
    call = next((row for row in ways if row.get("way") == "telephone"), {})
    if found.get(VALUES["text-message"]) == found.get(VALUES["telephone"]):
        found.pop(VALUES["text-message"], None)  # "leave empty if it is the number above"
    if "where" in call:
        found["where"] = call["where"]
    if "note" in call:
        found["call_note"] = call["note"]
    times = [each for row in call.get("times", ()) for each in _times(row)]
    if times:
        found["times"] = times
    return found


def _times(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A time of the week by the page's sets of days; other days make a row each."""
    days = tuple(row.get("days", ()))
    same = [code for code, (_, listed) in DAY_SETS.items() if set(listed) == set(days)]
    for chosen in same[:1] or days:
        yield {**row, "days": chosen}
