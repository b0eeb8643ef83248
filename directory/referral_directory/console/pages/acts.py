"""Who changed what: everything that registrars did, newest first, and who signed in."""

from typing import Final

from aiohttp import web

from referral_directory import registrars
from referral_directory.console.history_view import Teller
from referral_directory.console.request_view import profile_of
from referral_directory.console.routing import Route, get
from referral_directory.console.visit import Visit
from referral_directory.log.journal import TERMINAL, Act
from referral_directory.log.roster import line_of
from referral_ui.forms import Form
from referral_ui.paging import PER_PAGE, Paging
from referral_ui.parts import Choice


async def show(visit: Visit) -> web.StreamResponse:
    """All acts, or those of one registrar."""
    await visit.site.roster.fresh()
    known = registrars.everybody(visit.site.folder)
    names = {each.name for each in known} | {TERMINAL}
    asked = visit.asked("by")
    who = asked if asked in names else None
    journal, teller = visit.office.journal, Teller.of(visit)
    total = await journal.count(who)
    query = f"&by={who}" if who else ""
    paging = Paging.of(visit.asked("page"), total, lambda page: f"/acts?page={page}{query}")
    rows = []
    for act in await journal.lines(paging.first, PER_PAGE, who):
        rows.append(teller.act(act, await _asked(visit, act)))
    choices = [Choice(each.name, each.display) for each in known]
    return visit.page(
        "acts.html",
        rows=rows,
        total=total,
        paging=paging,
        form=Form((), {"by": who or ""}),
        choices=[*choices, Choice(TERMINAL, teller.registrar(TERMINAL))],
        narrowed=who is not None,
    )


async def _asked(visit: Visit, act: Act) -> str:
    """What an applicant calls itself that is no member; "" for members."""
    if act.request is None or visit.site.ledger.directory.member(act.member or b"") is not None:
        return ""
    kept = await visit.site.requests.get(act.request)
    profile = None if kept is None else profile_of(kept)
    unknown = f"request {act.request.hex()[:8]}"
    return unknown if profile is None else line_of(profile).readable


routes: Final[list[Route]] = [get("/acts", show)]
