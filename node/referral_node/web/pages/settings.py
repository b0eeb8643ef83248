"""Settings: one door to everything that an organisation says of itself and sets for itself.

Law: each room says in one line what it is for and how it stands; what only the administrator can do
is named with its command, never hidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup

from referral_node.exchange.directory.request import our_request
from referral_node.exchange.notices.duty import address_of
from referral_node.web import freshness
from referral_node.web.pages import own_profile
from referral_node.web.routing import Route, get
from referral_node.web.visit import Visit
from referral_protocol import codes
from referral_protocol.directory.coming import coming
from referral_ui import names
from referral_ui.parts import Text
from referral_ui.times import lower

HERE: Final = "/settings"
SERVICES_SHOWN: Final = 5
_CAPACITY: Final = Markup(
    '<a class="govuk-link tap" href="/settings/services/{}/capacity">{}: {}</a>'
)
"""A service's capacity and the way to change it: the second click says what it is now."""


@dataclass(frozen=True)
class Room:
    """One door. ``urgent``: something in it waits for a person."""

    title: str
    href: str
    what: str
    state: Text = ""
    urgent: bool = False


@dataclass(frozen=True)
class Person:
    """Somebody who may sign in."""

    display: str
    name: str
    role: str
    since: str
    mail: str


async def show(visit: Visit) -> web.StreamResponse:
    """All rooms."""
    rooms = [
        await _profile(visit),
        await _services(visit),
        await _contacts(visit),
        await _directory(visit),
        _keys(visit),
        Room("People", f"{HERE}/people", "Who may sign in here.", await _count(visit)),
        await _notifications(visit),
        Room(
            "Moving to a new server",
            f"{HERE}/move",
            "When your node gets another address, in the order in which it is done.",
            _address(visit),
        ),
    ]
    return visit.page("settings.html", rooms=[each for each in rooms if _exists(visit, each)])


async def people(visit: Visit) -> web.StreamResponse:
    """Who may sign in: to read; the administrator changes it."""
    rows = await visit.exchange.store.rows(
        "SELECT id, name, display, role, made_at FROM users WHERE ended_at IS NULL "
        "ORDER BY role DESC, display"
    )
    found = []
    for row in rows:
        address = await address_of(visit.exchange.store, bytes(row["id"]))
        since = visit.here.local(row["made_at"]).date()
        found.append(
            Person(
                row["display"],
                row["name"],
                codes.label("contact-roles", row["role"]),
                visit.times.long_day(since),
                "Told by e-mail" if address else "Not told by e-mail",
            )
        )
    return visit.page("people.html", people=found)


async def _profile(visit: Visit) -> Room:
    mine = await visit.exchange.own_profile.load(visit.vault)
    what = "What other organisations read about you, and what everybody may read."
    waiting = await visit.exchange.updating.status()
    if waiting is not None and waiting.state == "refused":
        return Room("Our profile", own_profile.HERE, what, "A change was refused", True)
    if mine.version and mine.changed:
        joined = own_profile.joined(visit)
        state = "Changes saved here, not sent yet" if joined else "Being written"
        return Room("Our profile", own_profile.HERE, what, state, joined)
    if not mine.values:
        return Room("Our profile", own_profile.HERE, what, "Not written yet", True)
    old = own_profile.assurance(mine, visit)
    return Room("Our profile", own_profile.HERE, what, old, bool(old))


async def _services(visit: Visit) -> Room:
    mine = await visit.exchange.own_profile.load(visit.vault)
    rows = mine.values.get("services", ())
    what = "What you help with, and whether you can take new people."
    links = [
        _CAPACITY.format(number, names.name(row.get("name", ""), row.get("language")), _room(row))
        for number, row in enumerate(rows[:SERVICES_SHOWN])
    ]
    state = Markup("<br>").join(links)
    if len(rows) > SERVICES_SHOWN:
        state += Markup("<br>and {} more").format(len(rows) - SERVICES_SHOWN)
    return Room("Our services", f"{HERE}/services", what, state or "None yet")


def _room(row: Mapping[str, Any]) -> str:
    """The capacity of a service in words."""
    code = row.get("capacity")
    return codes.label("capacities", code).lower() if code else "not stated"


async def _contacts(visit: Visit) -> Room:
    mine = await visit.exchange.own_profile.load(visit.vault)
    rows = mine.values.get("contacts", ())
    first = [row.get("name", "") for row in rows if row.get("role") == "point-of-contact"]
    what = "Whom others telephone. Hand over to somebody else here."
    return Room("Our point of contact", f"{HERE}/contacts", what, ", ".join(first) or "Nobody yet")


async def _directory(visit: Visit) -> Room:
    what = "Where the keys, contacts and services of all members stand."
    if own_profile.joined(visit):
        stale = freshness.words(visit.exchange.members.dated, visit.times)
        state = "Joined" if stale is None else f"Joined. {stale.title}"
        roots = coming(visit.exchange.members.roots, visit.exchange.clock())
        if roots:
            state = f"{state}. A new root acts from {lower(visit.times.moment(roots[0].acts_from))}"
        urgent = stale is not None or bool(roots)
        return Room("The directory", f"{HERE}/join", what, state, urgent)
    request = await our_request(visit.exchange.core)
    if request is None:
        return Room("The directory", f"{HERE}/join", what, "Not joined yet", True)
    when = "" if request.at is None else f" since {lower(visit.times.moment(request.at))}"
    state = {
        "waiting": f"VSE looks at your request{when}",
        "asked-again": "VSE asks you for something",
        "declined": "VSE declined your request",
        "approved": "Admitted; your node fetches the directory",
    }.get(request.state, "The request is on its way")
    urgent = request.state in ("asked-again", "declined")
    return Room("The directory", f"{HERE}/join", what, state, urgent)


def _keys(visit: Visit) -> Room:
    member = visit.exchange.members.get(visit.exchange.us)
    state = "Not in the directory yet"
    if member is not None:
        day = visit.times.long_day(visit.here.local(member.since).date())
        state = f"In the directory since {day}"
    return Room("Keys", "/settings/keys", "What proves that a message is yours.", state)


def _address(visit: Visit) -> str:
    """The address that others know, or that they will know."""
    member = visit.exchange.members.get(visit.exchange.us)
    ours = visit.site.config.exchange.endpoint
    if member is None or member.endpoint == ours:
        return f"Now {ours}"
    return "The new address is not announced yet"


async def _count(visit: Visit) -> str:
    row = await visit.exchange.store.row("SELECT COUNT(*) FROM users WHERE ended_at IS NULL")
    count = 0 if row is None else int(row[0])
    return "1 person" if count == 1 else f"{count} people"


async def _notifications(visit: Visit) -> Room:
    address = await address_of(visit.exchange.store, visit.actor.id)
    state = "You are told by e-mail" if address else "You are not told by e-mail"
    return Room(
        "Notifications", "/notifications", "Where you are told, and when you are away.", state
    )


def _exists(visit: Visit, room: Room) -> bool:
    resources = visit.request.app.router.resources()
    return any(each.get_info().get("path") == room.href for each in resources)


routes: Final[list[Route]] = [get(HERE, show), get(f"{HERE}/people", people)]
