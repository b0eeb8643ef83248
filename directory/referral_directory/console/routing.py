"""How a page module says which addresses it answers; every handler is for a registrar signed in.

async def show(visit: Visit) -> web.StreamResponse: ...

routes: Final = [get("/members", show), post("/member/{member}/suspend", suspend)]
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from referral_directory.console.visit import Visit

Handler = Callable[[Visit], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One address, one method, one handler."""

    method: str
    path: str
    handler: Handler


def get(path: str, handler: Handler) -> Route:
    """A page to look at."""
    return Route("GET", path, handler)


def post(path: str, handler: Handler) -> Route:
    """A form to send."""
    return Route("POST", path, handler)
