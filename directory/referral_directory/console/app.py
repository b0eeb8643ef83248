"""The console's application: every page's address, who may see it, and what a fault is called.

Law: a page module is reached only through ``for_registrar``: none can forget to ask who is there.
Whoever is no registrar any more is signed out with the next request. The log names routes, never
what was asked for.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from referral_directory.console.pages import (
    acts,
    erasing,
    history,
    invite,
    members,
    people,
    profiles,
    recoveries,
    requests,
    signin,
    suspensions,
    you,
)
from referral_directory.console.routing import Handler, Route
from referral_directory.console.sessions import SignedOut
from referral_directory.console.site import ORGANISATION, SIGN_IN, SIGN_OUT, Site
from referral_directory.console.visit import Visit, said
from referral_directory.log.office import Refused
from referral_directory.log.store import StoreError
from referral_ui.assets import Assets
from referral_ui.http import protect
from referral_ui.problems import Problem, ProblemPages

ROUTES: Final[tuple[Route, ...]] = (
    *requests.routes,
    *erasing.routes,
    *members.routes,
    *profiles.routes,
    *history.routes,
    *suspensions.routes,
    *recoveries.routes,
    *acts.routes,
    *invite.routes,
    *people.routes,
    *you.routes,
)
"""Every page of a registrar."""

Plain = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(site: Site, assets: Assets) -> web.Application:
    """The application of one directory's console. Nothing is bound or started here."""
    app = web.Application()
    problems = ProblemPages(site.environment, ORGANISATION)
    app.middlewares.append(_noted(site))
    protect(
        app,
        origins=site.origins,
        assets=assets,
        respond=problems.response,
        log=site.log,
        new_incident=lambda: site.random(4).hex(),
    )
    app.middlewares.append(known_faults)
    app.router.add_get(SIGN_IN, _with(site, signin.ask))
    app.router.add_post(SIGN_IN, _with(site, signin.enter))
    app.router.add_post(SIGN_OUT, _with(site, signin.leave))
    for route in ROUTES:
        app.router.add_route(route.method, route.path, for_registrar(site, route.handler))
    return app


def for_registrar(site: Site, handler: Handler) -> Plain:
    """The handler for somebody signed in; anybody else signs in first."""

    async def handle(request: web.Request) -> web.StreamResponse:
        cookie = request.cookies.get(site.cookie, "")
        site.sessions.sweep(site.acting())
        session = site.sessions.find(cookie)
        if session is None:
            return await signin.first(site, request)
        try:
            return await handler(Visit(request, site, session, cookie))
        except SignedOut:
            return await signin.first(site, request)

    return handle


@web.middleware
async def known_faults(request: web.Request, handler: Plain) -> web.StreamResponse:
    """What may go wrong below, in the page's words. What nobody foresaw goes on to the incident."""
    try:
        return await handler(request)
    except StoreError as error:
        words = f"Nothing was changed: {error}. Tell whoever looks after this machine."
        raise Problem(503, f"store-{error.code}", words) from error
    except Refused as refused:
        raise Problem(409, "refused", f"{said(refused)}.") from refused


def _noted(site: Site) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Plain) -> web.StreamResponse:
        began = time.monotonic()
        response = await handler(request)
        resource = request.match_info.route.resource
        site.log.info(
            "console",
            method=request.method,
            route="none" if resource is None else resource.canonical,
            status=response.status,
            ms=round((time.monotonic() - began) * 1000, 1),
        )
        return response

    return middleware


def _with(
    site: Site, handler: Callable[[Site, web.Request], Awaitable[web.StreamResponse]]
) -> Plain:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(site, request)

    return handle
