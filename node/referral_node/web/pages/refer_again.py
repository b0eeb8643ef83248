"""What comes after a referral that nobody took: another one, or a word why there is none.

Law: a draft begins with what we sent, as this node keeps it, and with nothing of the consent. It is
made once, however often the button is pressed. Nothing of this is told to anybody.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from aiohttp import web

from referral_node.exchange import Draft
from referral_node.exchange.sending.following import close_case
from referral_node.web import freshness, query_words
from referral_node.web.case import Case
from referral_node.web.going_on import (
    REASONS,
    Suggestion,
    can_go_on,
    carried,
    not_delivered,
    suggestion_of,
    what_became,
)
from referral_node.web.members import Organisation
from referral_node.web.pages.at_hand import at_hand
from referral_node.web.pages.check import choose_for
from referral_node.web.pages.referral import case_of, followed, look
from referral_node.web.pages.refill import typed_again, typed_of_query
from referral_node.web.pages.steps import STEPS
from referral_node.web.routing import Route, get, post
from referral_node.web.visit import STALE, Visit
from referral_ui.forms import Form
from referral_ui.parts import Choice
from referral_ui.problems import Problem

SUGGESTED: Final = "suggested"
FIND: Final = "find"
MOST: Final = 500
"""Characters of a reason in words."""
_NOT_NOW: Final = (
    "A referral to another service begins when this one was declined, has ended without help, was"
    " withdrawn or did not arrive."
)


async def ask(visit: Visit) -> web.StreamResponse:
    """What the new referral begins with, and to whom."""
    return await _page(visit, _ready(await look(visit)), Form(("to",)))


async def begin(visit: Visit) -> web.StreamResponse:
    """The draft begins; then its service is looked for, or its consent asked."""
    posted = await visit.posted()
    case = _ready(await case_of(visit))
    form = posted.form(("to",))
    suggested = _suggestion(visit, case)
    member = suggested.member if suggested is not None else None
    to: str | None = FIND
    if member is not None:
        to = form.choice("to", (SUGGESTED, FIND), missing="Say to whom it is to go")
        if to == SUGGESTED:
            tier = visit.exchange.members.freshness
            seen = await visit.exchange.contacts.seen(member.id)
            stopped = freshness.no_first_use(tier, seen, member.plain)
            if stopped:
                form.wrong_because("to", stopped)
    if not form.valid:
        return await _page(visit, case, form, status=422)
    recipient = member.id if member is not None and to == SUGGESTED else None

    async def work() -> str:
        made = (await begin_draft(visit, case, recipient)).hex()
        return f"/find?draft={made}" if recipient is None else f"/new/{made}/consent"

    return await visit.once(posted, work)


async def refer(visit: Visit) -> web.StreamResponse:
    """They have room: the draft that was asked for goes to them, or a new one begins."""
    posted = await visit.posted()
    case = await case_of(visit)
    if not query_words.has_room(case):
        raise Problem(409, "not-now", "They have not said that they have room.", title="Not now")
    if posted.stale:
        raise Problem(409, "stale-form", f"{STALE}.", title="Not done")

    async def work() -> str:
        asked_for = case.view.asked_for
        draft = None
        if asked_for is not None:
            draft = await visit.exchange.drafts.load(visit.vault, asked_for)
        if draft is not None and draft.recipient in (None, case.view.peer):
            await choose_for(visit, draft, case.view.peer)
            return f"/new/{draft.id.hex()}/consent"
        typed = typed_of_query(case.content, visit.times)
        made = await _create(visit, case, typed, case.view.peer, STEPS[0])
        return f"/new/{made.hex()}/{STEPS[0]}"

    return await visit.once(posted, work)


async def begin_draft(visit: Visit, case: Case, recipient: bytes | None) -> bytes:
    """A draft with what was sent in a case, that goes on from it; its id."""
    typed = typed_again(case.content, visit.times)
    return await _create(visit, case, typed, recipient, "consent")


async def _create(
    visit: Visit,
    case: Case,
    typed: dict[str, dict[str, list[str]]],
    recipient: bytes | None,
    step: str,
) -> bytes:
    draft = Draft(b"", typed=typed, recipient=recipient, step=step, follows=case.view.id)
    hand = at_hand(visit, draft)
    filled = msgspec.structs.replace(
        draft,
        content=hand.written.content,
        done=tuple(code for code in STEPS if hand.written.done(code)),
    )
    return await visit.exchange.drafts.create(visit.vault, visit.actor, filled=filled)


def _ready(case: Case) -> Case:
    if case.query or not can_go_on(case):
        raise Problem(409, "not-now", _NOT_NOW, title="Not now")
    return case


def _members(visit: Visit) -> Iterator[Organisation]:
    return (visit.site.organisation(each.id) for each in visit.exchange.members.all())


def _suggestion(visit: Visit, case: Case) -> Suggestion | None:
    return suggestion_of(case, _members(visit))


async def _page(visit: Visit, case: Case, form: Form, *, status: int = 200) -> web.Response:
    suggestion = _suggestion(visit, case)
    member = suggestion.member if suggestion is not None else None
    choices: tuple[Choice, ...] = ()
    if member is not None:
        choices = (
            Choice(SUGGESTED, member.full, "They suggest it. Compare what fits before you send"),
            Choice(FIND, "Another service: find one"),
        )
    base = f"/referral/{case.view.id.hex()}"
    listed = await visit.exchange.lists.some(visit.vault, [case.view.id])
    known = listed[case.view.id].case if case.view.id in listed else None
    ended = "not delivered" if not_delivered(case) or known is None else ""
    return visit.page(
        "again.html",
        status=status,
        case=case,
        ended=ended or (what_became(case.state, known) if known is not None else ""),
        marks=carried(case, typed_again(case.content, visit.times)),
        suggestion=suggestion,
        choices=choices,
        begun=[each for each in await followed(visit, case) if each.href.startswith("/new/")],
        way=f"{base}/do/not-needed" if not_delivered(case) else "",
        form=form,
        base=base,
    )


# Nothing more to do.


async def ask_why(visit: Visit) -> web.StreamResponse:
    """Why nothing more is to do."""
    return _why(visit, _undecided(await look(visit)), Form(("reason", "text")))


async def close(visit: Visit) -> web.StreamResponse:
    """The reason is kept here; the person leaves Today."""
    posted = await visit.posted()
    case = _undecided(await case_of(visit))
    form = posted.form(("reason", "text"))
    reason = form.choice("reason", REASONS, missing="Choose the reason")
    text = form.text("text", at_most=MOST) or ""
    if reason == "other" and not text:
        form.wrong_because("text", "Say the reason in words")
    if not form.valid or reason is None:
        return _why(visit, case, form, status=422)

    async def work() -> str:
        core = visit.exchange.core
        await close_case(core, visit.vault, visit.actor, case.view.id, reason, text)
        visit.tell("Noted. It stands with the referral and is on Today no more.")
        return f"/referral/{case.view.id.hex()}"

    return await visit.once(posted, work)


def _undecided(case: Case) -> Case:
    if not case.view.undecided:
        raise Problem(409, "not-now", "Nobody has to decide anything here now.", title="Not now")
    return case


def _why(visit: Visit, case: Case, form: Form, *, status: int = 200) -> web.Response:
    return visit.page(
        "closing.html",
        status=status,
        case=case,
        reasons=[Choice(code, words) for code, words in REASONS.items()],
        form=form,
        base=f"/referral/{case.view.id.hex()}",
    )


_BASE: Final = "/referral/{thread}"
routes: Final[list[Route]] = [
    get(_BASE + "/again", ask),
    post(_BASE + "/again", begin),
    post(_BASE + "/refer", refer),
    get(_BASE + "/closing", ask_why),
    post(_BASE + "/closing", close),
]
