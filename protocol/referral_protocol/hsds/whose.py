"""Whose a service of a file is: a file of a directory holds those of many organisations.

Law: a service is ours if its organisation has our id or our name, or if it names none. Any other is
another's until a person says that it is ours; it is not read, only named.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from referral_protocol.hsds.terms import made_id


class Whose(NamedTuple):
    """Who reads a file: the id that we have in exports, and what we are called, folded."""

    id: str
    names: frozenset[str]


class Other(NamedTuple):
    """A service of another organisation, by their names."""

    service: str
    organisation: str


def ourselves(member: bytes, organisations: Iterable[Mapping[str, Any]]) -> Whose:
    """A member, with the names in its profile's organisation, as sent and as changed here."""
    names = (each.get(key) for each in organisations for key in ("name", "name_latin"))
    return Whose(organisation_id(member), frozenset(_folded(x) for x in names if x))


def organisation_id(member: bytes) -> str:
    """The id of a member as an ``organization``."""
    return made_id(member.hex(), "organization", "")


def other(service: Mapping[str, Any], us: Whose) -> Other | None:
    """The organisation that a service names, if it is another than ours."""
    said = service.get("organization")
    said = said if isinstance(said, Mapping) else {}
    names = [str(said[key]) for key in ("name", "alternate_name") if said.get(key)]
    number = str(said.get("id") or service.get("organization_id") or "")
    if not names and not number:
        return None
    if number == us.id or any(_folded(name) in us.names for name in names):
        return None
    return Other(str(service.get("name") or "?"), names[0] if names else f"organization {number}")


def _folded(name: Any) -> str:
    return " ".join(unicodedata.normalize("NFKC", str(name)).casefold().split())
