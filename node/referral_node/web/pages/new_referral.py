"""New referral: the eight steps. What was typed is saved with every button, valid or not.

Law: nothing is sent from here. No text that somebody typed is lost: what cannot be saved (another
window was quicker, the page is too old, the text is too long) is shown again with the reason.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from referral_node.exchange import Draft, DraftGone, StaleDraft
from referral_node.exchange.directory.members import ACTIVE
from referral_node.web.form_binding import (
    Typed,
    add_row,
    compacted,
    from_data,
    row_name,
)
from referral_node.web.going_on import Follows, goes_on_from
from referral_node.web.pages.at_hand import GONE, AtHand, at_hand, draft_of
from referral_node.web.pages.check import stopped_for
from referral_node.web.pages.layout import Ask, Rows, Side, Step, lists_of
from referral_node.web.pages.step_page import CHECK, Shown, build
from referral_node.web.pages.steps import BY_CODE, STEPS
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import STALE, Posted, Visit
from referral_ui import numbers
from referral_ui.problems import Problem

MOST: Final = 300_000
"""Characters of one step that are kept in a draft: more than any referral may hold."""

_KEPT: Final = "The draft is saved. Nothing has been sent."
_TOO_LONG: Final = (
    "This is too long to be kept: {count} characters in this step, at most {most}."
    " It stands below as you typed it. Shorten it, then save again"
)
_OTHER_WINDOW: Final = (
    "This step was changed in another window at {at}, so it was not saved again."
    " What you typed here is kept below. Save again to put it in the place of what is there now"
)


@dataclass(frozen=True)
class Sent:
    """What a step's form said: the inputs, the button, what its page had shown."""

    typed: dict[str, list[str]]
    do: str
    seen: str
    returns: str


async def begin(visit: Visit) -> web.StreamResponse:
    """The first step of a draft that does not exist yet; "to" names who was chosen before it."""
    draft = Draft(b"", recipient=await _chosen(visit, visit.request.query.get("to", "")))
    return await _page(visit, BY_CODE[STEPS[0]], {}, at_hand(visit, draft), Shown(_seen({})))


async def begun(visit: Visit) -> web.StreamResponse:
    """The first step was sent: the draft begins."""
    posted = await visit.posted()
    step = BY_CODE[STEPS[0]]
    sent = _sent(posted, step)
    refused = _refused(posted, sent)
    chosen = await _chosen(visit, posted.data.get("to"))
    if refused:
        hand = at_hand(visit, Draft(b"", typed={step.code: sent.typed}, recipient=chosen))
        shown = Shown(_seen({}), extra=(refused,), kept=True)
        return await _page(visit, step, sent.typed, hand, shown, status=422)

    async def work() -> str:
        filled = Draft(b"", recipient=chosen)
        made = await visit.exchange.drafts.create(visit.vault, visit.actor, filled=filled)
        draft = await visit.exchange.drafts.load(visit.vault, made)
        if draft is None:
            raise Problem(404, "draft-gone", GONE)
        typed, place = rows_done(step, sent)
        hand = await _save(visit, draft, step, typed)
        if sent.do == "continue" and any(each.typed for each in hand.written.of(step.code)):
            return f"/new/{hand.draft.id.hex()}/{step.code}?kept=1"
        if sent.do == "later":
            visit.tell(_KEPT)
        return _onward(hand, step, sent, place)

    return await visit.once(posted, work)


async def _chosen(visit: Visit, given: str) -> bytes | None:
    """The organisation with this id in hex, if it may be chosen; else nobody is, as yet."""
    if len(given) != 32 or set(given) - set("0123456789abcdef"):
        return None
    member = bytes.fromhex(given)
    found = visit.exchange.members.get(member)
    if member == visit.exchange.us or found is None or found.status != ACTIVE:
        return None
    return None if await stopped_for(visit, member) else member


async def show(visit: Visit) -> web.StreamResponse:
    """A step as it was saved."""
    draft, step = await _asked_for(visit)
    stored = draft.typed.get(step.code, {})
    typed = stored or proposed(visit, step)
    query = visit.request.query
    shown = Shown(
        _seen(stored),
        complete="missing" in query,
        kept="kept" in query,
        returns=CHECK if query.get("back") == CHECK else "",
        is_saved=step.code in draft.typed or draft.version > 1,
    )
    return await _page(visit, step, typed, at_hand(visit, draft), shown)


def proposed(visit: Visit, step: Step) -> dict[str, list[str]]:
    """What a step that nobody has saved yet proposes: whom they call is who is writing."""
    if step.code != "answer":
        return {}
    found = {"contact.name": [visit.actor.display], "contact.role": [""]}
    for person in visit.us.people:
        if person.plain_name == visit.actor.display:
            found["contact.role"] = [person.role]
            found["contact.telephone"] = [numbers.grouped(person.telephone.replace(" ", ""))]
            found["contact.email"] = [person.email]
    return found


async def save(visit: Visit) -> web.StreamResponse:
    """A step was sent: keep it, then go where the button said."""
    posted = await visit.posted()
    draft, step = await _asked_for(visit)
    sent = _sent(posted, step)
    typed, place = rows_done(step, sent)
    refused = _refused(posted, sent) or _overtaken(visit, draft, step, sent, typed)
    if refused:
        hand = at_hand(visit, _with(draft, step, sent.typed))
        seen = _seen(draft.typed.get(step.code, {}))
        shown = Shown(seen, returns=sent.returns, extra=(refused,), is_saved=False)
        return await _page(visit, step, sent.typed, hand, shown, status=422)
    hand = await _save(visit, draft, step, typed)
    if sent.do == "continue" and any(each.typed for each in hand.written.of(step.code)):
        shown = Shown(_seen(typed), returns=sent.returns, kept=True)
        return await _page(visit, step, typed, hand, shown, status=422)
    if sent.do == "later":
        visit.tell(_KEPT)
    return visit.go(_onward(hand, step, sent, place))


async def _page(
    visit: Visit, step: Step, typed: Typed, hand: AtHand, shown: Shown, *, status: int = 200
) -> web.Response:
    page, form = build(step, typed, hand, shown, visit.times)
    earlier = await _earlier(visit, hand.draft)
    # Until there is a draft that holds it, the form carries whom they had chosen.
    to = hand.recipient if not hand.draft.version else None
    return visit.page(
        "new-step.html", status=status, step=page, form=form, earlier=earlier, chosen=to
    )


async def _earlier(visit: Visit, draft: Draft) -> Follows | None:
    """The referral that a draft goes on from, or the question that they answered."""
    if draft.follows is None:
        return None
    found = (await visit.exchange.lists.some(visit.vault, [draft.follows])).get(draft.follows)
    if found is None:
        return None
    return goes_on_from(found, visit.site.organisation(found.peer))


async def _asked_for(visit: Visit) -> tuple[Draft, Step]:
    step = BY_CODE.get(visit.request.match_info["step"])
    if step is None:
        raise web.HTTPNotFound
    return await draft_of(visit, visit.request.match_info["draft"]), step


def _sent(posted: Posted, step: Step) -> Sent:
    """The inputs of this step alone; whatever else a form may carry is left behind."""
    data = posted.data
    roots = {each.key for each in step.fields}
    typed = {name: values for name, values in from_data(data).items() if _root(name) in roots}
    return Sent(
        typed,
        data.get("do", "continue"),
        data.get("seen"),
        CHECK if data.get("back") == CHECK else "",
    )


def _root(name: str) -> str:
    first = name.split(".")[0]
    for part in ("-day", "-month", "-year"):
        first = first.removesuffix(part)
    return first


def _refused(posted: Posted, sent: Sent) -> str:
    """Why this page cannot be saved at all; "" when it can."""
    if posted.stale:
        return STALE
    count = sum(len(value) for values in sent.typed.values() for value in values)
    if count > MOST:
        return _TOO_LONG.format(count=f"{count:,}", most=f"{MOST:,}")
    return ""


def _overtaken(visit: Visit, draft: Draft, step: Step, sent: Sent, typed: Typed) -> str:
    """Whether another window changed this step since the page was drawn, to something else."""
    stored = draft.typed.get(step.code, {})
    if _seen(stored) == sent.seen or _seen(stored) == _seen(typed):
        return ""
    return _OTHER_WINDOW.format(at=visit.times.clock(draft.saved_at))


def _seen(typed: Typed) -> str:
    """Which content of a step a page showed: compared, never read back."""
    mark = hashlib.sha256()
    for name in sorted(typed):
        mark.update(msgspec.msgpack.encode([name, list(typed[name])]))
    return mark.hexdigest()[:32]


def rows_done(step: Step, sent: Sent) -> tuple[dict[str, list[str]], str]:
    """What was typed, with the row that was asked for or without the one that was taken away; and
    the input to go to then."""
    lists = {rows.key: rows for rows in lists_of(step.blocks)}
    does, _, what = sent.do.partition(":")
    if does == "remove":
        key = what.rsplit(".", 1)[0]
        return compacted(sent.typed, lists, without=what), f"{key}.0" if key in lists else ""
    typed = compacted(sent.typed, lists)
    if does == "add" and what in lists:
        inner = _first_key(lists[what])
        typed, number = add_row(typed, what, inner)
        return typed, row_name(what, number, inner)
    return typed, ""


def _first_key(rows: Rows) -> str:
    """The key of the first input of a row; "" where the row is one input."""
    for block in rows.blocks:
        match block:
            case Ask(key):
                return key
            case Side(asks):
                return asks[0].key
            case _:
                continue
    return ""


def _with(draft: Draft, step: Step, typed: Mapping[str, list[str]]) -> Draft:
    return msgspec.structs.replace(draft, typed={**draft.typed, step.code: dict(typed)})


async def _save(visit: Visit, draft: Draft, step: Step, typed: dict[str, list[str]]) -> AtHand:
    """Keep a step; when another step was saved at the same moment, put this one beside it."""
    for _ in range(5):
        hand = at_hand(visit, _with(draft, step, typed))
        changed = msgspec.structs.replace(
            hand.draft,
            content=hand.written.content,
            step=step.code,
            done=tuple(code for code in STEPS if hand.written.done(code)),
        )
        try:
            saved = await visit.exchange.drafts.save(visit.vault, visit.actor, changed)
        except StaleDraft as stale:
            draft = stale.current
        except DraftGone:
            raise Problem(404, "draft-gone", GONE, title="There is no such draft") from None
        else:
            return replace(hand, draft=saved)
    raise Problem(503, "draft-busy", "This draft is being saved in other windows. Save it again.")


def _onward(hand: AtHand, step: Step, sent: Sent, place: str) -> str:
    base = f"/new/{hand.draft.id.hex()}"
    if sent.do.startswith(("add:", "remove:")):
        query = f"?{urlencode({'back': sent.returns})}" if sent.returns else ""
        return f"{base}/{step.code}{query}" + (f"#{place}" if place else "")
    if sent.do == "later":
        return "/"
    if sent.do == "find":
        return f"/find?{urlencode({'draft': hand.draft.id.hex()})}"
    number = STEPS.index(step.code) + 1
    if sent.returns or number == len(STEPS):
        return f"{base}/{CHECK}"
    return f"{base}/{STEPS[number]}"


routes: Final[list[Route]] = [
    get("/new", begin),
    post("/new", begun),
    get("/new/{draft}/{step}", show),
    post("/new/{draft}/{step}", save),
]
