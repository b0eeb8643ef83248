"""The directory's profile of a member: three public records, checked, with canonical bytes.

Law: a record is a content like any other (``forms.content``): one map, one encoding. ``decode``
raises ProtocolError and nothing else on any bytes. A text that could be taken for markup, or that
turns the direction of what stands around it, is refused on both sides. Whether two names look
alike is not decided here.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Final, Literal, overload

import msgspec

from referral_protocol.errors import ProtocolError
from referral_protocol.forms import content
from referral_protocol.forms.check import check
from referral_protocol.forms.drafts import tidy
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
    convert,
)
from referral_protocol.profiles.table import RECORDS

__all__ = [
    "MAX_RECORD",
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
    "profile",
    "records",
    "validate",
]

MAX_RECORD: Final = 128 * 1024
"""Bytes of one record."""

RecordName = Literal["organisation", "contacts", "services"]


def validate(plain: Mapping[str, Any]) -> list[FormProblem]:
    """Every problem of a whole profile as a member writes it:
    ``{"organisation": {...}, "contacts": [{...}], "services": [{...}]}`` (PROFILE.toml has the same
    shape). Paths begin with the part. None: an empty list."""
    found = [
        FormProblem((key,), "unknown-field", "A profile has no such part")
        for key in plain
        if key not in RECORDS
    ]
    for name, record in _parts(plain).items():
        problems = check(RECORDS[name], record, for_writing=True)
        if not any(problem.code == "wrong-type" for problem in problems):
            problems += _RULES[name](record)
        found += [FormProblem(_outside(name, each.path), *each[1:]) for each in problems]
    return found


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


def _outside(name: str, path: Path) -> Path:
    """The path in the profile for one in a record, whose only key is left out."""
    if name == "organisation" or not path:
        return (name, *path)
    return (name, *path[1:])


def _parts(plain: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    organisation = plain.get("organisation")
    records: dict[str, dict[str, Any]] = {
        "organisation": {
            **(organisation if isinstance(organisation, Mapping) else {}),
            "form": "organisation",
        },
        "contacts": {"form": "contacts"},
        "services": {"form": "services"},
    }
    for name, key in (("contacts", "people"), ("services", "services")):
        if name in plain:
            records[name][key] = plain[name]
    return records


def records(plain: Mapping[str, Any]) -> dict[str, bytes]:
    """The bytes of the three records of a profile that ``validate`` found right."""
    return {name: encode(record) for name, record in _parts(tidy(plain)).items()}


def encode(record: Mapping[str, Any]) -> bytes:
    """The one encoding of a record (with its ``form``). Raises ProtocolError."""
    data = content.encode(record)
    if len(data) > MAX_RECORD:
        raise ProtocolError("too-large", f"record: {len(data)} bytes, at most {MAX_RECORD}")
    return data


@overload
def decode(data: bytes, name: Literal["organisation"]) -> Organisation: ...
@overload
def decode(data: bytes, name: Literal["contacts"]) -> tuple[Contact, ...]: ...
@overload
def decode(data: bytes, name: Literal["services"]) -> tuple[Service, ...]: ...


def decode(
    data: bytes, name: RecordName
) -> Organisation | tuple[Contact, ...] | tuple[Service, ...]:
    """The bytes of a record as its struct. Raises ProtocolError for anything that is not one."""
    if len(data) > MAX_RECORD:
        raise ProtocolError("too-large", f"record: {len(data)} bytes, at most {MAX_RECORD}")
    plain = content.decode(data)
    if plain.get("form") != name:
        raise ProtocolError("wrong-value", f"record: not of the kind {name}")
    for problem in check(RECORDS[name], plain, for_writing=False):
        code = "wrong-type" if problem.code in ("wrong-type", "required") else "wrong-value"
        place = ".".join(str(part) for part in problem.path)
        raise ProtocolError(code, f"record: {place}: {problem.code}")
    try:
        match name:
            case "organisation":
                organisation: Organisation = convert(Organisation, plain)
                return organisation
            case "contacts":
                people: tuple[Contact, ...] = convert(tuple[Contact, ...], plain["people"])
                return people
            case "services":
                services: tuple[Service, ...] = convert(tuple[Service, ...], plain["services"])
                return services
    except msgspec.ValidationError as error:
        raise ProtocolError("wrong-type", f"record: {error}") from None


def profile(parts: Mapping[str, bytes]) -> Profile:
    """The profile from the bytes of its records; a record that is not there is empty. Raises
    ProtocolError, also when ``organisation`` is missing."""
    if "organisation" not in parts:
        raise ProtocolError("wrong-record", "record: a profile without its organisation")
    return Profile(
        decode(parts["organisation"], "organisation"),
        decode(parts["contacts"], "contacts") if "contacts" in parts else (),
        decode(parts["services"], "services") if "services" in parts else (),
    )


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


def _latin_beside(record: Mapping[str, Any], key: str, path: Path) -> Iterator[FormProblem]:
    if not _latin(record.get(key, "")) and not record.get(f"{key}_latin"):
        words = "Add it in Latin letters, for those who cannot read this script"
        yield FormProblem((*path, f"{key}_latin"), "required", words)


def _organisation(record: Mapping[str, Any]) -> list[FormProblem]:
    found = [*_latin_beside(record, "name", ()), *_latin_beside(record, "city", ())]
    found += _regions(record.get("region"), record.get("country"), ("region",))
    for place, row in enumerate(record.get("hours", ())):
        starts, ends = minutes(row.get("from")), minutes(row.get("to"))
        if starts is not None and ends is not None and ends <= starts:
            words = f"The end must be later than the start. You typed {row['from']} to {row['to']}"
            found.append(FormProblem(("hours", place, "to"), "end-before-start", words))
    for place, row in enumerate(record.get("holidays", ())):
        first, last = row.get("from", ""), row.get("to", "")
        if real_date(first) and real_date(last) and last < first:
            words = "The last day is before the first one"
            found.append(FormProblem(("holidays", place, "to"), "end-before-start", words))
    events = record.get("mass_events", {})
    if events.get("responds") and not events.get("duty_line"):
        words = "Enter the duty line for mass events"
        found.append(FormProblem(("mass_events", "duty_line"), "required", words))
    return found


def _regions(region: Any, country: Any, path: Path) -> Iterator[FormProblem]:
    if region and country and not str(region).startswith(f"{country}-"):
        yield FormProblem(path, "not-in-list", "Choose a region of that country")


def _contacts(record: Mapping[str, Any]) -> list[FormProblem]:
    found = []
    people = record.get("people", ())
    if people and not any(row.get("role") == "point-of-contact" for row in people):
        found.append(FormProblem(("people",), "required", "Enter the point of contact"))
    for place, row in enumerate(people):
        found += _latin_beside(row, "name", ("people", place))
    return found


def _services(record: Mapping[str, Any]) -> list[FormProblem]:
    found = []
    for place, row in enumerate(record.get("services", ())):
        path: Path = ("services", place)
        low, high = row.get("age_from", 0), row.get("age_to", 150)
        if isinstance(low, int) and isinstance(high, int) and low > high:
            words = "The oldest age is below the youngest"
            found.append(FormProblem((*path, "age_to"), "end-before-start", words))
        countries = row.get("lives_in", ())
        if any(str(region)[:2] not in countries for region in row.get("lives_in_regions", ())):
            words = "Name the country of each region among the countries of the area"
            found.append(FormProblem((*path, "lives_in_regions"), "not-in-list", words))
        area = row.get("lives_in") or row.get("harmed_in")
        if row.get("eligibility", "any-place") != "any-place" and not area:
            words = "Enter the area: where people must live, or have been harmed"
            found.append(FormProblem((*path, "lives_in"), "required", words))
    return found


_RULES: Final = {"organisation": _organisation, "contacts": _contacts, "services": _services}
