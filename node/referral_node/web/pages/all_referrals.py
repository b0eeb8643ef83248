"""All referrals: every thread that is here, open ones first, fifty to a page.

Law: one line each, and nothing hidden: what could not be read yet is a line too.
"""

from dataclasses import dataclass
from typing import Final

from aiohttp import web
from markupsafe import Markup

from referral_node.exchange import Summary
from referral_node.web.members import Organisation
from referral_node.web.routing import Route, get
from referral_node.web.visit import Visit
from referral_protocol import codes
from referral_ui import names
from referral_ui.parts import Link, Text
from referral_ui.times import Times

PER_PAGE: Final = 50
CHOICES: Final = {"open": "Open", "ended": "Ended", "all": "All"}
_KINDS: Final = {"advice": "Question for advice", "capacity": "Capacity query"}


@dataclass(frozen=True)
class Line:
    """One thread in the table."""

    href: str
    name: Text
    other: Text
    state: str
    changed: str


def line(summary: Summary, other: Organisation, times: Times) -> Line:
    """One thread as a line. Pure."""
    case = summary.case
    if case is not None and case.name:
        name: Text = names.name(case.name, case.language or None, case.latin or None)
    else:
        name = _KINDS.get(summary.kind, "Not opened yet")
    direction = "To" if summary.role == "referring" else "From"
    return Line(
        href=f"/referral/{summary.id.hex()}",
        name=name,
        other=Markup("{} {}").format(direction, other.full),
        state=codes.label("states", summary.state),
        changed=str(times.moment(summary.changed_at)),
    )


def chosen(summaries: list[Summary], which: str) -> list[Summary]:
    """The threads of one choice, the last changed first. Pure."""
    if which == "all":
        return sorted(summaries, key=lambda s: (s.ended, -s.changed_at))
    return [s for s in summaries if s.ended == (which == "ended")]


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    which = visit.request.query.get("which", "open")
    which = which if which in CHOICES else "open"
    found = chosen(await visit.exchange.threads.index(visit.vault, visit.kept.threads), which)
    number = _number(visit.request.query.get("page", "1"), len(found))
    part = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    return visit.page(
        "all.html",
        lines=[line(s, visit.site.organisation(s.peer), visit.times) for s in part],
        total=len(found),
        which=which,
        choices=[Link(text, f"/referrals?which={code}") for code, text in CHOICES.items()],
        here=f"/referrals?which={which}",
        previous=_link(which, number - 1) if number > 1 else None,
        following=_link(which, number + 1) if number * PER_PAGE < len(found) else None,
    )


def _number(text: str, total: int) -> int:
    """The page that was asked for, or the nearest there is."""
    last = max(1, -(-total // PER_PAGE))
    return min(max(1, int(text)), last) if text.isascii() and text.isdigit() else 1


def _link(which: str, number: int) -> Link:
    return Link(f"page {number}", f"/referrals?which={which}&page={number}")


routes: Final[list[Route]] = [get("/referrals", show)]
