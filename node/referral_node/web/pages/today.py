"""Today: what needs a person now. And what is shown while much is being opened."""

from typing import Final

from aiohttp import web

from referral_node.exchange.looks import out_of_reach
from referral_node.web import freshness, today_view
from referral_node.web.pages.signin import AT_ONCE
from referral_node.web.routing import Route, get
from referral_node.web.today_rows import Known
from referral_node.web.visit import Visit


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    exchange = visit.exchange
    known = Known(
        times=visit.times,
        summaries=(await visit.cases()).all,
        drafts=await exchange.drafts.all(visit.vault),
        figures=await exchange.figures.figures(),
        organisation=visit.site.organisation,
        out_of_reach=await out_of_reach(exchange.core),
    )
    return visit.page("today.html", today=today_view.build(known), banners=freshness.banners(visit))


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


routes: Final[list[Route]] = [get("/", show), get("/opening", opening)]
