"""Moving to a new server: the steps in their order, a look whether the new address answers with our
key, and the announcement.

Law: where the node answers stands in `node.toml`, which is the administrator's; the directory says
it to others only once a keyholder has announced it. An address that does not answer with our keys
is announced only by somebody who says that they know why.
"""

from typing import Final

import msgspec
from aiohttp import web

from referral_node.exchange import NotJoined, UpdateRefused, UpdateWaits
from referral_node.web import updates_view
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Visit
from referral_protocol.directory.entries import Card
from referral_ui.forms import Form

HERE: Final = "/settings/move"
GOOD: Final = "answers"
WORDS: Final = {
    GOOD: "It answers with your keys.",
    "silent": "Nothing answers there.",
    "wrong-tls-key": "What answers there shows another TLS key than node.toml says.",
    "another-node": "Another node answers there, not yours.",
    "odd": "What answers there is not a node.",
}


async def show(visit: Visit) -> web.StreamResponse:
    """The steps, and whether there is something to announce."""
    return await _page(visit)


async def announce(visit: Visit) -> web.StreamResponse:
    """Look, then tell the directory."""
    posted = await visit.posted()
    form = posted.form(("sure",))
    card, joins = await _card(visit), visit.site.joins
    if card is None or joins is None or not _differs(visit, card):
        return visit.go(HERE)
    found = await joins.answers() if not posted.stale else ""
    if found != GOOD and posted.data.get("sure") != "yes" and not posted.stale:
        form.wrong_because("sure", f"{WORDS[found]} Nothing was announced")
    if not form.valid:
        return await _page(visit, form, found, status=422)
    ours = visit.site.config.exchange
    new = msgspec.structs.replace(card, endpoint=ours.endpoint, pins=ours.pin_bytes)

    async def work() -> str:
        try:
            await visit.exchange.updating.propose(visit.vault, visit.actor, new)
            visit.tell("Signed, and on its way to the directory.")
        except UpdateWaits:
            visit.tell("An earlier change is still on its way. Announce it when that has arrived.")
        except UpdateRefused as refusal:
            visit.tell(f"Not announced. {updates_view.why(refusal.code, refusal.detail)}")
        return HERE

    return await visit.once(posted, work)


async def _card(visit: Visit) -> Card | None:
    try:
        return await visit.exchange.updating.own_card()
    except NotJoined:
        return None


def _differs(visit: Visit, card: Card) -> bool:
    ours = visit.site.config.exchange
    return (card.endpoint, card.pins) != (ours.endpoint, ours.pin_bytes)


async def _page(
    visit: Visit, form: Form | None = None, found: str = "", *, status: int = 200
) -> web.Response:
    card = await _card(visit)
    ours = visit.site.config.exchange
    waiting = await visit.exchange.updating.status()
    return visit.page(
        "move.html",
        status=status,
        form=form or Form(("sure",), {}),
        joined=card is not None,
        differs=card is not None and _differs(visit, card),
        said="" if card is None else card.endpoint,
        ours=ours.endpoint,
        pins=card is not None and card.pins != ours.pin_bytes,
        found=found,
        good=found == GOOD,
        update=updates_view.banner(waiting, visit.times),
        waits=waiting is not None and waiting.state == "waiting",
        base=HERE,
    )


routes: Final[list[Route]] = [get(HERE, show), post(HERE, announce)]
