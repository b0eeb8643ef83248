"""A member's services out of HSDS: JSON, or the CSV files of a data package.

Law: nothing is guessed. A term of a taxonomy that is not ours is listed, and the file is not taken
until a person has said what each of them means here, or that it is left out. A problem names the
row and the field in the file. What the file says and a profile has no place for is listed too; and
so are services of other organisations, which are left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from referral_protocol import profiles
from referral_protocol.errors import ProtocolError
from referral_protocol.forms.drafts import tidy
from referral_protocol.hsds import tabular
from referral_protocol.hsds.export import services as exported
from referral_protocol.hsds.tables import TABLES
from referral_protocol.hsds.terms import FIELDS, FIGURES, PREFIX, Term, known, label, named, ours
from referral_protocol.hsds.whose import Other, Whose, other
from referral_protocol.profiles.model import Organisation, Profile, Service

MAX_FILE: Final = 16 * 1024 * 1024
MAX_NAME: Final = 200
LEFT_OUT: Final = "-"
"""What a person maps a term to that has no meaning here."""

COLUMNS: Final = {
    "name": "name",
    "name_english": "alternate_name",
    "about": "description",
    "how_to_reach": "application_process",
    "cost_note": "fees_description",
    "age_from": "minimum_age",
    "age_to": "maximum_age",
}
"""Fields of a profile's service, and the column of HSDS that each is."""
NUMBERS: Final = frozenset({"age_from", "age_to", "children_up_to", "wait_days", "answer_days"})
LISTS: Final = frozenset(
    {
        *("needs", "forms", "served", "interpreter_languages", "accessibility"),
        *("lives_in", "lives_in_regions", "harmed_in"),
    }
)
MAPPED: Final = frozenset({"needs", "forms"})
"""Fields that every service has, and that terms of other taxonomies mostly are about."""
_READ: Final = frozenset(
    {
        *("id", "organization", "organization_id", "status", "languages", "attributes"),
        *("service_areas", "service_at_locations", "required_documents", tabular.LINE),
    }
)
_COLUMNS: Final = frozenset(
    (
        *(column.name for column in TABLES["service"].columns),
        *(link.key for link in TABLES["service"].links),
        tabular.LINE,
    )
)
"""What HSDS knows of a service."""
_MADE: Final = frozenset({"assured_date", "phones", "schedules"})
"""Of a service, made at each export from what the organisation says."""


class Problem(NamedTuple):
    """What keeps the file from being taken: where, in which field of it, in plain words."""

    place: str
    field: str
    words: str


class Unknown(NamedTuple):
    """A term that only a person can map, and where it stands."""

    name: str
    places: tuple[str, ...]


class Reading(NamedTuple):
    """What a file says. It may be taken if there are neither problems nor unknown terms."""

    services: tuple[dict[str, Any], ...]
    """In the shape of PROFILE.toml."""
    ids: tuple[str, ...]
    problems: tuple[Problem, ...]
    unknown: tuple[Unknown, ...]
    ignored: tuple[str, ...]
    """Columns and tables that say something for which a profile has no place."""
    others: tuple[Other, ...] = ()
    """Services of other organisations, left out."""

    @property
    def good(self) -> bool:
        """Whether all rows are right."""
        return not self.problems and not self.unknown


def read_json(
    data: bytes, *, language: str = "", mapping: Mapping[str, str] = {}, us: Whose | None = None
) -> Reading:
    """Read services, a list of them, or a page as HSDS's API answers.

    ``language``: of names and texts, where the file does not say it; ``mapping``: what foreign
    terms are, by name: ``field:code`` or "-"; ``us``: whose services are read; None: a person says
    that all are ours. ProtocolError if it is no such file.
    """
    if len(data) > MAX_FILE:
        raise ProtocolError("too-large", f"file: at most {MAX_FILE} bytes")
    numbered = ((f"service {number}", each) for number, each in enumerate(_listed(data), 1))
    return _read(numbered, language, mapping, us)


def read_tables(
    files: Mapping[str, str],
    *,
    language: str = "",
    mapping: Mapping[str, str] = {},
    us: Whose | None = None,
) -> Reading:
    """The same from CSV files by name, of which ``services.csv`` must be there."""
    return _read(_lines(files), language, mapping, us)


def _read(
    documents: Iterable[tuple[str, Mapping[str, Any]]],
    language: str,
    mapping: Mapping[str, str],
    us: Whose | None,
) -> Reading:
    reader = _Reader(language, mapping)
    for place, document in documents:
        another = None if us is None else other(document, us)
        if another is None:
            reader.service(place, document)
        else:
            reader.others.append(another)
    return reader.done()


def _lines(files: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for document in tabular.nested(files):
        yield f"services.csv, line {document[tabular.LINE]}", document


def _listed(data: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise ProtocolError("wrong-type", "file: not JSON") from None
    if isinstance(found, Mapping):
        found = next(
            (found[key] for key in ("contents", "services", "service") if key in found), [found]
        )
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise ProtocolError("wrong-type", "file: not a list of HSDS services")
    if len(found) > tabular.MAX_SERVICES:
        raise ProtocolError("too-large", f"file: at most {tabular.MAX_SERVICES} services")
    return found


class _Reader:
    """Collects services, problems and unknown terms over all rows."""

    def __init__(self, language: str, mapping: Mapping[str, str]) -> None:
        self._language = language
        self._mapping = mapping
        self._places: list[str] = []
        self._services: list[dict[str, Any]] = []
        self._ids: list[str] = []
        self._problems: list[Problem] = []
        self._unknown: dict[str, list[str]] = {}
        self._ignored: dict[str, None] = {}
        self._place = ""
        self.others: list[Other] = []

    def done(self) -> Reading:
        asked = {place for places in self._unknown.values() for place in places}
        for found in profiles.validate({"services": self._services}):
            if found.path[0] == "services" and len(found.path) > 1:
                field = str(found.path[2]) if len(found.path) > 2 else ""
                where = self._places[int(found.path[1])]
                if field in MAPPED and where in asked:
                    continue  # what is asked about may be just that
                if not any(each[:2] == (where, _column(field)) for each in self._problems):
                    self._problems.append(Problem(where, _column(field), _how(field, found.words)))
        if not self._services:
            words = "There is no service in it"
            if self.others:
                names = ", ".join(dict.fromkeys(each.organisation for each in self.others[:3]))
                words = f"No service in it is yours by its organisation’s name: they are of {names}"
            self._problems.append(Problem("file", "", words))
        rows = {place: row for row, place in enumerate(self._places)}
        return Reading(
            tuple(self._services),
            tuple(self._ids),
            tuple(sorted(self._problems, key=lambda each: rows.get(each.place, -1))),
            tuple(Unknown(name, tuple(places)) for name, places in self._unknown.items()),
            tuple(self._ignored),
            tuple(self.others),
        )

    def service(self, place: str, document: Mapping[str, Any]) -> None:
        self._place = place
        plain: dict[str, Any] = {}
        for field, column in COLUMNS.items():
            self._set(plain, field, column, document.get(column))
        if document.get("status") != "active":
            self._problem("status", "Only an active service is read: leave the others out")
        self._attributes(plain, _objects(document, "attributes"))
        for each in _objects(document, "languages"):
            self._language_of(plain, each)
        for each in _objects(document, "service_areas"):
            self._described(plain, each, "area", each.get("name"))
        for each in _objects(document, "service_at_locations"):
            location = each.get("location")
            for inside in _objects(location if isinstance(location, Mapping) else {}, _ACCESS):
                self._described(plain, inside, _ACCESS, inside.get("description"))
        papers = [str(x["document"]) for x in _objects(document, "required_documents", "document")]
        if papers:
            plain["documents"] = "; ".join(papers)
        if self._language:
            plain.setdefault("language", self._language)
        if plain.get("cost_note") == (plain.get("cost") and label(Term("costs", plain["cost"]))):
            plain.pop("cost_note", None)  # the words that stand for the code
        service = tidy(plain)
        self._places.append(place)
        self._services.append(service)
        self._ids.append(str(document.get("id", "")))
        self._note(document, service)

    def _problem(self, column: str, words: str) -> None:
        self._problems.append(Problem(self._place, column, words))

    def _set(self, plain: dict[str, Any], field: str, column: str, value: Any) -> None:
        """A field's value, of the type that the profile has."""
        if value is None or value == "":
            return
        if field in NUMBERS:
            number = _whole(value)
            if number is None:
                self._problem(column, f"Write a whole number. You wrote {_short(value)}")
            else:
                plain[field] = number
        elif isinstance(value, str):
            plain[field] = value
        else:
            self._problem(column, f"Write a text. You wrote {_short(value)}")

    def _attributes(self, plain: dict[str, Any], found: Iterable[Mapping[str, Any]]) -> None:
        for each in found:
            term = each.get("taxonomy_term")
            if not isinstance(term, Mapping):
                self._problem("attributes", "An attribute without its taxonomy term")
                continue
            said, kind = ours(term), each.get("link_type")
            fits = said is not None and FIELDS.get(str(kind)) == said.taxonomy and known(said)
            if fits and said is not None:
                self._put(plain, str(kind), said.code, each.get("value"))
            else:
                self._foreign(plain, named(term), each.get("value"))

    def _put(self, plain: dict[str, Any], field: str, code: str, value: Any) -> None:
        if code in FIGURES and FIELDS[field] == "figures":
            self._set(plain, field, field, value)
        elif field in LISTS:
            plain.setdefault(field, [])
            if code not in plain[field]:
                plain[field].append(code)
        else:
            plain[field] = code
            if field == "capacity":
                self._set(plain, "capacity_note", "attributes", value)

    def _foreign(self, plain: dict[str, Any], name: str, value: Any = None) -> None:
        """A term that is not ours: as a person mapped it, or one more to map."""
        name = " ".join(name.split())[:MAX_NAME]  # as it comes back from a form or a file
        target = self._mapping.get(name)
        if target is None:
            places = self._unknown.setdefault(name, [])
            if self._place not in places:
                places.append(self._place)
        elif target != LEFT_OUT:
            field, _, code = target.partition(":")
            if field == "languages" and known(Term("languages", code)):
                plain.setdefault("languages", []).append(code)
            elif field in FIELDS and known(Term(FIELDS[field], code)):
                self._put(plain, field, code, value)
            else:
                self._problem(name, f"is mapped to {_short(target)}, which is no field and code")

    def _language_of(self, plain: dict[str, Any], found: Mapping[str, Any]) -> None:
        code = found.get("code")
        if isinstance(code, str) and known(Term("languages", code)):
            plain.setdefault("languages", [])
            if code not in plain["languages"]:
                plain["languages"].append(code)
        else:
            self._foreign(plain, f"language/{code or found.get('name') or '?'}")

    def _described(
        self, plain: dict[str, Any], found: Mapping[str, Any], kind: str, words: Any
    ) -> None:
        """What we write with a code beside its words; words alone are for a person to map."""
        codes = _objects(found, "attributes")
        if codes:
            self._attributes(plain, codes)
        else:
            self._foreign(plain, f"{kind}/{words or '?'}")

    def _note(self, document: Mapping[str, Any], service: dict[str, Any]) -> None:
        """What a later export would not say again, and columns that HSDS does not have."""
        for column in document:
            if column not in _COLUMNS and document[column] not in ("", None, []):
                self._ignored[column] = None
        try:
            again = _again(service)
        except (msgspec.ValidationError, ProtocolError):
            return  # a problem of this row, told elsewhere
        for column, value in document.items():
            if column in _READ or value in ("", None, []):
                continue
            same = str(value) == str(again.get(column, ""))
            if not same and column not in _MADE:
                self._ignored[column] = None


_ACCESS: Final = "accessibility"


def _again(service: dict[str, Any]) -> dict[str, Any]:
    typed = msgspec.convert(service, Service, strict=True)
    return exported(b"", Profile(Organisation("x", "en", "", "", ""), (), (typed,)))[0]


def _objects(found: Mapping[str, Any], key: str, *columns: str) -> list[Mapping[str, Any]]:
    """The objects of an array that have these columns; whatever else stands there is nothing."""
    inner = found.get(key)
    if not isinstance(inner, list):
        return []
    objects = [each for each in inner if isinstance(each, Mapping)]
    return [each for each in objects if all(each.get(column) for column in columns)]


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    text = str(value).strip().removesuffix(".0") if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _column(field: str) -> str:
    return COLUMNS.get(field, field)


def _how(field: str, words: str) -> str:
    """What is wrong with a field that no column is, and where a file says it."""
    if field not in FIELDS or field in COLUMNS:
        return words
    return f"{words}: an attribute with a term of {PREFIX}{FIELDS[field]}"


def _short(value: Any) -> str:
    text = str(value)
    return f"“{text}”" if len(text) <= 40 else f"“{text[:40]}…”"
