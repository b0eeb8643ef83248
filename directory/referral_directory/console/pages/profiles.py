"""Profiles: which ones nobody has looked at for long, oldest first, and whom to call."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aiohttp import web

from referral_directory.console import words
from referral_directory.console.routing import Route, get
from referral_directory.console.visit import Visit
from referral_directory.log.roster import OLD_AFTER
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
    aged = roster.by_age()
    first_good = (today - timedelta(days=OLD_AFTER)).isoformat()
    old = bisect_left(aged, first_good, key=lambda pair: pair[0])
    paging = Paging.of(visit.asked("page"), len(aged), lambda page: f"/profiles?page={page}")
    rows = []
    for _, member in aged[paging.first : paging.first + PER_PAGE]:
        line = roster.line(member.id)
        on = words.assured_day(line)
        rows.append(
            Row(
                f"/member/{member.id.hex()}",
                words.name_of(line, member.id),
                "not yet" if on is None else visit.times.long_day(on),
                Tag("Older than six months", "warn") if words.is_old(line, member, today) else None,
                line.contact or "no person is named",
                words.telephone(line.telephone),
            )
        )
    return visit.page("profiles.html", rows=rows, total=len(aged), old=old, paging=paging)


routes: Final[list[Route]] = [get("/profiles", show)]
