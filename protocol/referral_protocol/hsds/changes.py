"""What an import would change in a member's services.

Law: a service of the file is one that the member has if the ids agree, else if the names do. What
HSDS cannot say of a service that is there already, whether the member publishes it, stays as it is;
a new one is not published, for nobody chose that.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from referral_protocol.hsds.export import service_ids
from referral_protocol.profiles.model import Service

Plain = Mapping[str, Any]

KEPT: Final = ("publish",)
"""Fields that no file says."""


class Change(NamedTuple):
    """``kind``: new, changed, same, removed or kept (it is not in the file, and stays)."""

    kind: str
    name: str
    fields: tuple[str, ...] = ()


class Merged(NamedTuple):
    """The services as they would be, and what that changes."""

    services: tuple[dict[str, Any], ...]
    changes: tuple[Change, ...]

    @property
    def anything(self) -> bool:
        """Whether anything would be other than it is."""
        return any(each.kind in ("new", "changed", "removed") for each in self.changes)


def merged(
    member: bytes,
    held: Sequence[Plain],
    found: Sequence[Plain],
    ids: Sequence[str],
    *,
    replace: bool = False,
) -> Merged:
    """``found`` with their ids in the file, put into what is held. ``replace``: what is not in the
    file goes; without it, it stays where it is and new ones follow."""
    match = _match(member, held, found, ids)
    services: list[dict[str, Any]] = []
    changes: list[Change] = []
    for place, old in enumerate(held):
        if place in match:
            new = dict(found[match[place]]) | {key: old[key] for key in KEPT if key in old}
            fields = tuple(
                key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)
            )
            services.append(new)
            changes.append(Change("changed" if fields else "same", new.get("name", ""), fields))
        elif replace:
            changes.append(Change("removed", old.get("name", "")))
        else:
            services.append(dict(old))
            changes.append(Change("kept", old.get("name", "")))
    for number, each in enumerate(found):
        if number not in match.values():
            services.append(dict(each))
            changes.append(Change("new", each.get("name", "")))
    return Merged(tuple(services), tuple(changes))


def _match(
    member: bytes, held: Sequence[Plain], found: Sequence[Plain], ids: Sequence[str]
) -> dict[int, int]:
    """Place in ``held`` to place in ``found``."""
    names = service_ids(member, [msgspec.convert(each, Service) for each in held])
    by_id = {name: number for number, name in enumerate(ids) if name}
    match = {place: by_id[name] for place, name in enumerate(names) if name in by_id}
    for place, old in enumerate(held):
        if place in match:
            continue
        same = (n for n, new in enumerate(found) if new.get("name") == old.get("name"))
        number = next((n for n in same if n not in match.values()), None)
        if number is not None:
            match[place] = number
    return match
