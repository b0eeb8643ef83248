"""Notifications: where I am told that something waits, a test of it, and the days I am away.

Law: everybody sets this for themselves alone; what mail says is counts and times, so a wrong
address gives nothing away.
"""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from referral_node.exchange.notices.duty import (
    CONTACT,
    POINT_OF_CONTACT,
    Absence,
    NotPossible,
    absences,
    add_absence,
    address_of,
    check_absence,
    end_absences,
    keyholders,
    set_address,
    today,
    told,
)
from referral_node.mail_settings import LONGEST_ADDRESS, WHY, is_address
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Visit
from referral_ui.forms import Form

HERE: Final = "/notifications"
_DAY: Final = "Type the {which} day, for example 4 December 2026"


@dataclass(frozen=True)
class Away:
    """One absence for the page."""

    number: int
    days: str


@dataclass(frozen=True)
class Shown:
    """The page. ``sends``: this node sends mail; ``stands_in``: whoever is told while I am away."""

    address: str
    sends: bool
    contact: bool
    quiet: str
    away: tuple[Away, ...]
    stands_in: tuple[str, ...]


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    return await _page(visit)


async def address(visit: Visit) -> web.StreamResponse:
    """My address, or none."""
    posted = await visit.posted()
    form = posted.form(("address",))
    typed = form.text("address", at_most=LONGEST_ADDRESS)
    if typed is not None and not is_address(typed):
        form.wrong_because("address", "Type one plain e-mail address, for example ines@example.org")
    if not form.valid:
        return await _page(visit, form, status=422)

    async def work() -> str:
        await set_address(visit.exchange.store, visit.actor.id, typed, visit.actor.id, visit.now)
        visit.tell("Saved." if typed else "Saved. You are not told by e-mail any more.")
        return HERE

    return await visit.once(posted, work)


async def test(visit: Visit) -> web.StreamResponse:
    """Send me a test mail, and say at once whether it went."""
    posted = await visit.posted()
    to = await address_of(visit.exchange.store, visit.actor.id)
    form = posted.form()
    if to is None:
        form.wrong_because("", "Save your e-mail address first")
    if not form.valid or to is None:
        return await _page(visit, form, status=422)

    async def work() -> str:
        code = "off" if visit.site.try_mail is None else await visit.site.try_mail(to)
        if code is None:
            visit.tell("The mail server took the test mail. Look whether it has arrived.")
        else:
            visit.tell(
                f"The test mail did not go: {WHY.get(code, code)}. Tell your administrator: {code}."
            )
        return HERE

    return await visit.once(posted, work)


async def away(visit: Visit) -> web.StreamResponse:
    """Enter days on which I am away."""
    posted = await visit.posted()
    form = posted.form(("first", "last"), "a-")
    first = form.day("first", missing=_DAY.format(which="first"), called="First day")
    last = form.day("last", missing=_DAY.format(which="last"), called="Last day")
    day = today(visit.now, visit.site.config.time_zone)
    if first is not None and last is not None:
        try:
            check_absence(first, last, day)
        except NotPossible as reason:
            form.wrong_because("last", f"{str(reason).capitalize()}")
    if not form.valid or first is None or last is None:
        return await _page(visit, away_form=form, status=422)

    async def work() -> str:
        store, me = visit.exchange.store, visit.actor.id
        try:
            await add_absence(store, me, first, last, me, visit.now, day)
            visit.tell("Saved.")
        except NotPossible as reason:
            visit.tell(f"Not saved: {reason}.")
        return f"{HERE}#away"

    return await visit.once(posted, work)


async def back(visit: Visit) -> web.StreamResponse:
    """Take one absence back."""
    posted = await visit.posted()
    form = posted.form(("number",), "a-")
    number = form.whole("number", 0, 2**40, missing="Choose the days again")
    if not form.valid or number is None:
        return await _page(visit, away_form=form, status=422)

    async def work() -> str:
        await end_absences(visit.exchange.store, visit.actor.id, number, visit.actor.id, visit.now)
        visit.tell("Removed.")
        return f"{HERE}#away"

    return await visit.once(posted, work)


async def _page(
    visit: Visit, form: Form | None = None, away_form: Form | None = None, *, status: int = 200
) -> web.Response:
    store, me = visit.exchange.store, visit.actor.id
    mine = await address_of(store, me) or ""
    away_form = away_form or Form(("first", "last"), {}, "a-")
    own_form = form or Form(("address",), {"address": mine})
    return visit.page(
        "notifications.html",
        status=status,
        form=own_form if own_form.problems else away_form,
        own_form=own_form,
        away_form=away_form,
        base=HERE,
        shown=await _shown(visit, mine),
    )


async def _shown(visit: Visit, mine: str) -> Shown:
    store, me, config = visit.exchange.store, visit.actor.id, visit.site.config
    day = today(visit.now, config.time_zone)
    people = [each for each in await keyholders(store, day) if each.id != me]
    rows = await store.rows("SELECT id, display FROM users")
    displays = {bytes(row["id"]): str(row["display"]) for row in rows}
    quiet = config.mail.quiet if config.mail is not None else None
    return Shown(
        address=mine,
        sends=visit.site.try_mail is not None,
        contact=visit.actor.role == POINT_OF_CONTACT,
        quiet="" if quiet is None else f"{quiet.start} and {quiet.end}",
        away=tuple(_away(visit, each) for each in await absences(store, me, day)),
        stands_in=tuple(displays[each.id] for each in told(people, CONTACT)),
    )


def _away(visit: Visit, absence: Absence) -> Away:
    first = visit.times.long_day(absence.first)
    last = visit.times.long_day(absence.last)
    return Away(absence.number, first if first == last else f"{first} to {last}")


routes: Final[list[Route]] = [
    get(HERE, show),
    post(f"{HERE}/address", address),
    post(f"{HERE}/test", test),
    post(f"{HERE}/away", away),
    post(f"{HERE}/back", back),
]
