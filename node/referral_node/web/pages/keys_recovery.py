"""Is this your new node? Stop a recovery that nobody here asked for, or say that it is right.

Law: the page is there as long as something can be stopped; stopping takes the password once more,
and says before what it costs: nothing goes until VSE has decided.
"""

from typing import Final

from aiohttp import web

from referral_node.exchange import NotJoined, UpdateRefused
from referral_node.exchange.directory.recovery import ANNOUNCED, Recovery
from referral_node.web.key_alerts import PLACE
from referral_node.web.pages.keys import HERE, check_password
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Visit
from referral_ui.forms import Form
from referral_ui.parts import Choice

PATIENCE: Final = 4.0
"""Seconds that the page waits for the directory."""
NO: Final = "no"
YES: Final = "yes"
ANSWERS: Final = (
    Choice(
        NO,
        "This is not us: stop it",
        "Your organisation is suspended at once, until VSE has found out who asked. Telephone VSE",
    ),
    Choice(
        YES,
        "Yes, this is our new node",
        "The red line goes. You can still stop it later",
    ),
)
_STOPPED: Final = (
    "It is stopped. Your organisation is suspended until VSE has found out who asked for the new"
    " key: telephone them now."
)
_SENT: Final = (
    "Stopping it is signed, and goes to the directory as soon as it answers. Telephone VSE now."
)
_OURS: Final = "Saved. Your new node takes over when VSE has signed once more."
_OVER: Final = "This was decided meanwhile. Look at Keys"


async def show(visit: Visit) -> web.StreamResponse:
    """What is announced."""
    return _page(visit, _standing(visit))


async def answer(visit: Visit) -> web.StreamResponse:
    """A keyholder says what is right."""
    posted = await visit.posted()
    standing = _standing(visit)
    form = posted.form(("answer", "password"))
    said = form.choice("answer", (NO, YES), missing="Say whether this is your new node")
    await check_password(visit, posted, form)
    if not form.valid:
        return _page(visit, standing, form)
    recovery = visit.exchange.keys.recovery

    async def work() -> str:
        if said == YES:
            await recovery.approve(visit.actor)
            visit.tell(_OURS)
            return HERE
        await recovery.veto(visit.vault, visit.actor)
        visit.tell(_STOPPED if await visit.exchange.updating.quiet(PATIENCE) else _SENT)
        return HERE

    try:
        return await visit.once(posted, work)
    except (NotJoined, UpdateRefused):
        form.wrong_because("", _OVER)
        return _page(visit, standing, form)


def _standing(visit: Visit) -> Recovery:
    found = visit.exchange.keys.recovery.standing()
    if found is None or found.new or found.state != ANNOUNCED:
        raise web.HTTPNotFound
    return found


def _page(visit: Visit, standing: Recovery, form: Form | None = None) -> web.Response:
    return visit.page(
        "keys-recovery.html",
        status=200 if form is None else 422,
        form=form or Form(("answer", "password")),
        answers=ANSWERS,
        base=PLACE,
        back=HERE,
        standing=standing,
        since=visit.times.record(standing.since or visit.now),
        until=visit.times.appointment(standing.acts_from or visit.now),
    )


routes: Final[list[Route]] = [get(PLACE, show), post(PLACE, answer)]
