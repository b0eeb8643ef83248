"""The public pages over HTTP: drawn once for each state of the directory, then kept.

Law: for people, never for nodes: what a node needs it fetches whole (DIRECTORY 6), and a page about
one organisation says only that somebody read what everybody may read. No cookie, no script, nothing
kept of who asks; the access log names the route. A page has a strong ETag and may be kept for a
minute, so that a suspension is seen soon.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiohttp import hdrs, web
from aiohttp.helpers import ETag
from jinja2 import PackageLoader

from referral_directory.public import view
from referral_directory.public.published import Published
from referral_directory.public.view import ASKED, Stock
from referral_directory.server.limits import Pace, client_address
from referral_ui.assets import PREFIX, Assets
from referral_ui.environment import make_environment
from referral_ui.forms import Form
from referral_ui.http import HEADERS, static
from referral_ui.map import NOTE
from referral_ui.parts import Frame, Link

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Answer = TypeVar("Answer", bound=web.StreamResponse)

PRODUCT: Final = "Help for victims of crime"
OPERATOR: Final = "Victim Support Europe: members and their services"
MENU: Final = (Link("Services", "/"), Link("Organisations", "/members"))
FOOT: Final = (Link("The same for programs (HSDS 3.0)", "/hsds"),)
A_MINUTE: Final = "public, max-age=60"
KEPT: Final = 64
"""Pages kept drawn; one with fifty rows and the map takes 150 KB."""
DRAWN_AT_ONCE: Final = 120
DRAWN_PER_SECOND: Final = 2.0
"""How many new pages one address may let us draw, 20 ms each: whoever tries all filters at once
must not slow down the nodes."""
PARAMETERS: Final = (*ASKED, "map", "page")
LONGEST: Final = 40
"""Most characters of one parameter: no code and no number is longer."""
_NOT_OURS: Final = "X-Robots-Tag"
"""These pages are meant to be found."""


class PublicPages:
    """Made once; the page of each address is drawn when it is first asked for. ``pace``: how many
    pages one client may let us draw; those that are drawn already cost nothing."""

    def __init__(self, published: Published, assets: Assets, pace: Pace, *, proxy: bool) -> None:
        self._published = published
        self._pace = pace
        self._proxy = proxy
        self._assets = assets
        self._environment = make_environment(
            assets, PackageLoader("referral_directory", "public/templates")
        )
        self._stock: Stock | None = None
        self._drawn: OrderedDict[str, bytes] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """What is answered where; none of it under ``/v1`` or ``/tile``."""
        return [
            web.get("/", self.services),
            web.get("/members", self.members),
            web.get("/organisation/{member:[0-9a-f]{32}}", self.organisation),
            web.get(PREFIX + "/{hash}/{name}", _protected(static(self._assets))),
        ]

    async def services(self, request: web.Request) -> web.Response:
        """``GET /``: the map and the list of services."""
        stock, asked = await self._now(), _asked(request)

        def draw() -> str:
            page = view.services_page(stock, asked)
            return self._template(
                "services.html", "/", page=page, form=Form(ASKED, page.asked), borders=NOTE
            )

        return self._answer(request, stock, f"/?{sorted(asked.items())}", draw)

    async def members(self, request: web.Request) -> web.Response:
        """``GET /members``: the organisations."""
        stock, asked = await self._now(), _asked(request)

        def draw() -> str:
            return self._template("members.html", "/members", page=view.members_page(stock, asked))

        return self._answer(request, stock, f"/members?{asked.get('page')}", draw)

    async def organisation(self, request: web.Request) -> web.Response:
        """``GET /organisation/<id>``: one organisation, if it is published."""
        stock = await self._now()
        given = request.match_info["member"]
        member = stock.shown.by_id.get(bytes.fromhex(given))
        if member is None:
            gone = self._template("gone.html", "/members")
            return _shielded(web.Response(status=404, text=gone, content_type="text/html"))

        def draw() -> str:
            page = view.organisation_page(stock, member)
            return self._template("organisation.html", "/members", page=page)

        return self._answer(request, stock, f"/organisation/{given}", draw)

    async def _now(self) -> Stock:
        shown = await self._published.now()
        if self._stock is None or self._stock.shown is not shown:
            self._stock = Stock(shown)
            self._drawn.clear()
        return self._stock

    def _template(self, name: str, current: str, **values: object) -> str:
        frame = Frame(product=PRODUCT, organisation=OPERATOR, menu=MENU, foot=FOOT, current=current)
        return self._environment.get_template(name).render(frame=frame, **values)

    def _answer(
        self, request: web.Request, stock: Stock, key: str, draw: Callable[[], str]
    ) -> web.Response:
        """The page, or 304 if the client has it."""
        body = self._drawn.get(key)
        if body is None:
            self._pace.check(client_address(request, self._proxy))
            body = draw().encode("utf-8")
            if self._stock is stock:
                self._drawn[key] = body
                if len(self._drawn) > KEPT:
                    self._drawn.popitem(last=False)
        tag = ETag(hashlib.sha256(body).hexdigest()[:32])
        known = request.if_none_match or ()
        if any(each.value in (tag.value, "*") for each in known):
            response = web.Response(status=304)
        else:
            response = web.Response(body=body, content_type="text/html", charset="utf-8")
        response.etag = tag
        response.headers[hdrs.CACHE_CONTROL] = A_MINUTE
        return _shielded(response)


def _asked(request: web.Request) -> dict[str, str]:
    """The parameters that these pages know; what else an address holds is not looked at."""
    query = request.query
    return {name: query[name] for name in PARAMETERS if 0 < len(query.get(name, "")) <= LONGEST}


def _shielded(response: Answer) -> Answer:
    for header, value in HEADERS.items():
        if header != _NOT_OURS:
            response.headers[header] = value
    return response


def _protected(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return _shielded(await handler(request))

    return handle
