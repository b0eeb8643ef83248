"""The keyholders' application: every page's address, who may see it, and what a fault is called.

Law: a page module is reached only through ``for_keyholder``: none can forget to ask who is there.
Before a page is drawn, what has come is imported; that this failed is told, and stops nobody from
reading.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web
from jinja2 import PackageLoader

from referral_node.config import Config
from referral_node.exchange import Exchange, UnknownThread
from referral_node.store import StoreError
from referral_node.vault import Sessions, SignedOut, SignIn, Unsealable, VaultClosed
from referral_node.web import faults
from referral_node.web.kept import OtherContent, Unfinished
from referral_node.web.pages import (
    access,
    acting,
    all_referrals,
    asking_first,
    check,
    files,
    find,
    joining,
    keys,
    keys_recovery,
    moving,
    new_referral,
    notifications,
    opening_files,
    organisation,
    own_loading,
    own_profile,
    own_rows,
    refer_again,
    referral,
    settings,
    signin,
    today,
)
from referral_node.web.routing import Handler, Route
from referral_node.web.site import SIGN_IN, SIGN_OUT, Joins, Site, TryMail
from referral_node.web.visit import STALE, Visit
from referral_protocol import codes
from referral_protocol.errors import ProtocolError
from referral_ui.assets import Assets
from referral_ui.environment import make_environment
from referral_ui.http import Origins, protect
from referral_ui.problems import Problem, ProblemPages

SITE: Final = web.AppKey("site", Site)
"""Of an application: what its pages share. ``app[SITE].origins.add(...)`` after binding port 0."""

ROUTES: Final[tuple[Route, ...]] = (
    *today.routes,
    *all_referrals.routes,
    *referral.routes,
    *acting.routes,
    *refer_again.routes,
    *access.routes,
    *notifications.routes,
    *keys.routes,
    *keys_recovery.routes,
    *files.routes,
    *opening_files.routes,
    *check.routes,
    *new_referral.routes,
    *find.routes,
    *organisation.routes,
    *asking_first.routes,
    *settings.routes,
    *joining.routes,
    *moving.routes,
    *own_profile.routes,
    *own_loading.routes,
    *own_rows.routes,
)
"""Every page of a keyholder."""

WITH_A_PAGE: Final = 64
"""Bodies opened before a page is drawn, a millisecond each; the rest come with the next pages."""

Plain = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(
    *,
    exchange: Exchange,
    sessions: Sessions,
    sign_in: SignIn,
    config: Config,
    assets: Assets | None = None,
    try_mail: TryMail | None = None,
    joins: Joins | None = None,
) -> web.Application:
    """The application of one node. Nothing is bound or started here.

    ``try_mail`` sends a test mail; None: this node sends none. ``joins`` speaks to a directory.
    """
    log = structlog.get_logger()
    assets = assets or Assets.load()
    environment = make_environment(assets, PackageLoader("referral_node", "web/templates"))
    environment.globals["language_name"] = codes.language_label
    site = Site(
        exchange=exchange,
        sessions=sessions,
        sign_in=sign_in,
        config=config,
        environment=environment,
        origins=Origins(_origins(config)),
        secure=config.pages.tls is not None or config.pages.proxy,
        visitor_key=exchange.entropy(32),
        log=log,
        try_mail=try_mail,
        joins=joins,
    )
    exchange.core.turned = sessions.turn
    app = web.Application()
    app[SITE] = site
    problems = ProblemPages(environment, site.us().plain)
    protect(
        app,
        origins=site.origins,
        assets=assets,
        respond=problems.response,
        log=log,
        new_incident=lambda: exchange.entropy(4).hex(),
    )
    app.middlewares.append(known_faults)
    app.router.add_get(SIGN_IN, _with(site, signin.ask))
    app.router.add_post(SIGN_IN, _with(site, signin.enter))
    app.router.add_post(SIGN_OUT, _with(site, signin.leave))
    for route in ROUTES:
        app.router.add_route(route.method, route.path, for_keyholder(site, route.handler))
    return app


def for_keyholder(site: Site, handler: Handler) -> Plain:
    """The handler for somebody signed in; anybody else signs in first."""

    async def handle(request: web.Request) -> web.StreamResponse:
        cookie = request.cookies.get(site.cookie, "")
        session = site.sessions.find(cookie)
        if session is None:
            return await signin.first(site, request)
        try:
            with session.open(cookie) as vault:
                visit = Visit(request, site, session, vault)
                try:
                    visit.imported = await site.exchange.importing.run(
                        vault, visit.actor, WITH_A_PAGE
                    )
                except StoreError as error:
                    visit.trouble = faults.of_store(error)
                return await handler(visit)
        except (SignedOut, VaultClosed):
            return await signin.first(site, request)

    return handle


@web.middleware
async def known_faults(request: web.Request, handler: Plain) -> web.StreamResponse:
    """What may go wrong below, in the page's words. What nobody foresaw goes on to the incident."""
    try:
        return await handler(request)
    except StoreError as error:
        raise Problem(503, f"store-{error.code}", faults.of_store(error)) from error
    except ProtocolError as error:
        raise Problem(409, error.code, faults.of_protocol(error)) from error
    except UnknownThread as error:
        raise Problem(404, "no-such-referral", faults.GONE, title=faults.GONE_TITLE) from error
    except Unsealable as error:
        raise Problem(500, "unsealable", faults.UNSEALABLE, title=faults.DAMAGED) from error
    except (OtherContent, Unfinished) as error:
        raise Problem(409, "stale-form", f"{STALE}.") from error


def _with(
    site: Site, handler: Callable[[Site, web.Request], Awaitable[web.StreamResponse]]
) -> Plain:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(site, request)

    return handle


def _origins(config: Config) -> list[str]:
    """The addresses that people may use: every host name with the scheme and port of this node."""
    pages = config.pages
    if pages.proxy:
        return [f"https://{host}" for host in pages.hosts]
    scheme = "https" if pages.tls is not None else "http"
    return [f"{scheme}://{host}:{pages.port}" for host in pages.hosts if pages.port]
