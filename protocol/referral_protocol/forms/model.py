"""What a form is made of. The tables built from these are the only source of what a body says.

Law: validation, FORMS.md, the page that asks and the page that reads all walk the same table. A
field has one kind; a kind has one form on the wire and one limit, in characters (Unicode code
points), bytes or items.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Kinds of field. The comment gives the value on the wire."""

    LINE = "line"  # str, no line break
    TEXT = "text"  # str, "\n" between lines
    CODE = "code"  # str of the list `codes`
    CODES = "codes"  # array of distinct str of the list `codes`
    DATE = "date"  # "YYYY-MM-DD", years 1900 to 2199
    TIME = "time"  # "HH:MM", 00:00 to 23:59
    END_TIME = "end time"  # "HH:MM", 00:01 to 24:00
    INSTANT = "instant"  # int, milliseconds UTC
    ZONE = "zone"  # IANA time zone name
    TELEPHONE = "telephone"  # "+31 30 000 01 42"
    HELPLINE = "helpline"  # telephone, or a national short number "116 006"
    E_MAIL = "e-mail"
    WEB = "web address"  # "https://..."
    COUNTRY = "country"
    COUNTRIES = "countries"
    REGION = "region"
    REGIONS = "regions"
    LANGUAGE = "language"
    LANGUAGES = "languages"
    BOOLEAN = "boolean"
    NUMBER = "number"  # int, 0 to max
    HASH = "hash"  # bin, 32 bytes
    MEMBER = "member"  # bin, 16 bytes
    BYTES = "bytes"  # bin, 1 to max bytes
    GROUP = "group"  # map
    GROUPS = "groups"  # array of maps, 1 to max


DEFAULT_MAX: Final = {
    Kind.LINE: 200,
    Kind.TEXT: 4_000,
    Kind.CODES: 32,
    Kind.ZONE: 64,
    Kind.TELEPHONE: 24,
    Kind.HELPLINE: 24,
    Kind.E_MAIL: 254,
    Kind.WEB: 300,
    Kind.COUNTRIES: 60,
    Kind.REGIONS: 60,
    Kind.LANGUAGES: 40,
    Kind.NUMBER: 1_000_000,
    Kind.GROUPS: 20,
}

MANY: Final = frozenset({Kind.CODES, Kind.COUNTRIES, Kind.REGIONS, Kind.LANGUAGES, Kind.GROUPS})
"""Kinds whose value is an array: an absent one is absent, never empty."""


@dataclass(frozen=True)
class Field:
    """One value. ``missing`` are the page's words when a required one is absent. ``head`` marks a
    value that the page asks for here but that travels in the statement's head, never in a body."""

    key: str
    kind: Kind
    label: str
    hint: str = ""
    required: bool = False
    max: int = 0
    codes: str = ""
    fields: tuple["Field", ...] = ()
    missing: str = ""
    head: bool = False

    def __post_init__(self) -> None:
        if not self.max:
            object.__setattr__(self, "max", DEFAULT_MAX.get(self.kind, 0))

    def field(self, key: str) -> "Field":
        """The field of that key inside a group (KeyError without one)."""
        return _find(self.fields, key)

    def must(self, missing: str = "") -> "Field":
        """The same field, required; ``missing`` are the words when it is not there."""
        return replace(self, required=True, missing=missing)


@dataclass(frozen=True)
class Section:
    """A part of a form with a page of its own: a map under the key ``code``."""

    code: str
    title: str
    question: str
    fields: tuple[Field, ...]
    required: bool = True
    hint: str = ""

    def field(self, key: str) -> Field:
        """The field of that key (KeyError without one)."""
        return _find(self.fields, key)

    def as_field(self) -> Field:
        """The section as what it is on the wire: a group."""
        return Field(
            self.code,
            Kind.GROUP,
            self.title,
            required=self.required,
            fields=self.fields,
            missing=f"Nothing is filled in yet: {self.title}",
        )


@dataclass(frozen=True)
class Form:
    """What one body says. ``authored`` forms name who wrote them and in which language.
    ``rules`` are the sentences of FORMS.md for what no single field can say."""

    code: str
    title: str
    fields: tuple[Field, ...] = ()
    sections: tuple[Section, ...] = ()
    authored: bool = True
    public: bool = False
    rules: tuple[str, ...] = ()

    def section(self, code: str) -> Section:
        """The section of that code (KeyError without one)."""
        for section in self.sections:
            if section.code == code:
                return section
        raise KeyError(code)

    def all_fields(self) -> tuple[Field, ...]:
        """The keys of the whole map: common ones, own ones, sections."""
        common = (FORM_FIELD, AUTHOR, LANGUAGE) if self.authored else (FORM_FIELD,)
        return (*common, *self.fields, *(section.as_field() for section in self.sections))

    def walk(self) -> Iterator[tuple[tuple[str, ...], Field]]:
        """Every field with its path, groups before what is in them."""
        yield from _walk(self.all_fields(), ())


def _walk(
    fields: tuple[Field, ...], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Field]]:
    for field in fields:
        yield (*path, field.key), field
        yield from _walk(field.fields, (*path, field.key))


def _find(fields: tuple[Field, ...], key: str) -> Field:
    for field in fields:
        if field.key == key:
            return field
    raise KeyError(key)


def line(key: str, label: str, max: int = 0, hint: str = "") -> Field:
    return Field(key, Kind.LINE, label, hint, max=max)


def text(key: str, label: str, max: int = 0, hint: str = "") -> Field:
    return Field(key, Kind.TEXT, label, hint, max=max)


def code(key: str, label: str, codes: str, hint: str = "") -> Field:
    return Field(key, Kind.CODE, label, hint, codes=codes)


def codes(key: str, label: str, codes: str, hint: str = "", max: int = 0) -> Field:
    return Field(key, Kind.CODES, label, hint, codes=codes, max=max)


def answer(key: str, label: str, hint: str = "") -> Field:
    """Yes, no or not known."""
    return Field(key, Kind.CODE, label, hint, codes="answers")


def group(key: str, label: str, *fields: Field, hint: str = "") -> Field:
    return Field(key, Kind.GROUP, label, hint, fields=fields)


def groups(key: str, label: str, *fields: Field, max: int = 0, hint: str = "") -> Field:
    return Field(key, Kind.GROUPS, label, hint, fields=fields, max=max)


FORM_FIELD: Final = line("form", "Form", 32).must()
AUTHOR: Final = group(
    "author",
    "Written by",
    line("name", "Name", 120).must("Say who writes this"),
    line("role", "Role", 120),
).must("Say who writes this")
LANGUAGE: Final = Field(
    "language",
    Kind.LANGUAGE,
    "Language of what is written here",
    required=True,
    missing="Choose the language that you write in",
)
SECTION_LANGUAGE: Final = Field(
    "language",
    Kind.LANGUAGE,
    "Language of what is written in this part",
    "Only when it is not the language of the rest",
)
