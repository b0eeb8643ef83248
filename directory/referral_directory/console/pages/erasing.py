"""Erasing a part of a member's profile, because a person's name must go.

Law: what is erased leaves everything that is kept here; the log holds only its salted hash, so
every copy of the log still verifies.
"""

from typing import Final

from aiohttp import web

from referral_directory.console.pages.members import shown_member
from referral_directory.console.routing import Route, get, post
from referral_directory.console.visit import Visit
from referral_ui.forms import Form
from referral_ui.parts import Choice

FIELDS: Final = ("record", "sure")
PARTS: Final = (
    Choice("contacts", "The people: names, telephone numbers, e-mail"),
    Choice("services", "The services"),
    Choice("organisation", "The organisation: name, place, hours"),
)


async def ask(visit: Visit) -> web.StreamResponse:
    """Which part."""
    return await _page(visit)


async def erase(visit: Visit) -> web.StreamResponse:
    """Erase it."""
    member = visit.member()
    posted = await visit.posted()
    form = posted.form(FIELDS)
    record = form.choice("record", [each.code for each in PARTS], missing="Choose what is erased")
    if not form.ticked("sure"):
        form.wrong_because("sure", "Tick that this cannot be taken back, or go back")

    async def work() -> str:
        await visit.do("erase", member=member.id.hex(), record=record, by=visit.by)
        visit.tell("Erased here. Nodes drop it when they next look, within minutes.")
        return f"/member/{member.id.hex()}"

    done = await visit.once(posted, form, work)
    return done or await _page(visit, form, status=422)


async def _page(visit: Visit, form: Form | None = None, *, status: int = 200) -> web.Response:
    return visit.page(
        "erase.html",
        status=status,
        form=form or Form(FIELDS),
        shown=await shown_member(visit, visit.member()),
        parts=PARTS,
    )


routes: Final[list[Route]] = [
    get("/member/{member}/erase", ask),
    post("/member/{member}/erase", erase),
]
