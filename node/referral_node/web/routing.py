"""How a page module says which addresses it answers.

A module under ``pages`` has ``routes: Final[list[Route]]``:

    async def show(visit: Visit) -> web.Response:
        return visit.page("organisation.html", organisation=...)

    async def compare(visit: Visit) -> web.Response:
        posted = await visit.posted()          # the form, its token looked at
        form = posted.form(("answer", "spoke_with"))   # a stale page is already noted in it
        ...
        if not form.valid:
            return visit.page("organisation.html", form=form, status=422)
        return await visit.once(posted, work)  # work() returns where to go; sent twice, done once

    routes: Final = [get("/organisation/{id}", show), post("/organisation/{id}/compare", compare)]

and ``app.ROUTES`` names it. Every handler here is for somebody signed in; who is not is
asked to sign in first and then comes back.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from referral_node.web.visit import Visit

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
