"""Find a service: the table, its filters, and the draft that it is checked against."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from markupsafe import Markup

from referral_node.web import fit_words
from referral_node.web.members import Organisation, organisation
from referral_node.web.pages import find_view
from referral_node.web.pages.at_hand import AtHand, at_hand, draft_of
from referral_node.web.pages.find_view import FILTERS, Search
from referral_node.web.routing import Route, get
from referral_node.web.visit import Visit
from referral_protocol import codes
from referral_ui import words
from referral_ui.forms import Form
from referral_ui.parts import Text


async def show(visit: Visit) -> web.StreamResponse:
    """The page; its filters stand in the address, which holds nothing of a person."""
    query = visit.request.query
    draft = query.get("draft", "")
    hand = at_hand(visit, await draft_of(visit, draft)) if draft else None
    members = members_of(visit)
    asked = {name: query.get(name, "") for name in FILTERS}
    choices = find_view.build(members, _search(asked, draft, hand), {}, visit.times).choices
    for name, value in asked.items():
        # An old or mistyped address must not leave everything out.
        if value not in {getattr(choice, "code", "") for choice in choices[name]}:
            asked[name] = ""
    answers = await visit.exchange.figures.answers()
    found = find_view.build(members, _search(asked, draft, hand), answers, visit.times)
    return visit.page(
        "find.html",
        find=found,
        form=Form(FILTERS, {**asked, "draft": draft}),
        draft=draft,
        about=_about(hand) if hand is not None else None,
        without="/find",
    )


def members_of(visit: Visit) -> Sequence[Organisation]:
    """All other organisations, by name."""
    listed = visit.exchange.members.all()
    return [organisation(each.id, each) for each in listed if each.id != visit.exchange.us]


def _search(asked: dict[str, str], draft: str, hand: AtHand | None) -> Search:
    if hand is None:
        return Search(asked)
    return Search(asked, draft, hand.wanted, hand.wish)


def _about(hand: AtHand) -> Text:
    """ "Oksana Tkachenko, lives in Utrecht, 34, speaks Ukrainian, needs emotional support." """
    wanted, wish = hand.wanted, hand.wish
    spoken = words.listing([codes.language_label(tag) for tag in wanted.languages])
    parts = [
        f"lives in {wish.lives_in}" if wish.lives_in else "",
        str(wish.age) if wish.age is not None else "",
        f"speaks {spoken}" if spoken else "",
        f"needs {fit_words.needs(wanted.needs)}" if wanted.needs else "",
    ]
    named: Text = hand.person.full if hand.person.known else "a person without a name yet"
    said = "".join(f", {part}" for part in parts if part)
    return Markup("<strong>{}</strong>{}").format(named, said)


routes: Final[list[Route]] = [get("/find", show)]
