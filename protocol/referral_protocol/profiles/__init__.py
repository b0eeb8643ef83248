"""The directory's profile of a member: public, checked, with canonical bytes.

Law: a member writes one profile, its own node keeps it as one content (``encode``), the directory
has it as three records that can go alone (``split``, ``unpack``; DIRECTORY 5.1). All are contents
like any other (``forms.content``): one map, one encoding. What reads bytes raises ProtocolError and
nothing else. A text that could be taken for markup, or that turns the direction of what stands
around it, is refused on both sides. Whether two names look alike is not decided here.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any, Final

import msgspec

from referral_protocol.errors import ProtocolError
from referral_protocol.forms import content
from referral_protocol.forms.check import check
from referral_protocol.forms.drafts import tidy
from referral_protocol.forms.model import Form
from referral_protocol.forms.quick import compiled
from referral_protocol.forms.values import FormProblem, Path, real_date
from referral_protocol.hours import Verdict, closures, minutes, verdict, windows_of
from referral_protocol.profiles.model import (
    Assured,
    Closure,
    Contact,
    Helpline,
    Hours,
    MassEvents,
    Organisation,
    Profile,
    Service,
    Staff,
)
from referral_protocol.profiles.table import PROFILE

__all__ = [
    "MAX_PROFILE",
    "PROFILE",
    "RECORDS",
    "Assured",
    "Closure",
    "Contact",
    "Helpline",
    "Hours",
    "MassEvents",
    "Organisation",
    "Profile",
    "Service",
    "Staff",
    "decode",
    "encode",
    "from_toml",
    "open_now",
    "plain",
    "published",
    "record",
    "split",
    "unpack",
    "validate",
]

MAX_PROFILE: Final = 128 * 1024
"""Bytes of a whole profile, and of its records together (DIRECTORY 5.1)."""

RECORDS: Final[dict[str, Form]] = {
    field.key: replace(PROFILE, code=field.key, title=field.label, fields=(field,), rules=())
    for field in PROFILE.fields
}
"""The form of each record, by its name: that one key of the profile."""
_QUICK: Final = {form.code: compiled(form) for form in (PROFILE, *RECORDS.values())}


def validate(plain: Mapping[str, Any]) -> list[FormProblem]:
    """Every problem of a profile as a member writes it, in the shape of PROFILE.toml:
    ``{"organisation": {...}, "contacts": [{...}], "services": [{...}]}``. None: an empty list."""
    whole = {**plain, "form": PROFILE.code}
    found = check(PROFILE, whole, for_writing=True)
    if not any(problem.code == "wrong-type" for problem in found):
        taken = {problem.path for problem in found}
        found += [
            problem
            for rule in (_organisation, _contacts, _services)
            for problem in rule(whole)
            if problem.path not in taken
        ]
    return found


def encode(plain: Mapping[str, Any]) -> bytes:
    """The one encoding of a profile that ``validate`` found right, tidied. Raises ProtocolError."""
    data = content.encode(tidy({**plain, "form": PROFILE.code}))
    _room(len(data))
    return data


def decode(data: bytes) -> Profile:
    """The bytes of a whole profile, typed. Raises ProtocolError for anything that is not one."""
    _room(len(data))
    return _typed(_read(data, PROFILE))


def split(data: bytes) -> dict[str, bytes]:
    """The bytes of a whole profile as those of its records, by name; raises as ``decode`` does."""
    _room(len(data))
    plain = _read(data, PROFILE)
    return {
        name: content.encode({"form": name, name: plain[name]}) for name in RECORDS if name in plain
    }


def unpack(records: Mapping[str, bytes]) -> Profile:
    """The profile that these records make; one that was erased is empty, one of a later version is
    left out. Raises ProtocolError, also (``wrong-record``) without ``organisation``."""
    _room(sum(map(len, records.values())))
    plain: dict[str, Any] = {}
    for name, form in RECORDS.items():
        if name in records:
            plain |= _read(records[name], form)
    if "organisation" not in plain:
        raise ProtocolError("wrong-record", "profile: no organisation")
    return _typed(plain)


def plain(records: Mapping[str, bytes]) -> dict[str, Any]:
    """What these records say, in the shape of PROFILE.toml: for their member to change it. One that
    is not here, or of a later version, is left out. Raises ProtocolError."""
    found: dict[str, Any] = {}
    for name, form in RECORDS.items():
        if name in records:
            found[name] = _read(records[name], form)[name]
    return found


def record(name: str, values: Any) -> bytes:
    """The bytes of one record: ``plain[name]`` of a profile, tidied. Raises ProtocolError."""
    data = content.encode(tidy({"form": name, name: values}))
    _room(len(data))
    return data


def _read(data: bytes, form: Form) -> dict[str, Any]:
    plain = content.decode(data)
    if plain.get("form") != form.code:
        raise ProtocolError("wrong-value", f"profile: not of the form {form.code}")
    quick = _QUICK.get(form.code)
    if quick is not None and quick(plain):
        return plain
    for problem in check(form, plain, for_writing=False):
        code = "wrong-type" if problem.code in ("wrong-type", "required") else "wrong-value"
        place = ".".join(str(part) for part in problem.path)
        raise ProtocolError(code, f"profile: {place}: {problem.code}")
    return plain


def _typed(plain: Mapping[str, Any]) -> Profile:
    try:
        return msgspec.convert(plain, Profile, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError:
        raise ProtocolError("wrong-type", "profile: not of its form") from None


def _room(size: int) -> None:
    if size > MAX_PROFILE:
        raise ProtocolError("too-large", f"profile: {size} bytes, at most {MAX_PROFILE}")


def from_toml(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """A profile as a TOML reader gives it, with dates and times of day as the text of our kinds."""
    return {key: _from_toml(value) for key, value in parsed.items()}


def _from_toml(value: Any) -> Any:
    match value:
        case datetime():
            return value  # no field has this kind: left for ``validate`` to refuse
        case date():
            return value.isoformat()
        case time():
            return value.strftime("%H:%M")
        case Mapping():
            return from_toml(value)
        case list():
            return [_from_toml(item) for item in value]
        case _:
            return value


def published(whole: Profile) -> Profile | None:
    """What the world may read of a profile; None: nothing at all.

    Nothing is published that the member did not choose: not the organisation, and of its services
    only those that it chose one by one. The names of people never are, nor what only colleagues
    need: the duty line, who assured the profile.
    """
    said = whole.organisation
    if not said.publish:
        return None
    events, assured = said.mass_events, said.assured
    shown = msgspec.structs.replace(
        said,
        mass_events=None if events is None else msgspec.structs.replace(events, duty_line=""),
        assured=None if assured is None else msgspec.structs.replace(assured, by=""),
    )
    return Profile(shown, (), tuple(each for each in whole.services if each.publish))


def open_now(organisation: Organisation, now: int) -> Verdict:
    """Whether it is open at ``now`` (ms UTC), until when, or when next; holidays count."""
    rows = [{"days": row.days, "from": row.starts, "to": row.ends} for row in organisation.hours]
    closed = closures(
        [{"from": row.first, "to": row.last or row.first} for row in organisation.holidays]
    )
    return verdict(windows_of(rows, organisation.zone), now, closed)


# --- rules --------------------------------------------------------------------------------------


def _latin(text: str) -> bool:
    """Whether every letter is Latin: a reader of any member can read and say it."""
    return all(unicodedata.name(sign, "").startswith("LATIN") for sign in text if sign.isalpha())


def _latin_beside(part: Mapping[str, Any], key: str, path: Path) -> Iterator[FormProblem]:
    if not _latin(part.get(key, "")) and not part.get(f"{key}_latin"):
        words = "Add it in Latin letters, for those who cannot read this script"
        yield FormProblem((*path, f"{key}_latin"), "required", words)


def _organisation(whole: Mapping[str, Any]) -> Iterator[FormProblem]:
    part, path = whole.get("organisation", {}), ("organisation",)
    yield from _latin_beside(part, "name", path)
    yield from _latin_beside(part, "city", path)
    region, country = part.get("region"), part.get("country")
    if region and country and not region.startswith(f"{country}-"):
        yield FormProblem((*path, "region"), "not-in-list", "Choose a region of that country")
    for place, row in enumerate(part.get("hours", ())):
        starts, ends = minutes(row.get("from")), minutes(row.get("to"))
        if starts is not None and ends is not None and ends <= starts:
            words = f"The end must be later than the start. You typed {row['from']} to {row['to']}"
            yield FormProblem((*path, "hours", place, "to"), "end-before-start", words)
    for place, row in enumerate(part.get("holidays", ())):
        first, last = row.get("from", ""), row.get("to", "")
        if real_date(first) and real_date(last) and last < first:
            words = "The last day is before the first one"
            yield FormProblem((*path, "holidays", place, "to"), "end-before-start", words)
    events = part.get("mass_events", {})
    if events.get("responds") and not events.get("duty_line"):
        words = "Enter the duty line for mass events"
        yield FormProblem((*path, "mass_events", "duty_line"), "required", words)


def _contacts(whole: Mapping[str, Any]) -> Iterator[FormProblem]:
    people = whole.get("contacts", ())
    if not any(row.get("role") == "point-of-contact" for row in people):
        yield FormProblem(("contacts",), "required", "Enter the point of contact")
    for place, row in enumerate(people):
        yield from _latin_beside(row, "name", ("contacts", place))


def _services(whole: Mapping[str, Any]) -> Iterator[FormProblem]:
    rows = whole.get("services", ())
    if not rows:
        yield FormProblem(("services",), "required", "Enter at least one service")
    for place, row in enumerate(rows):
        path: Path = ("services", place)
        if row.get("age_from", 0) > row.get("age_to", 150):
            words = "The oldest age is below the youngest"
            yield FormProblem((*path, "age_to"), "end-before-start", words)
        countries = row.get("lives_in", ())
        if any(region[:2] not in countries for region in row.get("lives_in_regions", ())):
            words = "Name the country of each region among the countries of the area"
            yield FormProblem((*path, "lives_in_regions"), "not-in-list", words)
        area = row.get("lives_in") or row.get("harmed_in")
        if row.get("eligibility", "any-place") != "any-place" and not area:
            words = "Enter the area: where people must live, or have been harmed"
            yield FormProblem((*path, "lives_in"), "required", words)
