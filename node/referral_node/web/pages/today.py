"""Today: what needs a person now."""

from typing import Final

from aiohttp import web

from referral_node.web.routing import Route, get
from referral_node.web.visit import Visit


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    return visit.page("today.html")


routes: Final[list[Route]] = [get("/", show)]
