"""Today: what needs a person now. And what is shown while much is being opened."""

from typing import Final

from aiohttp import web

from referral_node.exchange.cases.looks import out_of_reach
from referral_node.exchange.directory.members import REMOVED, SUSPENDED
from referral_node.web import freshness, missing_view, own_news, today_view
from referral_node.web.pages.signin import AT_ONCE
from referral_node.web.routing import Route, get
from referral_node.web.today_job import Known
from referral_node.web.visit import Visit
from referral_ui.paging import PER_PAGE, Paging


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    today = today_view.build(await known_to(visit))
    banners = (
        *await own_news.banners(visit),
        *freshness.banners(visit),
        *await missing_view.banners(visit),
    )
    ours = await own_news.jobs(visit)
    joined = visit.exchange.members.get(visit.exchange.us) is not None
    return visit.page(
        "today.html",
        today=today,
        banners=banners,
        ours=ours,
        joined=joined,
        stopped=visit.us.status in (SUSPENDED, REMOVED),
    )


async def known_to(visit: Visit) -> Known:
    """What Today is made of."""
    exchange = visit.exchange
    return Known(
        times=visit.times,
        summaries=(await visit.cases()).all,
        drafts=await exchange.drafts.all(visit.vault),
        figures=await exchange.figures.figures(),
        organisation=visit.site.organisation,
        out_of_reach=await out_of_reach(exchange.core),
    )


async def part(visit: Visit) -> web.StreamResponse:
    """One group of Today, for who has more of it than Today shows."""
    code = visit.request.match_info["group"]
    if code not in today_view.CODES:
        raise web.HTTPNotFound
    rows = today_view.rows_of(await known_to(visit), code)
    asked = visit.request.query.get("page", "1")
    paging = Paging.of(asked, len(rows), lambda page: f"/today/{code}?page={page}")
    return visit.page(
        "today-part.html",
        group=today_view.group(code, rows, paging.first, PER_PAGE),
        caption=f"{len(rows):,} in all{paging.place}.",
        previous=paging.previous,
        following=paging.following,
    )


async def opening(visit: Visit) -> web.StreamResponse:
    """After a long absence: what has come is opened part by part, with progress in words."""
    result = await visit.exchange.importing.run(visit.vault, visit.actor, AT_ONCE)
    done = visit.kept.opened = visit.kept.opened + visit.imported.imported + result.imported
    if not result.left:
        visit.kept.opened = 0
        return visit.go("/")
    page = visit.page("opening.html", done=f"{done:,}", left=f"{result.left:,}")
    # No script and no wait: the browser asks for the next part as soon as it has drawn this one.
    page.headers["Refresh"] = "0"
    return page


routes: Final[list[Route]] = [
    get("/", show),
    get("/today/{group}", part),
    get("/opening", opening),
]
