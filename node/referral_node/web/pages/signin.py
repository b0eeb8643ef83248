"""Signing in and out: name and password on one page.

Law: what a wrong name and a wrong password are told is the same. Who was signed out while typing
loses nothing: what was sent travels through this page and stands in its form again, unsent.
"""

import re
from typing import Any, Final

from aiohttp import hdrs, web

from referral_node import users
from referral_node.vault import Password, SignedOut, TooManyAttempts, WrongSecret
from referral_node.vault.slots import Busy, NoMemory
from referral_node.web import uploading
from referral_node.web.site import SIGN_IN, Site
from referral_node.web.visit import Visit
from referral_ui.formdata import SMALL_FORM_BYTES, FormData, read_form
from referral_ui.forms import Form
from referral_ui.tokens import FIELD, FormTokens, remember_visitor, visitor

FIRST_PAGE: Final = "/"
OPENING: Final = "/opening"
AT_ONCE: Final = 1_024
"""Bodies opened before the first page; what is left is opened with progress shown."""
CARRIED: Final = "typed."
MOST_CARRIED: Final = 48 * 1024
_LOCAL: Final = re.compile(r"/(?:[A-Za-z0-9_-][A-Za-z0-9_./-]*)?")
_WRONG: Final = "The name or the password is wrong"


async def ask(site: Site, request: web.Request) -> web.StreamResponse:
    """The empty page; for somebody signed in already, the first page."""
    if site.sessions.find(request.cookies.get(site.cookie, "")) is not None:
        return _go(FIRST_PAGE)
    note = "You are signed out." if "out" in request.query else None
    return _page(site, request, Form(("name", "password")), to=request.query.get("to"), note=note)


async def first(site: Site, request: web.Request) -> web.StreamResponse:
    """Somebody asked for a page and is not signed in (any more)."""
    if request.method in ("GET", "HEAD"):
        to = "" if request.path == FIRST_PAGE or not _local(request.path) else request.path
        return _go(f"{SIGN_IN}?to={to}" if to else SIGN_IN)
    files = request.content_type == uploading.MEDIA_TYPE
    data = (await (uploading.texts if files else read_form)(request)).without(FIELD)
    room = sum(len(n.encode()) + len(v.encode()) for n in data.names() for v in data.all(n))
    carried = data if room <= MOST_CARRIED else FormData({})
    note = "You were signed out, so nothing was done. Sign in to go on."
    note += (
        " What you typed is kept."
        if room <= MOST_CARRIED
        else " What you typed was too long to be kept: go back in your browser and copy it first."
    )
    if files:
        note += " Choose the files again then: they were not kept."
    form = Form(("name", "password"))
    return _page(site, request, form, to=request.path, note=note, carried=carried, status=401)


async def enter(site: Site, request: web.Request) -> web.StreamResponse:
    """Name and password came."""
    data = await read_form(request, at_most=4 * SMALL_FORM_BYTES)
    carried = FormData(
        {n.removeprefix(CARRIED): data.all(n) for n in data.names() if n.startswith(CARRIED)}
    )
    form = Form(("name", "password"), {"name": data.get("name")})
    who = visitor(request)
    if who is None or not _tokens(site).check(who, SIGN_IN, data.get(FIELD)):
        form.wrong_because("", "This page had become old. Type your password again")
    elif not data.get("name").strip():
        form.wrong_because("name", "Type your name")
    if form.valid and not data.get("password"):
        form.wrong_because("password", "Type your password")
    cookie = None
    if form.valid:
        cookie = await _try(site, form, data.get("name"), data.get("password"))
    to = data.get("to")
    if cookie is None:
        return _page(site, request, form, to=to, carried=carried, status=422)
    site.sessions.end(request.cookies.get(site.cookie, ""))
    response = await _welcome(site, request, cookie, to, carried)
    response.set_cookie(
        site.cookie, cookie, httponly=True, samesite="Strict", secure=site.secure, path="/"
    )
    return response


async def leave(site: Site, request: web.Request) -> web.StreamResponse:
    """Sign out: at once, whatever else; the vault of this session is closed."""
    cookie = request.cookies.get(site.cookie, "")
    if site.sessions.find(cookie) is not None:
        site.log.info("signed-out")
    site.sessions.end(cookie)
    response = _go(f"{SIGN_IN}?out")
    response.del_cookie(site.cookie, path="/", secure=site.secure, httponly=True, samesite="Strict")
    return response


async def _try(site: Site, form: Form, name: str, password: str) -> str | None:
    """Check the password; the session's cookie, or None with the error noted in the form."""
    exchange = site.exchange
    try:
        user, vault = await users.sign_in(exchange.store, site.sign_in, name, Password(password))
    except WrongSecret:
        wait = site.sign_in.wait(name)
        form.wrong_because("password", _waiting(wait) if wait > 0 else _WRONG)
        return None
    except TooManyAttempts as refusal:
        form.wrong_because("password", _waiting(refusal.wait))
        return None
    except Busy:
        form.wrong_because("", "Too many people are signing in at once. Try again in a few seconds")
        return None
    except NoMemory:
        words = "The node has not enough memory to check a password. Tell your administrator"
        form.wrong_because("", words)
        return None
    try:
        cookie = site.sessions.create(user, vault)
    finally:
        vault.close()
    site.log.info("signed-in")  # who it was stands in the record, which is not for all eyes
    return cookie


async def _welcome(
    site: Site, request: web.Request, cookie: str, to: str, carried: FormData
) -> web.Response:
    """What follows a sign-in: what has come is opened, then the page that was asked for."""
    session = site.sessions.find(cookie)
    if session is None:
        raise SignedOut
    with session.open(cookie) as vault:
        visit = Visit(request, site, session, vault)
        await site.exchange.records.note(visit.actor, "signed-in", None)
        await site.exchange.keys.go_on(vault, visit.actor)
        await site.exchange.casekeys.upkeep(vault)
        result = await site.exchange.importing.run(vault, visit.actor, AT_ONCE)
        where = to if to and _local(to) else FIRST_PAGE
        if carried.names() and _local(to):
            return visit.page("signed_in_again.html", action=to, carried=carried)
    return _go(OPENING if result.left else where)


def _page(
    site: Site,
    request: web.Request,
    form: Form,
    *,
    to: str | None,
    note: str | None = None,
    carried: FormData | None = None,
    status: int = 200,
) -> web.Response:
    who = visitor(request) or site.exchange.entropy(16).hex()
    us = site.us()
    values: dict[str, Any] = {
        "frame": site.frame(us, None, SIGN_IN, lambda action: _tokens(site).make(who, action)),
        "form": form,
        "organisation": us.full,
        "to": to if to and _local(to) else "",
        "note": note,
        "carried": carried or FormData({}),
        "prefix": CARRIED,
    }
    text = site.template("sign_in.html").render(**values)
    response = web.Response(status=status, text=text, content_type="text/html")
    remember_visitor(response, bytes.fromhex(who), secure=site.secure)
    return response


def _tokens(site: Site) -> FormTokens:
    return FormTokens(site.visitor_key)


def _waiting(wait: int) -> str:
    seconds = -(-wait // 1000)
    if seconds < 60:
        said = "1 second" if seconds == 1 else f"{seconds} seconds"
    else:
        minutes = -(-seconds // 60)
        said = "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"Too many wrong passwords. Wait {said}, then try again"


def _local(path: str) -> bool:
    return _LOCAL.fullmatch(path) is not None and ".." not in path


def _go(where: str) -> web.Response:
    return web.Response(status=303, headers={hdrs.LOCATION: where})
