"""Your sign-in: a new password, and a new secret for codes when a telephone is changed.

Law: both need the password of now. A new secret counts only when a code of it has come back, so
that nobody locks themselves out; it is shown once, on the page that made it.
"""

from typing import Final

from aiohttp import web
from markupsafe import Markup

from referral_directory import registrars
from referral_directory.console.door import Busy, Waits, Wrong
from referral_directory.console.qr import qr
from referral_directory.console.routing import Route, get, post
from referral_directory.console.visit import Visit
from referral_directory.log import journal
from referral_directory.log.journal import Acting
from referral_directory.registrars import Registrar
from referral_directory.totp import new_secret, secret_text, secret_uri, used_step
from referral_directory.trouble import Trouble
from referral_ui.forms import Form

PASSWORD_FIELDS: Final = ("password", "new", "once-more")
CODE_FIELDS: Final = ("password", "code")
TELEPHONE: Final = "t-"


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    return _page(visit)


async def password(visit: Visit) -> web.StreamResponse:
    """A new password."""
    posted = await visit.posted()
    form = posted.form(PASSWORD_FIELDS)
    chosen = form.value("new")
    if len(chosen) < registrars.SHORTEST:
        form.wrong_because("new", f"Type at least {registrars.SHORTEST} characters")
    elif chosen != form.value("once-more"):
        form.wrong_because("once-more", "The two are not the same. Type the new password again")
    registrar = await _again(visit, form)

    async def work() -> str:
        if registrar is not None:
            await visit.site.door.seal(registrar, chosen)
            await visit.office.journal.note(visit.now, Acting(visit.by), journal.PASSWORD)
            visit.sign_out_others()
            visit.tell("Your password is changed. Other browsers are signed out.")
        return "/you"

    done = await visit.once(posted, form, work)
    return done or _page(visit, form, status=422)


async def telephone(visit: Visit) -> web.StreamResponse:
    """Show a new secret, which does not count yet."""
    posted = await visit.posted()
    form = posted.form(prefix=TELEPHONE)
    if not form.valid:
        return _page(visit, telephone_form=form, status=422)
    visit.session.pending = new_secret(visit.site.random)
    return _secret_page(visit, Form(CODE_FIELDS))


async def confirm(visit: Visit) -> web.StreamResponse:
    """A code of the new secret has come: it counts from now on."""
    posted = await visit.posted()
    led = visit.led(posted)
    if led is not None:
        return led
    form, secret = posted.form(CODE_FIELDS), visit.session.pending
    if secret is None:
        visit.tell("Nothing was changed. Begin again with “Show a new secret”.")
        return visit.go("/you")
    if used_step(secret, form.value("code"), visit.now, -1) is None:
        form.wrong_because("code", "This is not the code of the new secret. Type the next one")
    registrar = await _again(visit, form)

    async def work() -> str:
        if registrar is not None:
            changed = registrar._replace(secret=secret)
            await visit.site.door.seal(changed, form.value("password"))
            await visit.site.door.use(changed, form.value("code"))
            await visit.office.journal.note(visit.now, Acting(visit.by), journal.TELEPHONE)
            visit.session.pending = None
            visit.sign_out_others()
            visit.tell("The new telephone counts from now on; codes of the old one do not.")
        return "/you"

    done = await visit.once(posted, form, work)
    return done or _secret_page(visit, form, status=422)


async def _again(visit: Visit, form: Form) -> Registrar | None:
    """The registrar's own file, opened with the password of now; errors stand in the form."""
    if not form.valid:
        return None
    try:
        return await visit.site.door.again(visit.by, form.value("password"))
    except Wrong:
        form.wrong_because("password", "The password is wrong")
    except Waits:
        form.wrong_because("password", "Too many wrong tries. Wait a few minutes, then try again")
    except (Busy, Trouble):
        form.wrong_because("", "Nothing was changed, for the machine is busy. Try again")
    return None


def _page(
    visit: Visit,
    form: Form | None = None,
    telephone_form: Form | None = None,
    *,
    status: int = 200,
) -> web.Response:
    form = form or Form(PASSWORD_FIELDS)
    other = telephone_form or Form((), prefix=TELEPHONE)
    return visit.page(
        "you.html",
        status=status,
        form=form if form.problems else other,
        password_form=form,
        name=visit.by,
    )


def _secret_page(visit: Visit, form: Form, *, status: int = 200) -> web.Response:
    secret = visit.session.pending or b""
    origin = visit.site.ledger.directory.root_at(visit.now).root.origin
    uri = secret_uri(secret, origin, visit.by)
    drawn: Markup = qr.__wrapped__(uri, "The new secret as a QR code")  # kept in no cache
    return visit.page(
        "new_secret.html",
        status=status,
        form=form,
        text=secret_text(secret),
        qr=drawn,
        name=visit.by,
    )


routes: Final[list[Route]] = [
    get("/you", show),
    post("/you/password", password),
    post("/you/telephone", telephone),
    post("/you/confirm", confirm),
]
