"""Published services to everybody as HSDS 3.0: pages of JSON, and the data package (decision 0026).

Law: what goes out is what :class:`Published` shows, and nothing beside it. A page costs what is on
it, however many members there are; the package is made once for each change, by one at a time.
"""

import asyncio
import hashlib
from bisect import bisect_right
from itertools import accumulate
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web
from aiohttp.helpers import ETag

from referral_directory.public.published import Published, Shown
from referral_directory.server.problems import problem
from referral_protocol.hsds import export, tabular
from referral_protocol.hsds.export import Document
from referral_protocol.hsds.tables import VERSION
from referral_ui.archives import packed

PER_PAGE: Final = 50
KEPT: Final = 32
"""Pages that are kept, of some 8 KB for each service."""
PACKAGE: Final = "hsds.zip"
ABOUT: Final = {
    "version": VERSION,
    "profile": "https://docs.openreferral.org/en/3.0/",
    "openapi_url": "https://raw.githubusercontent.com/openreferral/specification/3.0/schema/openapi.json",
}
_FRESH: Final = "public, max-age=300"
_ID: Final = r"{id:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}}"


class Services:
    """All published services in their order: members by name, the services as each member has."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self._ends = list(accumulate(len(each.profile.services) for each in shown.members))
        self._places: dict[str, int] | None = None
        self.package: bytes | None = None
        self.pages: dict[tuple[int, int], bytes] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def some(self, start: int, count: int) -> list[Document]:
        """Documents from ``start`` on, as many as there are of ``count``."""
        found: list[Document] = []
        at = bisect_right(self._ends, start)
        skip = start - (self._ends[at - 1] if at else 0)
        for member in self.shown.members[at:]:
            found += export.services(member.id, member.profile)[skip:]
            skip = 0
            if len(found) >= count:
                break
        return found[:count]

    def one(self, name: str) -> Document | None:
        """The service of this id."""
        if self._places is None:
            names = [
                name
                for member in self.shown.members
                for name in export.service_ids(member.id, member.profile.services)
            ]
            self._places = {name: place for place, name in enumerate(names)}
        place = self._places.get(name)
        return None if place is None else self.some(place, 1)[0]

    def page(self, number: int, size: int) -> bytes:
        """A page, as it is served; the last ones asked for are kept."""
        found = self.some((number - 1) * size, size)
        body = msgspec.json.encode(export.page(found, number, size, len(self)))
        if len(self.pages) >= KEPT:
            self.pages.clear()
        self.pages[number, size] = body
        return body

    def pack(self) -> bytes:
        """The data package of all of them."""
        documents = (
            document
            for member in self.shown.members
            for document in export.services(member.id, member.profile)
        )
        return packed(tabular.package(documents))


class Hsds:
    """The handlers."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self._services: Services | None = None
        self._packing = asyncio.Lock()

    async def about(self, request: web.Request) -> web.Response:
        """``GET /hsds``: which version this is, as HSDS's API says it."""
        return _json(request, ABOUT)

    async def services(self, request: web.Request) -> web.Response:
        """``GET /hsds/services?page=1&per_page=50``"""
        number = _number(request, "page", 1, 1_000_000)
        size = _number(request, "per_page", PER_PAGE, export.MOST_ON_A_PAGE)
        if number is None or size is None:
            most = export.MOST_ON_A_PAGE
            return problem(
                400, f"page and per_page are whole numbers from 1, per_page up to {most}."
            )
        services = await self._now()
        body = services.pages.get((number, size))
        if body is None:
            body = await asyncio.to_thread(services.page, number, size)
        return _answer(request, body, "application/json")

    async def service(self, request: web.Request) -> web.Response:
        """``GET /hsds/services/<id>``"""
        found = (await self._now()).one(request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound
        return _json(request, found)

    async def package(self, request: web.Request) -> web.Response:
        """``GET /hsds/hsds.zip``"""
        services = await self._now()
        async with self._packing:
            if services.package is None:
                services.package = await asyncio.to_thread(services.pack)
        response = _answer(request, services.package, "application/zip")
        response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="{PACKAGE}"'
        return response

    def routes(self) -> list[web.RouteDef]:
        """What is answered where."""
        return [
            web.get("/hsds", self.about),
            web.get("/hsds/services", self.services),
            web.get(f"/hsds/services/{_ID}", self.service),
            web.get(f"/hsds/{PACKAGE}", self.package),
        ]

    async def _now(self) -> Services:
        shown = await self._published.now()
        if self._services is None or self._services.shown is not shown:
            self._services = Services(shown)
        return self._services


def _number(request: web.Request, name: str, default: int, most: int) -> int | None:
    """A whole number from the address; None if it is none, or out of range."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        return None
    return int(text) if 1 <= int(text) <= most else None


def _json(request: web.Request, document: Any) -> web.Response:
    return _answer(request, msgspec.json.encode(document), "application/json")


def _answer(request: web.Request, body: bytes, content_type: str) -> web.Response:
    tag = ETag(hashlib.sha256(body).hexdigest()[:32])
    if any(each.value in (tag.value, "*") for each in request.if_none_match or ()):
        response = web.Response(status=304)
    else:
        response = web.Response(body=body, content_type=content_type)
    response.etag = tag
    response.headers[hdrs.CACHE_CONTROL] = _FRESH
    # It is for everybody: pages of others may read it in a browser as well.
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
    return response
