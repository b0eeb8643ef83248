"""One value of one kind: its form, its limit, and the words when it breaks them.

Law: a reader refuses a value of another type, form or length, and keeps any well-formed code. A
writer also refuses codes that stand in no list. Nothing here knows a form; nothing here raises.
"""

import re
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Final, NamedTuple

from referral_protocol import codes
from referral_protocol.forms.content import allowed_text
from referral_protocol.forms.model import Field, Kind
from referral_protocol.wire import MAX_TIME

Path = tuple[str | int, ...]


class FormProblem(NamedTuple):
    """What is wrong at ``path`` (keys and list positions). ``words`` are English, for the page;
    they may repeat what was typed, so they are never logged."""

    path: Path
    code: str
    words: str


CODE_FORM: Final = re.compile(r"(?=.{1,32}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
DATE_FORM: Final = re.compile(r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}")
TIME_FORM: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
ZONE_FORM: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
TELEPHONE_FORM: Final = re.compile(r"\+[1-9][0-9]*( [0-9]+)*")
SHORT_FORM: Final = re.compile(r"[0-9]+( [0-9]+)*")
_NO_MAIL: Final = r' @<>()\[\],;:\\"'
E_MAIL_FORM: Final = re.compile(rf"[^{_NO_MAIL}]{{1,64}}@[^{_NO_MAIL}/]+\.[^{_NO_MAIL}/.]{{2,}}")
WEB_FORM: Final = re.compile(r'https://[^ <>"/?#@]+\.[^ <>"/?#@.]{2,}([/?#][^ <>"]*)?')
MARKUP: Final = re.compile(
    "[<>\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks and overrides of the direction
    "\u115f\u1160\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"  # characters that nobody sees, but the joiners that names need
)


def problems(
    value: Any, field: Field, path: Path, writing: bool, public: bool
) -> Iterator[FormProblem]:
    """Everything wrong with one value that is neither a group nor a list of groups."""
    check = _CHECKS[field.kind]
    for code, words in check(value, field, writing):
        yield FormProblem(path, code, words)
    if public and isinstance(value, str) and MARKUP.search(value):
        words = "< and > are not allowed here, nor characters that cannot be seen"
        yield FormProblem(path, "not-allowed", f"{field.label}: {words}")


def is_telephone(value: str) -> bool:
    """E.123: "+", country code, digits, single spaces between groups; 7 to 15 digits (E.164)."""
    return bool(TELEPHONE_FORM.fullmatch(value)) and 7 <= sum(map(str.isdigit, value)) <= 15


def is_e_mail(value: str) -> bool:
    """An address that could exist; whether it does is not ours to know."""
    return len(value) <= 254 and bool(E_MAIL_FORM.fullmatch(value))


def real_date(value: str) -> bool:
    """ "YYYY-MM-DD", a day that exists, 1900 to 2199."""
    if not DATE_FORM.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def known_zone(value: str) -> bool:
    """Whether this machine's time zone data has the zone (read from its files)."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


Found = Iterator[tuple[str, str]]
_WRONG_TYPE: Final = ("wrong-type", "This value is of another kind than the form says")


def _text(value: Any, field: Field, writing: bool) -> Found:
    if not isinstance(value, str):
        yield _WRONG_TYPE
    elif not value or (writing and not value.strip()):
        yield "empty", f"{field.label}: enter something, or leave it out"
    elif len(value) > field.max:
        yield "too-long", f"{field.label}: at most {field.max} characters; you typed {len(value)}"
    elif not allowed_text(value):
        yield "not-allowed", f"{field.label}: it holds a character that cannot be sent"
    elif field.kind is Kind.LINE and "\n" in value:
        yield "not-allowed", f"{field.label}: write it on one line"


def _shaped(right: Callable[[str], bool], words: str) -> Callable[[Any, Field, bool], Found]:
    def check(value: Any, field: Field, _writing: bool) -> Found:
        if not isinstance(value, str):
            yield _WRONG_TYPE
        elif (field.max and len(value) > field.max) or not right(value):
            yield "bad-format", f"{field.label}: {words}"

    return check


def _code(value: Any, field: Field, writing: bool) -> Found:
    if not isinstance(value, str):
        yield _WRONG_TYPE
    elif not CODE_FORM.fullmatch(value):
        yield "bad-format", f"{field.label}: choose one of the list"
    elif writing and not codes.known(field.codes, value):
        yield "not-in-list", f"{field.label}: choose one of the list"


def _country(value: Any, field: Field, writing: bool) -> Found:
    if not isinstance(value, str):
        yield _WRONG_TYPE
    elif not codes.COUNTRY_FORM.fullmatch(value):
        yield "bad-format", f"{field.label}: choose a country of the list"
    elif writing and value not in codes.COUNTRIES:
        yield "not-in-list", f"{field.label}: choose a country of the list"


def _region(value: Any, field: Field, writing: bool) -> Found:
    if not isinstance(value, str):
        yield _WRONG_TYPE
    elif not codes.REGION_FORM.fullmatch(value):
        yield "bad-format", f"{field.label}: the region’s code, for example NL-UT"
    elif writing and value[:2] not in codes.COUNTRIES:
        yield "not-in-list", f"{field.label}: there is no country {value[:2]}"


def _language(value: Any, field: Field, _writing: bool) -> Found:
    if not isinstance(value, str):
        yield _WRONG_TYPE
    elif not codes.LANGUAGE_FORM.fullmatch(value):
        yield "bad-format", f"{field.label}: choose a language of the list"


def _zone(value: Any, field: Field, writing: bool) -> Found:
    if not isinstance(value, str):
        yield _WRONG_TYPE
    elif len(value) > field.max or not ZONE_FORM.fullmatch(value):
        yield "bad-format", f"{field.label}: choose a time zone of the list"
    elif writing and not known_zone(value):
        yield "not-in-list", f"{field.label}: choose a time zone of the list"


def _many(one: Callable[[Any, Field, bool], Found]) -> Callable[[Any, Field, bool], Found]:
    def check(value: Any, field: Field, writing: bool) -> Found:
        if not isinstance(value, list | tuple):
            yield _WRONG_TYPE
            return
        if not value:
            yield "empty", f"{field.label}: choose something, or leave it out"
        elif len(value) > field.max:
            yield "too-many", f"{field.label}: at most {field.max}; you chose {len(value)}"
        else:
            found = [each for item in value for each in one(item, field, writing)]
            if not found and len(set(value)) != len(value):
                found = [("twice", f"{field.label}: the same one is chosen twice")]
            yield from dict.fromkeys(found)

    return check


def _instant(value: Any, field: Field, _writing: bool) -> Found:
    if isinstance(value, bool) or not isinstance(value, int):
        yield _WRONG_TYPE
    elif not 0 <= value <= MAX_TIME:
        yield "bad-format", f"{field.label}: enter a date and a time"


def _number(value: Any, field: Field, _writing: bool) -> Found:
    if isinstance(value, bool) or not isinstance(value, int):
        yield _WRONG_TYPE
    elif not 0 <= value <= field.max:
        yield "bad-format", f"{field.label}: a whole number from 0 to {field.max}"


def _boolean(value: Any, _field: Field, _writing: bool) -> Found:
    if not isinstance(value, bool):
        yield _WRONG_TYPE


def _bytes(low: int, high: int) -> Callable[[Any, Field, bool], Found]:
    def check(value: Any, field: Field, _writing: bool) -> Found:
        if not isinstance(value, bytes):
            yield _WRONG_TYPE
        elif not low <= len(value) <= (high or field.max):
            yield "bad-format", f"{field.label}: of another length than the form says"

    return check


def _helpline(value: str) -> bool:
    digits = sum(map(str.isdigit, value))
    return is_telephone(value) or (bool(SHORT_FORM.fullmatch(value)) and 3 <= digits <= 8)


def _end_time(value: str) -> bool:
    return value == "24:00" or (value != "00:00" and bool(TIME_FORM.fullmatch(value)))


_CHECKS: Final[dict[Kind, Callable[[Any, Field, bool], Found]]] = {
    Kind.LINE: _text,
    Kind.TEXT: _text,
    Kind.CODE: _code,
    Kind.CODES: _many(_code),
    Kind.DATE: _shaped(real_date, "enter a date that exists, for example 2026-11-14"),
    Kind.TIME: _shaped(
        lambda value: bool(TIME_FORM.fullmatch(value)), "enter a time, for example 09:00"
    ),
    Kind.END_TIME: _shaped(_end_time, "enter a time, for example 17:00; midnight is 24:00"),
    Kind.INSTANT: _instant,
    Kind.ZONE: _zone,
    Kind.TELEPHONE: _shaped(
        is_telephone, "enter the number with its country, for example +31 30 123 45 67"
    ),
    Kind.HELPLINE: _shaped(_helpline, "enter the number, for example 116 006"),
    Kind.E_MAIL: _shaped(is_e_mail, "enter an e-mail address, for example name@example.org"),
    Kind.WEB: _shaped(
        lambda value: bool(WEB_FORM.fullmatch(value)),
        "enter an address that begins with https://",
    ),
    Kind.COUNTRY: _country,
    Kind.COUNTRIES: _many(_country),
    Kind.REGION: _region,
    Kind.REGIONS: _many(_region),
    Kind.LANGUAGE: _language,
    Kind.LANGUAGES: _many(_language),
    Kind.BOOLEAN: _boolean,
    Kind.NUMBER: _number,
    Kind.HASH: _bytes(32, 32),
    Kind.MEMBER: _bytes(16, 16),
    Kind.BYTES: _bytes(1, 0),
}
