"""All referrals: every thread that is here, open ones first, fifty to a page.

Law: one line each, and nothing hidden: what could not be read yet is a line too. Only lines that
are shown are decrypted; what the list chooses and sorts by, the node knows without any case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from referral_node.exchange import Choice as Chosen
from referral_node.exchange import Summary
from referral_node.web.members import Organisation
from referral_node.web.routing import Route, get
from referral_node.web.visit import Visit
from referral_protocol import codes
from referral_ui import names
from referral_ui.forms import Form
from referral_ui.paging import PER_PAGE, Paging
from referral_ui.parts import Choice, Link, Text
from referral_ui.times import Times

ENDED: Final[dict[str, bool | None]] = {"open": False, "ended": True, "all": None}
CHOICES: Final = {"open": "Open", "ended": "Ended", "all": "All"}
FILTERS: Final = ("with", "state")
_KINDS: Final = {"advice": "Question for advice", "capacity": "Capacity query"}


@dataclass(frozen=True)
class Line:
    """One thread in the table."""

    href: str
    name: Text
    other: Text
    state: str
    changed: str


@dataclass(frozen=True)
class Asked:
    """What the address asks for. "" leaves nothing out."""

    which: str
    member: str
    state: str

    @property
    def choice(self) -> Chosen:
        peer = bytes.fromhex(self.member) if self.member else None
        return Chosen(ENDED[self.which], peer, self.state or None)

    def address(self, which: str | None = None, page: int = 1) -> str:
        """Of the same list, of the other choice, of another page."""
        asked = {"which": which or self.which, "with": self.member, "state": self.state}
        if page > 1:
            asked["page"] = str(page)
        return "/referrals?" + urlencode({name: value for name, value in asked.items() if value})


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


async def show(visit: Visit) -> web.StreamResponse:
    """The page; its choices stand in the address, which holds nothing of a person."""
    lists, query = visit.exchange.lists, visit.request.query
    members = _members([visit.site.organisation(peer) for peer in await lists.peers()])
    states = [Choice(code, row.label) for code, row in codes.listed("states").codes.items()]
    asked = Asked(
        _one_of(query.get("which", ""), list(CHOICES)) or "open",
        _one_of(query.get("with", ""), [each.code for each in members]),
        _one_of(query.get("state", ""), [each.code for each in states]),
    )
    total = await lists.count(asked.choice)
    paging = Paging.of(query.get("page", "1"), total, lambda page: asked.address(page=page))
    part = await lists.page(visit.vault, asked.choice, paging.first, PER_PAGE)
    count = "1 referral" if total == 1 else f"{total:,} referrals"
    return visit.page(
        "all.html",
        lines=[line(s, visit.site.organisation(s.peer), visit.times) for s in part],
        caption=count + paging.place,
        which=asked.which,
        choices=[Link(text, asked.address(code)) for code, text in CHOICES.items()],
        here=asked.address(),
        filtered=bool(asked.member or asked.state),
        form=Form(FILTERS, {"with": asked.member, "state": asked.state}),
        members=members,
        states=states,
        previous=paging.previous,
        following=paging.following,
    )


def _members(organisations: Sequence[Organisation]) -> list[Choice]:
    found = sorted(organisations, key=lambda each: each.latin.casefold())
    return [Choice(each.id.hex(), each.plain) for each in found]


def _one_of(asked: str, known: Sequence[str]) -> str:
    """An old or mistyped address leaves nothing out."""
    return asked if asked in known else ""


routes: Final[list[Route]] = [get("/referrals", show)]
