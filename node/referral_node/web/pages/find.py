"""Find a service: map, table, filters, and the draft that services are checked against."""

import asyncio
from typing import Final

from aiohttp import web
from markupsafe import Markup

from referral_node.exchange import NO_ANSWERS
from referral_node.web.catalogue import FEW, Catalogue
from referral_node.web.members import organisation
from referral_node.web.pages import find_view
from referral_node.web.pages.at_hand import AtHand, at_hand, draft_of
from referral_node.web.pages.find_view import Row, Search
from referral_node.web.routing import Route, get
from referral_node.web.visit import Visit
from referral_protocol import codes
from referral_ui import words
from referral_ui.filters import FILTERS, Bits, known
from referral_ui.forms import Form
from referral_ui.map import NOTE, View
from referral_ui.paging import PER_PAGE, Paging
from referral_ui.parts import Text
from referral_ui.services import needs_of


async def show(visit: Visit) -> web.StreamResponse:
    """The page; its filters stand in the address, which holds nothing of a person."""
    query = visit.request.query
    draft = query.get("draft", "")
    hand = at_hand(visit, await draft_of(visit, draft)) if draft else None
    catalogue = visit.site.catalogue()
    offered = find_view.choices(catalogue.sets, with_draft=hand is not None)
    search = _search(known(query, offered), draft, hand, query.get("map", ""))
    needs = hand.wanted.needs if hand is not None else ()
    kept = catalogue.passing(search.filters, needs)
    paging = Paging.of(
        query.get("page", "1"),
        kept.bit_count(),
        lambda number: search.address(page=str(number) if number > 1 else ""),
    )
    rows = await _rows(visit, catalogue, search, kept, paging)
    counts = catalogue.counted(catalogue.everything), catalogue.counted(kept)
    return visit.page(
        "find.html",
        find=find_view.page(rows, offered, search, paging, counts),
        form=Form(FILTERS, {**search.filters, "draft": draft}),
        draft=draft,
        world=search.view == "world",
        about=_about(hand) if hand is not None else None,
        without="/find",
        borders=NOTE,
    )


async def _rows(
    visit: Visit, catalogue: Catalogue, search: Search, kept: Bits, paging: Paging
) -> list[Row]:
    upto = paging.first + PER_PAGE
    if search.wanted is None:
        ranked = catalogue.readiest(kept)
    elif paging.total > FEW:
        # Thousands of fits take a moment, in which everybody else's pages go on.
        ranked = await asyncio.to_thread(catalogue.best, search.wanted, kept, upto)
    else:
        ranked = catalogue.best(search.wanted, kept, upto)
    answers = await visit.exchange.figures.answers()
    rows = []
    for at in ranked[paging.first : upto]:
        member = catalogue.places[at].member
        service = catalogue.service(at)
        if service is not None:
            shown = organisation(member, visit.exchange.members.get(member))
            seen = answers.get(member, NO_ANSWERS)
            rows.append(find_view.row(service, shown, search, seen, visit.times))
    return rows


def _search(asked: dict[str, str], draft: str, hand: AtHand | None, view: str) -> Search:
    shown: View = "world" if view == "world" else "europe"
    if hand is None:
        return Search(asked, view=shown)
    return Search(asked, draft, hand.wanted, hand.wish, shown)


def _about(hand: AtHand) -> Text:
    """ "Oksana Tkachenko, lives in Utrecht, 34, speaks Ukrainian, needs emotional support." """
    wanted, wish = hand.wanted, hand.wish
    spoken = words.listing([codes.language_label(tag) for tag in wanted.languages])
    parts = [
        f"lives in {wish.lives_in}" if wish.lives_in else "",
        str(wish.age) if wish.age is not None else "",
        f"speaks {spoken}" if spoken else "",
        f"needs {needs_of(wanted.needs)}" if wanted.needs else "",
    ]
    named: Text = hand.person.full if hand.person.known else "a person without a name yet"
    said = "".join(f", {part}" for part in parts if part)
    return Markup("<strong>{}</strong>{}").format(named, said)


routes: Final[list[Route]] = [get("/find", show)]
