"""PROFILE.toml: what a member says of itself to the directory, read with every mistake by its line.

Law: what comes out is exactly what the directory will show, or nothing. All mistakes are told at
once, in the order of the file; each names line and key, what stands there and what may stand there.
A profile is public, so its values may be quoted here, which no other content ever is.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from referral_node.toml_lines import line_of, lines
from referral_node.trouble import Trouble
from referral_protocol import codes, profiles
from referral_protocol.errors import ProtocolError
from referral_protocol.forms.model import MANY, Field, Kind
from referral_protocol.forms.values import FormProblem

MAX_FILE: Final = 256 * 1024
_EXAMPLES: Final = {
    "hours": '[[organisation.hours]] with days = ["mon", "tue"], from = "09:00", to = "18:00"',
    "contacts": '[[contacts]] with role = "point-of-contact", name, telephone, email, languages',
    "services": '[[services]] with name, needs = ["practical-help"], forms = ["telephone"]',
}
"""How a group is written, for who wrote none."""
_SHOWN: Final = 14
"""Longest list of codes that is written out in full."""


class ProfileTrouble(Trouble):
    """A profile with mistakes; ``found`` has one line for each."""

    def __init__(self, found: Sequence[str]) -> None:
        self.found = tuple(found)
        super().__init__("\n".join(found))


def read_profile(path: Path) -> bytes:
    """The profile of a file, as bytes; ProfileTrouble lists every mistake in it."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise ProfileTrouble([f"{path}: larger than {MAX_FILE // 1024} KiB: not a profile"])
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ProfileTrouble([f"{path}: not UTF-8 text: save it as UTF-8"]) from None
    except OSError as error:
        raise ProfileTrouble([f"{path}: cannot be read ({error.strerror})"]) from None
    return parse_profile(text, path.name)


def parse_profile(text: str, name: str = "profile") -> bytes:
    """The profile of a TOML text, as bytes; ``name`` is what errors call the file."""
    try:
        values = profiles.from_toml(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProfileTrouble([f"{name}: not well-formed TOML: {error}"]) from None
    problems = profiles.validate(values)
    if problems:
        places = lines(text)
        found = []
        for problem in problems:
            line = line_of(places, problem.path)
            where = f"{name}, line {line}" if line is not None else name
            found.append(
                (line or 0, f"{where}: {_spelled(problem.path)}: {_words(problem, values)}")
            )
        raise ProfileTrouble([said for _, said in sorted(found, key=lambda each: each[0])])
    try:
        return profiles.encode(values)
    except ProtocolError as error:
        raise ProfileTrouble([f"{name}: {error.detail}"]) from None


def _spelled(path: Sequence[str | int]) -> str:
    """``services[2].needs``: items counted from 1, as a person counts."""
    spelled = ""
    for step in path:
        if isinstance(step, int):
            spelled += f"[{step + 1}]"
        else:
            spelled += f".{step}" if spelled else step
    return spelled or "profile"


def _words(problem: FormProblem, values: Mapping[str, Any]) -> str:
    field, siblings = _field(problem.path)
    value = _value(values, problem.path)
    if problem.code == "unknown-field":
        return _unknown(str(problem.path[-1]), siblings)
    if field is None:
        return problem.words
    if problem.code == "wrong-type":
        return f"write {_EXPECTED.get(field.kind, 'another kind of value')}"
    if problem.code in ("bad-format", "not-in-list"):
        said = _of_list(field, value)
        if said:
            return said
    words = problem.words.removeprefix(f"{field.label}: ")
    if problem.code == "required" and problem.path[-1] in _EXAMPLES:
        return f"{words}, written as {_EXAMPLES[str(problem.path[-1])]}"
    if field.kind is Kind.ZONE and isinstance(value, str):
        return f"{value[:60]!r} is not a known time zone; write it like Europe/Lisbon"
    if problem.code == "bad-format" and isinstance(value, str):
        words = f"{value[:60]!r}: {words}"
    return words


def _of_list(field: Field, value: Any) -> str | None:
    """Words for codes that stand in no list, with the one that was probably meant."""
    items = value if isinstance(value, list | tuple) else [value]
    kind = _ONE_OF.get(field.kind)
    if kind is None:
        return None
    what, key = kind
    for item in items:
        if not isinstance(item, str):
            return f"write {_EXPECTED[field.kind]}"
        options = codes.listed(key or field.codes)
        if item in options or (field.kind in _LANGUAGES and codes.LANGUAGE_FORM.fullmatch(item)):
            continue
        return f"{item[:60]!r} is not {what}; {_meant(item, options)}"
    return None


def _meant(item: str, options: codes.CodeList) -> str:
    wanted = item.strip().casefold()
    for code, row in options.codes.items():
        if wanted in (code.casefold(), row.label.casefold()):
            return f"write {code}"
    labels = {row.label.casefold(): code for code, row in options.codes.items()}
    close = difflib.get_close_matches(wanted, [*labels, *(c.casefold() for c in options)], 1, 0.75)
    if close:
        code = labels.get(close[0], close[0])
        return (
            f"did you mean {code} ({options.label(code)})?" if code in options else "see CODES.md"
        )
    if len(options) <= _SHOWN:
        return f"write one of {', '.join(options)}"
    return f"CODES.md has the list “{options.title}”"


def _unknown(key: str, siblings: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, siblings, 1)
    if close:
        return f"there is no such key here; did you mean {close[0]}?"
    return f"there is no such key here; known are {', '.join(siblings)}"


def _field(path: Sequence[str | int]) -> tuple[Field | None, list[str]]:
    """The field that a path names, and the keys beside it."""
    field, fields = None, profiles.PROFILE.fields
    siblings = [each.key for each in fields]
    for step in path:
        if isinstance(step, int):
            continue
        siblings = [each.key for each in fields]
        field = next((each for each in fields if each.key == step), None)
        if field is None:
            break
        fields = field.fields
    return field, siblings


def _value(values: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return None
    return values


_LANGUAGES: Final = frozenset({Kind.LANGUAGE, Kind.LANGUAGES})

_ONE_OF: Final = {
    Kind.COUNTRY: ("an ISO 3166-1 code", "countries"),
    Kind.COUNTRIES: ("an ISO 3166-1 code", "countries"),
    Kind.LANGUAGE: ("a language tag (BCP 47)", "languages"),
    Kind.LANGUAGES: ("a language tag (BCP 47)", "languages"),
    Kind.CODE: ("a code of the list", ""),
    Kind.CODES: ("a code of the list", ""),
}
"""For kinds with a list: what a value should be, and the list's key where the field has none."""

_EXPECTED: Final = {
    **dict.fromkeys(Kind, "a text in quotes"),
    **dict.fromkeys(MANY, 'a list of texts, like ["a", "b"]'),
    Kind.BOOLEAN: "true or false",
    Kind.NUMBER: "a whole number",
    Kind.GROUP: "a table with the keys of this part",
    Kind.GROUPS: "one table for each, under a heading in [[ ]]",
    Kind.DATE: "a date, like 2026-11-14",
    Kind.TIME: 'a time, like "09:00"',
    Kind.END_TIME: 'a time, like "17:00"',
}
