"""Our services and our people in the directory: one page for each, added, changed, taken away.

Law: a row is known by its place, and the place by the version that the page showed: a list that
changed in the meantime is never changed by a page that is older. Nothing leaves this node from
here, but the capacity of a service, which is sent at once: it is one click and says one word.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from referral_node.exchange.directory.own_profile import Mine, Values
from referral_node.web.pages import own_editing, own_profile
from referral_node.web.pages.own_editing import Edited, Frame, Place, StaleProfile
from referral_node.web.pages.own_profile import SAVED
from referral_node.web.pages.profile_parts import CONTACT, CONTACTS, SERVICE, SERVICES, Part
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Visit
from referral_protocol import codes
from referral_ui import numbers
from referral_ui.parts import Text

CHANGED_MEANWHILE: Final = (
    "Your profile was changed in the meantime, so nothing was done. Look again."
)


@dataclass(frozen=True)
class List:
    """One of the two lists. ``one``: what a row is called; ``least``: how many must stay."""

    record: str
    part: Part
    title: str
    one: str
    add: str
    new: str
    most: int
    least: int

    @property
    def base(self) -> str:
        return f"/settings/{self.record}"


SERVICES_LIST: Final = List(
    SERVICES.key,
    SERVICE,
    "Our services",
    "service",
    "Add a service",
    "A new service",
    SERVICES.max,
    1,
)
CONTACTS_LIST: Final = List(
    CONTACTS.key,
    CONTACT,
    "Our point of contact",
    "person",
    "Add a person",
    "A new person",
    CONTACTS.max,
    1,
)


@dataclass(frozen=True)
class Row:
    """One row of the overview."""

    number: int
    name: str
    detail: str
    capacity: str = ""
    stated: Text = ""
    first: bool = False
    role: str = ""


def pages_of(listed: List) -> list[Route]:
    """The pages of one list."""

    async def show(visit: Visit) -> web.StreamResponse:
        mine = await visit.exchange.own_profile.load(visit.vault)
        return visit.page(
            "own-rows.html",
            listed=listed,
            rows=rows_of(visit, listed, mine.values),
            changed=bool(mine.changed) and bool(mine.version),
            joined=own_profile.joined(visit),
            seen=mine.version,
            people=await _keyholders(visit) if listed is CONTACTS_LIST else (),
        )

    async def ask(visit: Visit) -> web.StreamResponse:
        mine = await visit.exchange.own_profile.load(visit.vault)
        place = _place(visit, listed, mine)
        typed = own_editing.stored(listed.part, place, mine)
        if listed is CONTACTS_LIST and not mine.values.get(CONTACTS.key):
            typed = {"role": ["point-of-contact"], "name": [visit.actor.display]}
        frame = _frame(listed, place, mine)
        return own_editing.page(visit, listed.part, frame, Edited(typed), mine)

    async def save(visit: Visit) -> web.StreamResponse:
        posted = await visit.posted()
        mine = await visit.exchange.own_profile.load(visit.vault)
        place = _place(visit, listed, mine)
        frame = _frame(listed, place, mine)
        edited = await own_editing.understood(visit, posted, listed.part, place, mine)
        values = edited.values
        if values is None:
            status = 422 if edited.errors or edited.refused else 200
            return own_editing.page(visit, listed.part, frame, edited, mine, status=status)

        async def work() -> str:
            await own_editing.keep(visit, values, mine.version)
            visit.tell(SAVED)
            return listed.base

        try:
            return await visit.once(posted, work)
        except StaleProfile:
            stale = Edited(edited.typed, refused=own_editing.OTHER_WINDOW)
            return own_editing.page(visit, listed.part, frame, stale, mine, status=409)

    async def ask_remove(visit: Visit) -> web.StreamResponse:
        mine = await visit.exchange.own_profile.load(visit.vault)
        place = _known(visit, listed, mine)
        return visit.page(
            "own-remove.html",
            listed=listed,
            name=str(place.values(mine.values).get("name", "")),
            last=len(mine.values[listed.record]) <= listed.least,
            action=f"{listed.base}/{place.row}/remove",
            seen=mine.version,
        )

    async def remove(visit: Visit) -> web.StreamResponse:
        def without(values: Values, place: Place) -> Values:
            rows = list(values[listed.record])
            del rows[place.row or 0]
            return {**values, listed.record: rows}

        return await _changed(visit, listed, without, "Taken away here. " + SAVED)

    routes = [
        get(listed.base, show),
        get(f"{listed.base}/new", ask),
        post(f"{listed.base}/new", save),
        get(listed.base + "/{row:[0-9]{1,3}}", ask),
        post(listed.base + "/{row:[0-9]{1,3}}", save),
        get(listed.base + "/{row:[0-9]{1,3}}/remove", ask_remove),
        post(listed.base + "/{row:[0-9]{1,3}}/remove", remove),
    ]
    if listed is CONTACTS_LIST:
        routes.append(post(listed.base + "/{row:[0-9]{1,3}}/first", _first))
    return routes


async def _first(visit: Visit) -> web.StreamResponse:
    """This person becomes the point of contact; whoever was it becomes a deputy."""

    def swapped(values: Values, place: Place) -> Values:
        rows = [
            {**row, "role": "point-of-contact" if number == place.row else "deputy"}
            for number, row in enumerate(values[CONTACTS.key])
        ]
        # The first of the list is whom others see first.
        rows.sort(key=lambda row: row["role"] != "point-of-contact")
        return {**values, CONTACTS.key: rows}

    return await _changed(visit, CONTACTS_LIST, swapped, SAVED)


async def _changed(
    visit: Visit, listed: List, change: Callable[[Values, Place], Values], told: str
) -> web.StreamResponse:
    """Change the list if it is still the one that the page showed."""
    posted = await visit.posted()
    mine = await visit.exchange.own_profile.load(visit.vault)
    place = _known(visit, listed, mine)
    if posted.stale or posted.data.get("seen") != str(mine.version):
        visit.tell(CHANGED_MEANWHILE)
        return visit.go(listed.base)
    values = change(mine.values, place)
    if len(values[listed.record]) < listed.least:
        visit.tell(f"The last {listed.one} stays: change it instead.")
        return visit.go(listed.base)

    async def work() -> str:
        try:
            await own_editing.keep(visit, values, mine.version)
            visit.tell(told)
        except StaleProfile:
            visit.tell(CHANGED_MEANWHILE)
        return listed.base

    return await visit.once(posted, work)


# Capacity, in two clicks.


async def ask_capacity(visit: Visit) -> web.StreamResponse:
    """Four buttons."""
    mine = await visit.exchange.own_profile.load(visit.vault)
    place = _known(visit, SERVICES_LIST, mine)
    said = place.values(mine.values)
    listed = codes.listed("capacities")
    return visit.page(
        "own-capacity.html",
        name=str(said.get("name", "")),
        row=_row(visit, place.row or 0, said),
        choices=[(code, listed.label(code)) for code in listed],
        chosen=said.get("capacity", ""),
        action=f"{SERVICES_LIST.base}/{place.row}/capacity",
        seen=mine.version,
    )


async def set_capacity(visit: Visit) -> web.StreamResponse:
    """One of them: it is what the directory says from now on."""
    posted = await visit.posted()
    mine = await visit.exchange.own_profile.load(visit.vault)
    place = _known(visit, SERVICES_LIST, mine)
    chosen = posted.data.get("capacity")
    if posted.stale or posted.data.get("seen") != str(mine.version):
        visit.tell(CHANGED_MEANWHILE)
        return visit.go(SERVICES_LIST.base)
    if chosen not in codes.listed("capacities"):
        raise web.HTTPBadRequest
    said = place.values(mine.values)
    name = str(said.get("name", ""))

    async def work() -> str:
        await _state_capacity(visit, mine, place, chosen)
        what = codes.label("capacities", chosen).lower()
        visit.tell(f"{name}: {what}. {await _sent(visit, mine, said, chosen)}")
        return SERVICES_LIST.base

    return await visit.once(posted, work)


async def _state_capacity(visit: Visit, mine: Mine, place: Place, chosen: str) -> None:
    """Keep it here first: whatever happens on the way, the click is not lost."""
    rows = list(mine.values[SERVICES.key])
    rows[place.row or 0] = _with(visit, rows[place.row or 0], chosen)
    try:
        await own_editing.keep(visit, {**mine.values, SERVICES.key: rows}, mine.version)
    except StaleProfile:
        raise web.HTTPConflict from None


async def _sent(visit: Visit, mine: Mine, said: dict[str, Any], chosen: str) -> str:
    """Send this one word; what else was changed here stays here."""
    published = [dict(row) for row in mine.sent.get(SERVICES.key, ())]
    known = [row for row in published if row.get("name") == said.get("name")]
    if not known:
        return own_profile.SAVED
    published[published.index(known[0])] = _with(visit, known[0], chosen)
    values = {**mine.sent, SERVICES.key: published}
    told = await own_profile.sent(visit, values)
    await visit.exchange.own_profile.tidy(visit.vault)
    return told


def _with(visit: Visit, row: dict[str, Any], chosen: str) -> dict[str, Any]:
    """The service with this capacity as of today; words about another state would be wrong now."""
    kept = dict(row)
    if row.get("capacity") != chosen:
        kept.pop("capacity_note", None)
        kept.pop("wait_days", None)
    return kept | {"capacity": chosen, "capacity_on": own_profile.today(visit).isoformat()}


def rows_of(visit: Visit, listed: List, values: Values) -> list[Row]:
    """The rows of a list's overview."""
    return [_row(visit, number, row) for number, row in enumerate(values.get(listed.record, ()))]


def _row(visit: Visit, number: int, row: dict[str, Any]) -> Row:
    name = str(row.get("name", ""))
    if "role" in row:
        role = codes.label("contact-roles", str(row["role"]))
        detail = numbers.grouped(str(row.get("telephone", "")).replace(" ", ""))
        return Row(number, name, detail, first=row["role"] == "point-of-contact", role=role)
    needs = [codes.label("needs", code) for code in row.get("needs", ())]
    capacity = row.get("capacity")
    stated = row.get("capacity_on", "")
    return Row(
        number,
        name,
        ", ".join(needs),
        codes.label("capacities", capacity) if capacity else "Not stated",
        own_profile.stated_on(visit, stated),
    )


def _place(visit: Visit, listed: List, mine: Mine) -> Place:
    """The row that the address names, or the place after the last one."""
    if "row" in visit.request.match_info:
        return _known(visit, listed, mine)
    return Place(listed.record, len(mine.values.get(listed.record, ())))


def _known(visit: Visit, listed: List, mine: Mine) -> Place:
    row = int(visit.request.match_info["row"])
    if row >= len(mine.values.get(listed.record, ())):
        raise web.HTTPNotFound
    return Place(listed.record, row)


def _frame(listed: List, place: Place, mine: Mine) -> Frame:
    name = str(place.values(mine.values).get("name", ""))
    end = place.row if name else "new"
    return Frame(
        f"{listed.base}/{end}",
        listed.base,
        listed.title,
        name or listed.new,
        listed.title,
    )


async def _keyholders(visit: Visit) -> tuple[str, ...]:
    rows = await visit.exchange.store.rows(
        "SELECT display, role FROM users WHERE ended_at IS NULL ORDER BY role DESC, display"
    )
    return tuple(
        f"{row['display']} ({codes.label('contact-roles', row['role']).lower()})" for row in rows
    )


_capacity: Final = SERVICES_LIST.base + "/{row:[0-9]{1,3}}/capacity"

routes: Final[list[Route]] = [
    *pages_of(SERVICES_LIST),
    get(_capacity, ask_capacity),
    post(_capacity, set_capacity),
    *pages_of(CONTACTS_LIST),
]
