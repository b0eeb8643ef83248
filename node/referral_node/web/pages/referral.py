"""The page of one thread, and what is read from there: word for word, evidence, calendar, number.

Law: a look is recorded before anything is shown. The first look of a keyholder at a received
referral tells its sender that a person opened it, before the page is drawn.
"""

from typing import Final

from aiohttp import hdrs, web

from referral_node.exchange import looked
from referral_node.exchange.cases.looks import mark_read
from referral_node.web import evidence_view, faults, freshness, referral_view
from referral_node.web.act_view import languages_near
from referral_node.web.calendar import meeting_entry
from referral_node.web.case import Case
from referral_node.web.going_on import Follows, can_go_on, follows
from referral_node.web.number_reasons import REASONS, SHOWN_FOR
from referral_node.web.reading import read
from referral_node.web.routing import Route, get, post
from referral_node.web.safe_view import governed, number_at_stake, safe_box
from referral_node.web.visit import Visit
from referral_ui.forms import Form
from referral_ui.parts import Choice
from referral_ui.problems import Problem
from referral_ui.words import lowered


async def case_of(visit: Visit) -> Case:
    """The case that the address names; 404 if there is none."""
    view = await visit.exchange.threads.view(visit.vault, visit.id("thread", 32))
    if view is None:
        raise Problem(404, "no-such-referral", faults.GONE, title=faults.GONE_TITLE)
    return Case(view, visit.us, visit.site.organisation(view.peer), visit.times)


async def look(visit: Visit) -> Case:
    """The case, its look recorded; the first look of all is told to the sender."""
    case = await case_of(visit)
    thread = case.view.id
    await looked(visit.exchange.core, visit.actor, thread)
    opened = case.receiving and case.state == "requested" and case.view.opener is not None
    if opened and await visit.exchange.voice.received(visit.vault, visit.actor, thread):
        case = await case_of(visit)
    await mark_read(visit.exchange.core, visit.vault, thread)
    return case


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    case = await look(visit)
    opened = visit.kept.shown.setdefault(case.view.id, visit.now)
    cases = await visit.cases()
    page = referral_view.build(
        case,
        person=visit.actor.display,
        revealed=revealed(visit, case),
        banners=freshness.banners(visit),
        others=cases.alike(case.content),
        follows=await followed(visit, case),
    )
    return visit.page(
        "referral.html",
        case=page,
        reply=Form(("text", "language"), {"language": case.language}),
        languages=languages_near(case),
        opened=f"{lowered(visit.times.day(opened))} at {visit.times.clock(opened)}",
    )


async def followed(visit: Visit, case: Case) -> tuple[Follows, ...]:
    """What a case goes on from, and what goes on from it: threads and drafts."""
    ids = [each for each in (case.view.earlier, *case.view.later) if each is not None]
    found = await visit.exchange.lists.some(visit.vault, ids)
    known = {thread: (each, visit.site.organisation(each.peer)) for thread, each in found.items()}
    drafts = await visit.exchange.drafts.all(visit.vault) if can_go_on(case) else ()
    return follows(case, drafts, known)


# The number, when its time is not now.


def revealed(visit: Visit, case: Case) -> bool:
    """Whether a reason was given a short while ago."""
    return visit.kept.revealed.get(case.view.id, 0) > visit.now


async def ask_why(visit: Visit) -> web.StreamResponse:
    """Why somebody needs the number now."""
    return _why(visit, await look(visit), Form(("reason",)))


async def reveal(visit: Visit) -> web.StreamResponse:
    """The reason is recorded; then the number is shown for a while."""
    posted = await visit.posted()
    case = await case_of(visit)
    form = posted.form(("reason",))
    reason = form.choice("reason", REASONS, missing="Say why you need the number now")
    if not form.valid or reason is None:
        return _why(visit, case, form, status=422)

    async def work() -> str:
        await visit.exchange.records.note(visit.actor, "number-seen", case.view.id, reason)
        visit.kept.revealed[case.view.id] = visit.now + SHOWN_FOR
        return f"/referral/{case.view.id.hex()}#safe"

    return await visit.once(posted, work)


def _why(visit: Visit, case: Case, form: Form, *, status: int = 200) -> web.Response:
    if not number_at_stake(case):
        raise Problem(404, "no-number", "No safe number or address is known in this referral.")
    return visit.page(
        "number.html",
        status=status,
        case=case,
        box=safe_box(case, referral_view.reader_of(case, mine=not case.receiving)),
        reasons=[Choice(code, words) for code, words in REASONS.items()],
        form=form,
        base=f"/referral/{case.view.id.hex()}",
    )


# What is read from here.


async def word_for_word(visit: Visit) -> web.StreamResponse:
    """All that the opening says, in the order of the form."""
    case = await look(visit)
    reader = referral_view.reader_of(case, mine=not case.receiving)
    opener = case.view.opener or {}
    shown = governed(case, opener, revealed=revealed(visit, case))
    return visit.page(
        "word-for-word.html",
        case=case,
        parts=read(shown, reader) if shown else (),
        hidden=shown is not opener and shown != opener,
        printed=referral_view.printed(case, visit.actor.display),
        base=f"/referral/{case.view.id.hex()}",
    )


async def evidence(visit: Visit) -> web.StreamResponse:
    """The timeline, and what proves each line."""
    case = await look(visit)
    return visit.page(
        "evidence.html",
        case=case,
        events=evidence_view.events(case),
        printed=referral_view.printed(case, visit.actor.display),
        base=f"/referral/{case.view.id.hex()}",
        form=Form(("contents",)),
    )


async def export(visit: Visit) -> web.StreamResponse:
    """The evidence as a file; with the contents only if that was asked for."""
    posted = await visit.posted()
    case = await case_of(visit)
    if posted.stale:
        raise Problem(409, "stale-form", "This page had become old. Open the evidence page again.")
    contents = posted.form(("contents",)).ticked("contents")
    data = await visit.exchange.evidence.export(
        visit.vault, visit.actor, case.view.id, contents=contents
    )
    return _file(data, "application/octet-stream", f"evidence-{case.view.id.hex()[:12]}.bin")


async def calendar(visit: Visit) -> web.StreamResponse:
    """The meeting as an entry for a calendar, which says nothing of the case."""
    case = await case_of(visit)
    meeting = case.meeting
    if meeting is None or meeting.starts is None:
        raise Problem(404, "no-meeting", "No meeting is fixed in this referral.")
    entry = meeting_entry(meeting.starts, meeting.minutes or 60, case.peer.plain, visit.now)
    return _file(entry, "text/calendar", "meeting.ics")


def _file(data: bytes, kind: str, name: str) -> web.Response:
    return web.Response(
        body=data,
        content_type=kind,
        headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"'},
    )


_BASE: Final = "/referral/{thread}"
routes: Final[list[Route]] = [
    get(_BASE, show),
    get(_BASE + "/number", ask_why),
    post(_BASE + "/number", reveal),
    get(_BASE + "/sent", word_for_word),
    get(_BASE + "/evidence", evidence),
    post(_BASE + "/evidence", export),
    get(_BASE + "/meeting.ics", calendar),
]
