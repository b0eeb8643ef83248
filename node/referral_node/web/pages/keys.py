"""Keys: which there are, the fingerprint to read out, and replacing one, step by step.

Law: a key is replaced only after the person's password was given once more: an unattended browser
replaces nothing. A change that is under way is shown until it is done or refused.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from referral_node import users
from referral_node.exchange import NotJoined, UpdateRefused, UpdateWaits
from referral_node.trouble import Trouble
from referral_node.vault import Password
from referral_node.web.pages import keys_view
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Posted, Visit
from referral_protocol.directory.entries import COMPROMISED, ROUTINE
from referral_ui.forms import Form

Work = Callable[[], Awaitable[str]]
HERE: Final = "/settings/keys"
MACHINE: Final = f"{HERE}/machine"
ORGANISATION: Final = f"{HERE}/organisation"
PATIENCE: Final = 4.0
"""Seconds that a page waits for the directory before it says that the change is under way."""
_WAITS: Final = "Another change is on its way to the directory. Wait until it is done"
_BEGUN: Final = "First finish replacing the organisation’s key: begin that once more"
_DONE: Final = (
    "The organisation’s key was replaced. Make a backup today: one that was made before does not"
    " hold the new key."
)
_SENT: Final = (
    "The new key was made, and the directory is asked to name it. You can go on working. Make a"
    " backup today: one that was made before does not hold the new key."
)
_MACHINE_DONE: Final = (
    "The machine’s key was replaced. Others learn of it with the next message; nobody has to do"
    " anything."
)


async def show(visit: Visit) -> web.StreamResponse:
    """Our keys."""
    exchange = visit.exchange
    shown = keys_view.build(
        await exchange.keys.standing(), await exchange.updating.status(), visit.times
    )
    return visit.page("keys.html", keys=shown, machine=MACHINE, organisation=ORGANISATION)


async def ask_machine(visit: Visit) -> web.StreamResponse:
    """Replace the machine's key?"""
    return await _step(visit, "keys-machine.html", MACHINE)


async def ask_organisation(visit: Visit) -> web.StreamResponse:
    """Replace the organisation's key?"""
    return await _step(visit, "keys-organisation.html", ORGANISATION)


async def machine(visit: Visit) -> web.StreamResponse:
    """The machine gets a new key, in use at once."""
    posted, form, reason = await _posted(visit)
    if not form.valid:
        return await _step(visit, "keys-machine.html", MACHINE, form)

    async def work() -> str:
        await visit.exchange.keys.machine.replace(visit.vault, visit.actor, reason)
        visit.tell(_MACHINE_DONE)
        return HERE

    return await _done(visit, posted, form, work, "keys-machine.html", MACHINE)


async def organisation(visit: Visit) -> web.StreamResponse:
    """The organisation gets a new key, in use when the directory names it."""
    posted, form, reason = await _posted(visit)
    if not form.valid:
        return await _step(visit, "keys-organisation.html", ORGANISATION, form)

    async def work() -> str:
        await visit.exchange.keys.replace(visit.vault, visit.actor, reason)
        done = await visit.exchange.updating.quiet(PATIENCE)
        visit.tell(_DONE if done and not visit.exchange.core.key_changes else _SENT)
        return HERE

    return await _done(visit, posted, form, work, "keys-organisation.html", ORGANISATION)


async def _posted(visit: Visit) -> tuple[Posted, Form, str]:
    """The form: why, and the password."""
    posted = await visit.posted()
    form = posted.form(("reason", "password"))
    reason = form.choice(
        "reason", (ROUTINE, COMPROMISED), missing="Say why the key is to be replaced"
    )
    await check_password(visit, posted, form)
    return posted, form, reason or ROUTINE


async def check_password(visit: Visit, posted: Posted, form: Form) -> None:
    """The password of whoever is signed in, once more; what is wrong is noted in the form."""
    given = posted.data.get("password")
    if not given:
        form.wrong_because("password", "Type your password")
    if not form.valid:
        return
    try:
        _, vault = await users.sign_in(
            visit.exchange.store, visit.site.sign_in, visit.session.user.name, Password(given)
        )
    except Trouble as trouble:
        words = str(trouble)
        form.wrong_because("password", f"{words[:1].upper()}{words[1:]}")
    else:
        vault.close()


async def _done(
    visit: Visit, posted: Posted, form: Form, work: Work, template: str, base: str
) -> web.StreamResponse:
    """Do it; what stands in its way is told on the step's own page."""
    try:
        return await visit.once(posted, work)
    except UpdateWaits:
        begun = await visit.exchange.updating.quiet(0)
        form.wrong_because("", _BEGUN if begun else _WAITS)
    except NotJoined:
        form.wrong_because("", "The directory does not name this node yet: join it first")
    except UpdateRefused as refusal:
        form.wrong_because("", f"The directory would refuse this ({refusal.code})")
    except Trouble as trouble:
        words = str(trouble)
        form.wrong_because("", f"{words[:1].upper()}{words[1:]}")
    return await _step(visit, template, base, form)


async def _step(
    visit: Visit, template: str, base: str, form: Form | None = None
) -> web.StreamResponse:
    standing = await visit.exchange.keys.standing()
    return visit.page(
        template,
        status=200 if form is None else 422,
        form=form or Form(("reason", "password")),
        reasons=keys_view.REASONS,
        base=base,
        back=HERE,
        joined=standing.vault_since is not None and not standing.foreign,
    )


routes: Final[list[Route]] = [
    get(HERE, show),
    get(MACHINE, ask_machine),
    post(MACHINE, machine),
    get(ORGANISATION, ask_organisation),
    post(ORGANISATION, organisation),
]
