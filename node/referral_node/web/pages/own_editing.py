"""One page of our own profile: drawn from its table, read back, checked by the profile's own rules.

Law: what is wrong is said at its input and nothing of the page is kept then but what stands on it;
what is right is kept on this node, and no other node sees it before somebody sends it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from referral_node.exchange.directory.own_profile import Mine, StaleProfile, Values, tidied
from referral_node.web import zones
from referral_node.web.form_binding import (
    Bound,
    InputError,
    Typed,
    add_row,
    as_form,
    compacted,
    from_data,
)
from referral_node.web.pages.layout import Ask, Rows, Side, lists_of
from referral_node.web.pages.profile_parts import Part
from referral_node.web.pages.step_view import About, order, views
from referral_node.web.profile_typing import inputs, read
from referral_node.web.visit import STALE, Posted, Visit
from referral_protocol import codes, profiles
from referral_protocol.errors import ProtocolError
from referral_ui.parts import Choice, ChoiceGroup

MOST: Final = 60_000
"""Characters of one page: more than any part of a profile may hold."""
OTHER_WINDOW: Final = (
    "Your profile was changed in another window, so this page was not saved. What you typed stands"
    " below. Look whether it is still right, then save again to put it in place of what is there"
)
TOO_LONG: Final = "This is too long to be kept. It stands below as you typed it: shorten it"


@dataclass(frozen=True)
class Place:
    """Where a page's values stand in the profile: a key, and for a list the row."""

    record: str
    row: int | None = None

    @property
    def path(self) -> tuple[str | int, ...]:
        return (self.record,) if self.row is None else (self.record, self.row)

    def values(self, whole: Mapping[str, Any]) -> dict[str, Any]:
        """What stands there; {} for a new row."""
        if self.row is None:
            return dict(whole.get(self.record, {}))
        rows = whole.get(self.record, [])
        return dict(rows[self.row]) if self.row < len(rows) else {}

    def put(self, whole: Mapping[str, Any], part: Part, values: Mapping[str, Any]) -> Values:
        """The profile with this page's values in it."""
        keys = {each.key for each in part.fields}
        kept = {key: value for key, value in self.values(whole).items() if key not in keys}
        merged = {**kept, **values}
        if self.row is None:
            return {**whole, self.record: merged}
        rows = list(whole.get(self.record, []))
        return {**whole, self.record: [*rows[: self.row], merged, *rows[self.row + 1 :]]}


@dataclass(frozen=True)
class Edited:
    """What a page's form said. ``values``: the whole profile with it, None when it is wrong."""

    typed: dict[str, list[str]]
    errors: tuple[InputError, ...] = ()
    refused: str = ""
    values: Values | None = None


@dataclass(frozen=True)
class Frame:
    """What surrounds the inputs: the address, where back leads, the heading, a caption."""

    action: str
    back: str
    back_text: str
    title: str
    caption: str = ""
    save: str = "Save"


def stored(part: Part, place: Place, mine: Mine) -> dict[str, list[str]]:
    """What the page's inputs hold now."""
    return inputs(part.fields, place.values(mine.values))


async def understood(visit: Visit, posted: Posted, part: Part, place: Place, mine: Mine) -> Edited:
    """Read the form and check it. An added or removed row is neither right nor wrong."""
    data = from_data(posted.data)
    do = posted.data.get("do", "save")
    names = {each.key for each in part.fields}
    typed = {name: given for name, given in data.items() if name.split(".")[0] in names}
    if sum(len(value) for given in typed.values() for value in given) > MOST:
        return Edited(typed, refused=TOO_LONG)
    if posted.stale:
        return Edited(typed, refused=STALE)
    if do.startswith(("add:", "remove:")):
        return Edited(_rows(part, typed, do))
    bound = read(part.fields, typed, visit.here)
    whole = place.put(mine.values, part, bound.values)
    errors = (*bound.errors, *_wrong(part, place, bound, whole))
    if errors:
        return Edited(typed, errors)
    if posted.data.get("seen") != str(mine.version):
        return Edited(typed, refused=OTHER_WINDOW)
    try:
        return Edited(typed, values=tidied(whole))
    except ProtocolError:
        return Edited(typed, refused=TOO_LONG)


async def keep(visit: Visit, values: Values, seen: int) -> Mine:
    """Keep it on this node. StaleProfile."""
    return await visit.exchange.own_profile.save(visit.vault, visit.actor, values, seen)


def page(
    visit: Visit, part: Part, frame: Frame, edited: Edited, mine: Mine, *, status: int = 200
) -> web.Response:
    """The page with its inputs."""
    country = _country(edited.typed, mine)
    about = About(
        lists=_lists(visit, country),
        wrong=frozenset(error.name for error in edited.errors),
    )
    drawn = views(part.step, edited.typed, about)
    form = as_form(order(drawn), edited.typed, edited.errors)
    if edited.refused:
        form.wrong_because("", edited.refused)
    return visit.page(
        "own-part.html",
        status=status,
        edit=frame,
        intro=part.intro,
        views=drawn,
        form=form,
        seen=mine.version,
    )


def _rows(part: Part, typed: Typed, do: str) -> dict[str, list[str]]:
    lists = {rows.key: rows for rows in lists_of(part.blocks)}
    does, _, what = do.partition(":")
    if does == "remove":
        return compacted(typed, lists, without=what)
    kept = compacted(typed, lists)
    return add_row(kept, what, _first_key(lists[what]))[0] if what in lists else kept


def _first_key(rows: Rows) -> str:
    for block in rows.blocks:
        match block:
            case Ask(key):
                return key
            case Side(asks):
                return asks[0].key
            case _:
                continue
    return ""


def _wrong(part: Part, place: Place, bound: Bound, whole: Values) -> Sequence[InputError]:
    """What the profile's rules say of this page; what stands elsewhere is said elsewhere."""
    unread = {error.name for error in bound.errors}
    if not bound.values:
        found = [
            InputError(bound.name_of((each.key,)), each.missing, bound.name_of((each.key,)))
            for each in part.fields
            if each.required
        ]
        return [each for each in found if each.name not in unread]
    keys = {each.key for each in part.fields}
    depth = len(place.path)
    errors = []
    for problem in profiles.validate(whole):
        inside = problem.path[depth:]
        if problem.path[:depth] != place.path or not inside or inside[0] not in keys:
            continue
        name = bound.name_of(inside)
        if name not in unread:
            errors.append(InputError(name, problem.words, name))
    return errors


def _country(typed: Typed, mine: Mine) -> str:
    given = next(iter(typed.get("country", ())), "")
    return given or str(mine.values.get("organisation", {}).get("country", ""))


def _lists(visit: Visit, country: str) -> dict[str, tuple[Choice | ChoiceGroup, ...]]:
    near = [Choice(zone, zones.town_of(zone)) for zone in zones.zones_of(country)]
    here = visit.here.zone
    if here not in {choice.code for choice in near}:
        near.append(Choice(here, zones.town_of(here)))
    named = {choice.code for choice in near}
    rest = tuple(
        Choice(zone, f"{zones.town_of(zone)} ({zone})")
        for zone in zones.every_zone()
        if zone not in named
    )
    groups = codes.listed("victim-groups")
    return {
        "yes-no": (Choice("yes", "Yes"), Choice("no", "No")),
        "zones": (*near, ChoiceGroup("Elsewhere", rest)),
        "victim-groups": tuple(Choice(code, groups.label(code)) for code in groups),
    }


__all__ = [
    "Edited",
    "Frame",
    "Place",
    "StaleProfile",
    "keep",
    "page",
    "stored",
    "understood",
]
