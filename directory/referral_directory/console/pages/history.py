"""The log as a readable history: each entry one sentence, newest first."""

from typing import Final

from aiohttp import web

from referral_directory.console import words
from referral_directory.console.history_view import Teller
from referral_directory.console.routing import Route, get
from referral_directory.console.visit import Visit
from referral_directory.log.history import History
from referral_protocol.directory.entries import anchor_text
from referral_ui.paging import PER_PAGE, Paging


async def show(visit: Visit) -> web.StreamResponse:
    """The whole log, or one member's entries."""
    await visit.site.roster.fresh()
    member = visit.asked_member()
    history, teller = History(visit.site.ledger), Teller.of(visit)
    total = await history.count(member)
    query = "" if member is None else f"&member={member.hex()}"
    paging = Paging.of(visit.asked("page"), total, lambda page: f"/log?page={page}{query}")
    rows = [teller.row(each) for each in await history.lines(paging.first, PER_PAGE, member)]
    ledger = visit.site.ledger
    return visit.page(
        "log.html",
        rows=rows,
        total=total,
        paging=paging,
        only=None if member is None else words.name_of(visit.site.roster.line(member), member),
        signed=visit.times.moment(ledger.checkpoint.at),
        size=ledger.checkpoint.size,
        anchor=anchor_text(ledger.directory.genesis),
    )


routes: Final[list[Route]] = [get("/log", show)]
