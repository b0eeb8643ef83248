"""Check before sending, and send; choose the recipient; delete a draft.

Law: what is sent is what the page showed: the draft's version and the answer-by time come back with
the button, and when either has moved on, the page is shown again instead. Sent once, whatever the
browser does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from aiohttp import web

from referral_node.exchange import Draft, DraftGone, FilesGone, StaleDraft, Summary, UnknownThread
from referral_node.exchange.files.filing import rows_of
from referral_node.web import freshness
from referral_node.web.pages import check_view
from referral_node.web.pages.at_hand import GONE, AtHand, at_hand, draft_of
from referral_node.web.pages.check_view import Around
from referral_node.web.pages.draft_content import answer_by
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import Visit
from referral_protocol import forms
from referral_protocol.statements import Head
from referral_ui.forms import Form
from referral_ui.problems import Problem
from referral_ui.times import HOUR

_CHANGED: Final = (
    "The draft was changed since you opened this page, so nothing was sent."
    " Read it again as it is now, then send it"
)
_LATER: Final = (
    "This page was open for so long that the answer-by time has moved on, so nothing was sent."
    " Look at the new time, then send it"
)


async def show(visit: Visit) -> web.StreamResponse:
    """The page before sending."""
    draft = await draft_of(visit, visit.request.match_info["draft"])
    return await _page(visit, await with_files(visit, at_hand(visit, draft)), Form())


async def send(visit: Visit) -> web.StreamResponse:
    """Sign, seal and queue it; the draft is gone with the same commit."""
    posted = await visit.posted()
    draft = await draft_of(visit, visit.request.match_info["draft"])
    form = posted.form(("confirm",))
    respond_by = _shown_time(posted.data.get("respond_by"))
    hand = await with_files(visit, at_hand(visit, draft, respond_by))
    shown = (posted.data.get("version"), posted.data.get("files"))
    if shown != (str(draft.version), hand.files):
        form.wrong_because("", _CHANGED)
    elif not _still_right(hand, respond_by):
        form.wrong_because("", _LATER)
    around = await around_of(visit, hand)
    page = check_view.build(hand, around, visit.times)
    if page.send is not None and page.send.confirm and not form.ticked("confirm"):
        form.wrong_because("confirm", f"Confirm that you asked {page.to} by telephone")
    if not form.valid or page.send is None or hand.recipient is None:
        again = await with_files(visit, at_hand(visit, draft))
        return await _page(visit, again, form, status=422)
    recipient = hand.recipient.id
    content, head = forms.body(hand.written.content)

    async def work() -> str:
        try:
            said = await visit.exchange.voice.open(
                visit.vault,
                visit.actor,
                recipient=recipient,
                head=Head("referral", head.priority, head.respond_by, None),
                content=content,
                draft=draft.id,
                follows=draft.follows,
            )
        except UnknownThread:
            raise Problem(404, "draft-gone", GONE, title="This was sent before") from None
        except FilesGone:
            raise Problem(409, "stale-form", f"{_CHANGED}.", title="Not sent") from None
        return f"/referral/{said.thread.hex()}"

    return await visit.once(posted, work)


async def with_files(visit: Visit, hand: AtHand) -> AtHand:
    """The same draft with what it will say of the files that were added to it."""
    entries = await visit.exchange.filing.added(visit.vault, hand.draft.id)
    if not entries:
        return hand
    content = {**hand.written.content, "files": rows_of(entries)}
    return replace(hand, written=replace(hand.written, content=content))


async def choose(visit: Visit) -> web.StreamResponse:
    """An organisation is the recipient now."""
    posted = await visit.posted()
    draft = await draft_of(visit, visit.request.match_info["draft"])
    member = visit.id("member", 16)
    if posted.stale or member == visit.exchange.us or visit.exchange.members.get(member) is None:
        raise Problem(409, "stale-form", "Open the organisation’s page again, then choose it.")
    stopped = await stopped_for(visit, member)
    if stopped:
        raise Problem(409, "directory-old", f"{stopped}.", title="Not chosen")
    hand = await choose_for(visit, draft, member)
    base = f"/new/{draft.id.hex()}"
    complete = not hand.written.of("consent")
    return visit.go(f"{base}/check" if complete else f"{base}/consent")


async def stopped_for(visit: Visit, member: bytes) -> str:
    """Why an organisation cannot be chosen now; "" when it can. No full stop."""
    tier, seen = visit.exchange.members.freshness, await visit.exchange.contacts.seen(member)
    return freshness.no_first_use(
        tier,
        seen,
        visit.site.organisation(member).plain,
        doubtful=member in visit.exchange.members.doubtful,
    )


async def choose_for(visit: Visit, draft: Draft, member: bytes) -> AtHand:
    """The draft with this organisation as its recipient, saved."""
    hand = at_hand(visit, msgspec.structs.replace(draft, recipient=member))
    changed = msgspec.structs.replace(hand.draft, content=hand.written.content)
    try:
        await visit.exchange.drafts.save(visit.vault, visit.actor, changed)
    except StaleDraft as stale:
        again = msgspec.structs.replace(stale.current, recipient=member)
        await visit.exchange.drafts.save(visit.vault, visit.actor, again)
    except DraftGone:
        raise Problem(404, "draft-gone", GONE) from None
    return hand


async def ask_to_delete(visit: Visit) -> web.StreamResponse:
    """Whether the draft is really to be deleted."""
    draft = await draft_of(visit, visit.request.match_info["draft"])
    hand = at_hand(visit, draft)
    return visit.page("new-delete.html", hand=hand, base=f"/new/{draft.id.hex()}")


async def delete(visit: Visit) -> web.StreamResponse:
    """The draft and its key are gone."""
    posted = await visit.posted()
    draft = await draft_of(visit, visit.request.match_info["draft"])

    async def work() -> str:
        await visit.exchange.drafts.discard(visit.actor, draft.id)
        visit.tell("The draft was deleted. Nothing was sent.")
        return "/"

    return await visit.once(posted, work)


async def around_of(visit: Visit, hand: AtHand) -> Around:
    """What the page before sending needs beside the draft."""
    content = hand.written.content
    alike = (await visit.cases()).alike(content)
    same = tuple(
        (summary, visit.site.organisation(summary.peer).name)
        for summary in same_person(content, alike)
        if summary.id != hand.draft.follows
    )
    if hand.recipient is None:
        return Around(None, same)
    contact = await visit.exchange.contacts.first_contact(visit.vault, hand.recipient.id)
    key = visit.exchange.members.current_prekey(hand.recipient.id)
    seen = await visit.exchange.contacts.seen(hand.recipient.id)
    members = visit.exchange.members
    doubtful = hand.recipient.id in members.doubtful
    return Around(contact, same, key is not None, seen, members.freshness, doubtful)


def same_person(content: Mapping[str, Any], cases: Sequence[Summary]) -> list[Summary]:
    """Open cases that may be about the same person. Case numbers are compared with our own only."""
    found = []
    for each in cases:
        if each.ended or each.case is None:
            continue
        who = {
            "name": each.case.name,
            "name_latin": each.case.latin,
            "date_of_birth": each.case.birth_date,
            "case_number": each.case.case_number if each.role == "referring" else "",
        }
        if forms.same_person(content, {"who": who}):
            found.append(each)
    return found


async def _page(visit: Visit, hand: AtHand, form: Form, *, status: int = 200) -> web.Response:
    page = check_view.build(hand, await around_of(visit, hand), visit.times)
    return visit.page("new-check.html", status=status, check=page, form=form)


def _shown_time(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None


def _still_right(hand: AtHand, shown: int | None) -> bool:
    """Whether the time that the page showed is still what the draft asks for, within an hour."""
    answer = hand.written.content.get("answer", {})
    if shown is None or answer.get("respond_by") != shown:
        return False
    typed = hand.draft.typed.get("answer", {}).get("respond_by", [""])
    if any(value.strip() for value in typed):
        return True
    proposed = answer_by(str(answer.get("priority")), hand.desk.now)
    return proposed is not None and abs(proposed - shown) <= HOUR


routes: Final[list[Route]] = [
    get("/new/{draft}/check", show),
    post("/new/{draft}/send", send),
    post("/new/{draft}/recipient/{member}", choose),
    get("/new/{draft}/delete", ask_to_delete),
    post("/new/{draft}/delete", delete),
]
