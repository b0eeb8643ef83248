"""Signing in and out: name, password and code on one page.

Law: whichever of the three is wrong, what is said is the same. Whoever was signed out while typing
is told so; nothing was done.
"""

import re
from typing import Final

from aiohttp import hdrs, web

from referral_directory.console.door import Busy, Waits, Wrong
from referral_directory.console.site import SIGN_IN, Site
from referral_directory.log import journal
from referral_directory.log.journal import Acting
from referral_directory.registrars import Registrar
from referral_directory.trouble import Trouble
from referral_ui.formdata import SMALL_FORM_BYTES, read_form
from referral_ui.forms import Form
from referral_ui.tokens import FIELD, FormTokens, remember_visitor, visitor

FIRST_PAGE: Final = "/"
FIELDS: Final = ("name", "password", "code")
_LOCAL: Final = re.compile(r"/(?:[A-Za-z0-9_-][A-Za-z0-9_./-]*)?")
_WRONG: Final = (
    "The name, the password or the code is wrong. Wait for the next code, then type all three again"
)
_NO_REGISTRAR: Final = (
    "Your key is not a registrar’s now, so you cannot sign in. The next root must name it, and acts"
    " 72 hours later"
)


async def ask(site: Site, request: web.Request) -> web.StreamResponse:
    """The empty page; for somebody signed in already, the first page."""
    if site.sessions.find(request.cookies.get(site.cookie, "")) is not None:
        return _go(FIRST_PAGE)
    note = "You are signed out." if "out" in request.query else None
    return _page(site, request, Form(FIELDS), to=request.query.get("to", ""), note=note)


async def first(site: Site, request: web.Request) -> web.StreamResponse:
    """Somebody asked for a page and is not signed in (any more)."""
    if request.method in ("GET", "HEAD"):
        to = "" if request.path == FIRST_PAGE or not _local(request.path) else request.path
        return _go(f"{SIGN_IN}?to={to}" if to else SIGN_IN)
    note = "You were signed out, so nothing was done. Sign in and do it again."
    return _page(site, request, Form(FIELDS), to="", note=note, status=401)


async def enter(site: Site, request: web.Request) -> web.StreamResponse:
    """Name, password and code came."""
    data = await read_form(request, at_most=SMALL_FORM_BYTES)
    form = Form(FIELDS, {"name": data.get("name")})
    who = visitor(request)
    if who is None or not _tokens(site).check(who, SIGN_IN, data.get(FIELD)):
        form.wrong_because("", "This page had become old. Type your password and code again")
    for name, missing in (
        ("name", "Type your name"),
        ("password", "Type your password"),
        ("code", "Type the code from your telephone"),
    ):
        if form.valid and not data.get(name).strip():
            form.wrong_because(name, missing)
    registrar = None
    if form.valid:
        registrar = await _try(site, form, *(data.get(name) for name in FIELDS))
    to = data.get("to")
    if registrar is None:
        return _page(site, request, form, to=to, status=422)
    site.sessions.end(request.cookies.get(site.cookie, ""))
    cookie = site.sessions.create(registrar)
    response = _go(to if to and _local(to) else FIRST_PAGE)
    response.set_cookie(
        site.cookie, cookie, httponly=True, samesite="Strict", secure=site.secure, path="/"
    )
    return response


async def leave(site: Site, request: web.Request) -> web.StreamResponse:
    """Sign out: at once, whatever else; the session's key is gone."""
    cookie = request.cookies.get(site.cookie, "")
    session = site.sessions.find(cookie)
    site.sessions.end(cookie)
    if session is not None:
        at = site.ledger.clock()
        await site.office.journal.note(at, Acting(session.name), journal.SIGNED_OUT)
    response = _go(f"{SIGN_IN}?out=yes")
    response.del_cookie(site.cookie, path="/", secure=site.secure, httponly=True)
    return response


async def _try(site: Site, form: Form, name: str, password: str, code: str) -> Registrar | None:
    try:
        registrar = await site.door.enter(name, password, code)
    except Wrong:
        site.log.warning("console.refused", code="wrong-secret")
        form.wrong_because("password", _WRONG, "name", "password", "code")
        return None
    except Waits as refusal:
        site.log.warning("console.refused", code="waits")
        form.wrong_because("password", f"Too many wrong tries. Wait {_said(refusal.wait)}")
        return None
    except Busy:
        form.wrong_because("", "Too many people are signing in at once. Try again in a few seconds")
        return None
    except Trouble:
        site.log.error("console.refused", code="key-file")
        words = "Your key’s file cannot be opened. Tell whoever looks after this machine"
        form.wrong_because("", words)
        return None
    if registrar.key.public not in site.acting():
        form.wrong_because("", _NO_REGISTRAR)
        return None
    at = site.ledger.clock()
    await site.office.journal.note(at, Acting(registrar.name), journal.SIGNED_IN)
    return registrar


def _page(
    site: Site,
    request: web.Request,
    form: Form,
    *,
    to: str,
    note: str | None = None,
    status: int = 200,
) -> web.Response:
    who = visitor(request) or site.random(16).hex()
    text = site.template("sign_in.html").render(
        frame=site.frame(None, SIGN_IN, lambda action: _tokens(site).make(who, action)),
        form=form,
        to=to if _local(to) else "",
        note=note,
    )
    response = web.Response(status=status, text=text, content_type="text/html")
    remember_visitor(response, bytes.fromhex(who), secure=site.secure)
    return response


def _tokens(site: Site) -> FormTokens:
    return FormTokens(site.visitor_key)


def _said(wait: int) -> str:
    seconds = -(-wait // 1000)
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = -(-seconds // 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _local(path: str) -> bool:
    return _LOCAL.fullmatch(path) is not None and ".." not in path


def _go(where: str) -> web.Response:
    return web.Response(status=303, headers={hdrs.LOCATION: where})
