"""Profiles: which ones nobody has looked at for long, oldest first, and whom to call."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from aiohttp import web

from referral_directory.console import words
from referral_directory.console.routing import Route, get
from referral_directory.console.visit import Visit
from referral_protocol.directory.entries import REMOVED
from referral_ui.paging import PER_PAGE, Paging
from referral_ui.parts import Tag, Text


@dataclass(frozen=True)
class Row:
    """One line."""

    href: str
    name: Text
    assured: str
    tag: Tag | None
    contact: str
    telephone: Text


async def show(visit: Visit) -> web.StreamResponse:
    """All members that are not removed, the oldest assurance first."""
    roster, today = visit.site.roster, visit.times.here.local(visit.now).date()
    await roster.fresh()
    members = [each for each in roster.by_name() if each.status(visit.now) != REMOVED]
    days = {each.id: words.assured_day(roster.line(each.id)) or date.min for each in members}
    members.sort(key=lambda each: days[each.id])
    old = sum(words.is_old(roster.line(each.id), today) for each in members)
    paging = Paging.of(visit.asked("page"), len(members), lambda page: f"/profiles?page={page}")
    rows = []
    for member in members[paging.first : paging.first + PER_PAGE]:
        line, on = roster.line(member.id), days[member.id]
        rows.append(
            Row(
                f"/member/{member.id.hex()}",
                words.name_of(line, member.id),
                "never" if on == date.min else visit.times.long_day(on),
                Tag("Older than six months", "warn") if words.is_old(line, today) else None,
                line.contact or "no person is named",
                words.telephone(line.telephone),
            )
        )
    return visit.page("profiles.html", rows=rows, total=len(members), old=old, paging=paging)


routes: Final[list[Route]] = [get("/profiles", show)]
