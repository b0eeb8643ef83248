"""Requests, to join or for new keys: who waits, and whether they are who they say they are.

Law: the fingerprint is heard and typed, never shown; what is signed is the request as it came.
"""

from typing import Final

from aiohttp import web

from referral_directory.console import request_view
from referral_directory.console.request_view import CHOICES, LINES, LOST_CHOICES, Read
from referral_directory.console.routing import Route, get, post
from referral_directory.console.visit import Visit
from referral_directory.log import journal
from referral_directory.log.journal import Acting
from referral_directory.log.requests import OPEN, Kept
from referral_directory.log.reviews import CHECKS, Review
from referral_protocol.directory.coming import listed
from referral_protocol.directory.entries import parse_entry
from referral_protocol.directory.requests import MAX_TEXT
from referral_protocol.errors import ProtocolError
from referral_ui.forms import Form
from referral_ui.paging import PER_PAGE, Paging
from referral_ui.problems import Problem
from referral_ui.times import lower

ANSWERED: Final = (
    "It was answered, or a newer one of the same organisation has taken its place. “Who changed"
    " what” says who answered it."
)
FIELDS: Final = ("checks", "called", *LINES)
_UNTICKED: Final = {
    "member": "They are a member of VSE",
    "works": "The point of contact works there",
    "found": "I found the number myself",
    "asked": "The person asked to join in their own words",
}


async def waiting(visit: Visit) -> web.StreamResponse:
    """Who waits, oldest first."""
    kept = await visit.site.requests.waiting()
    paging = Paging.of(visit.asked("page"), len(kept), lambda number: f"/?page={number}")
    rows = []
    for each in kept[paging.first : paging.first + PER_PAGE]:
        review = await visit.site.reviews.of(each.id)
        rows.append(request_view.row(await _read(visit, each), review, visit.times))
    lost = len(await visit.do("recoveries"))
    return visit.page(
        "requests.html",
        rows=rows,
        total=len(kept),
        paging=paging,
        lost=lost,
        coming=[
            f"Root {each['version']} acts from {lower(visit.times.moment(each['acts_from']))} on."
            f" It changes {listed(each['changes'])}."
            for each in (await visit.do("status"))["coming"]
        ],
    )


async def show(visit: Visit) -> web.StreamResponse:
    """One request."""
    found = await _found(visit)
    return await _page(visit, found)


async def act(visit: Visit) -> web.StreamResponse:
    """Admit it, ask for more, or keep what was ticked."""
    posted = await visit.posted()
    led = visit.led(posted)
    if led is not None:
        return led
    found = await _found(visit)
    form = posted.form(FIELDS)
    review = await _reviewed(visit, found, form)
    wanted = form.value("do")
    if wanted in ("ask", "save") and not posted.stale:
        await visit.site.reviews.keep(found.kept.id, review)
        if wanted == "save":
            visit.tell("What you ticked is kept.")
        return visit.go("/" if wanted == "save" else f"/request/{found.kept.id.hex()}/ask")
    missing = [_UNTICKED[code] for code in review.missing]
    if missing:
        form.wrong_because("checks", f"Not ticked yet: {'; '.join(missing)}")
    called = form.telephone("called", missing="Type the number you called", called="Number")
    differ = request_view.hear(form, found.card)
    if not posted.stale:
        await visit.site.reviews.keep(found.kept.id, review)
        if differ:
            await _differed(visit, found, differ)
    if found.hindrance:
        form.wrong_because("", found.hindrance)

    async def work() -> str:
        done = await visit.do(
            "approve",
            request=found.kept.id.hex(),
            signatures=visit.signatures(found.kept.submission.content),
            by=visit.by,
            called=called or "",
        )
        name = found.line.readable or "The organisation"
        if not done["done"]:
            visit.tell(f"Signed. {done['have']} of {done['need']} registrars have signed.")
            return "/suspensions#waiting"
        if found.lost:
            visit.tell(f"Announced. {name} has its new keys when you finish it, after 72 hours.")
            return "/recoveries"
        visit.tell(f"{name} is a member now. All nodes read it within minutes.")
        return "/"

    done = await visit.once(posted, form, work)
    return done or await _page(visit, found, form, status=422)


async def look(visit: Visit) -> web.StreamResponse:
    """Ask the node again whether it answers."""
    found = await _found(visit)
    posted = await visit.posted()
    form = posted.form()
    where = f"/request/{found.kept.id.hex()}"

    async def work() -> str:
        await visit.do("request", request=found.kept.id.hex(), check=True)
        return f"{where}#node"

    return await visit.once(posted, form, work) or visit.go(where)


async def ask(visit: Visit) -> web.StreamResponse:
    """What the applicant is asked for."""
    return await _text_page(visit, "ask")


async def ask_now(visit: Visit) -> web.StreamResponse:
    """Ask it."""
    return await _say(visit, "ask", "Type what you ask them for", "They read it on their screen.")


async def refuse(visit: Visit) -> web.StreamResponse:
    """Why the request is refused."""
    return await _text_page(visit, "refuse")


async def refuse_now(visit: Visit) -> web.StreamResponse:
    """Refuse it."""
    return await _say(visit, "refuse", "Type the reason", "They read the reason on their screen.")


async def _say(visit: Visit, kind: str, missing: str, told: str) -> web.StreamResponse:
    posted = await visit.posted()
    led = visit.led(posted)
    if led is not None:
        return led
    found = await _found(visit)
    form = posted.form(("text",))
    text = form.text("text", missing=missing, at_most=MAX_TEXT)

    async def work() -> str:
        name = {"ask": "ask", "refuse": "decline"}[kind]
        await visit.do(name, request=found.kept.id.hex(), text=text, by=visit.by)
        visit.tell(f"{'Asked' if kind == 'ask' else 'Refused'}. {told}")
        return "/"

    done = await visit.once(posted, form, work)
    return done or await _text_page(visit, kind, form, status=422)


async def _text_page(
    visit: Visit, kind: str, form: Form | None = None, *, status: int = 200
) -> web.Response:
    found = await _found(visit)
    return visit.page(
        "request_text.html",
        status=status,
        kind=kind,
        form=form or Form(("text",)),
        shown=request_view.shown(found, Review(), visit.times),
        most=MAX_TEXT,
    )


async def _page(
    visit: Visit, found: Read, form: Form | None = None, *, status: int = 200
) -> web.Response:
    review = await visit.site.reviews.of(found.kept.id)
    kept = {"checks": review.ticked, "called": review.called}
    return visit.page(
        "request.html",
        status=status,
        form=form or Form(FIELDS, kept),
        look_form=Form((), {}),
        shown=request_view.shown(found, review, visit.times),
        choices=LOST_CHOICES if found.lost else CHOICES,
    )


async def _reviewed(visit: Visit, found: Read, form: Form) -> Review:
    ticked = tuple(code for code in CHECKS if code in form.values("checks"))
    return Review(ticked, form.value("called").strip()[:40], visit.by, visit.now)


async def _differed(visit: Visit, found: Read, lines: list[str]) -> None:
    detail = f"line {lines[0]}" if len(lines) == 1 else f"lines {' and '.join(lines)}"
    await visit.office.journal.note(
        visit.now,
        Acting(visit.by, detail),
        journal.DIFFERED,
        member=found.member,
        request=found.kept.id,
    )


async def _found(visit: Visit) -> Read:
    kept = await visit.site.requests.get(visit.id("request"))
    if kept is None:
        raise web.HTTPNotFound
    if kept.state.state not in OPEN:
        raise Problem(404, "answered", ANSWERED, title="This request does not wait any more")
    return await _read(visit, kept)


async def _read(visit: Visit, kept: Kept) -> Read:
    hindrance = None
    try:
        visit.site.requests.check(kept.submission)
    except ProtocolError as error:
        hindrance = error
    member = parse_entry(kept.submission.content).member or b""
    roster = visit.site.roster
    await roster.fresh()
    hints = roster.hints(request_view.profile_of(kept), member)
    return request_view.read(kept, hindrance, await roster.profile(member), hints)


routes: Final[list[Route]] = [
    get("/", waiting),
    get("/request/{request}", show),
    post("/request/{request}", act),
    post("/request/{request}/look", look),
    get("/request/{request}/ask", ask),
    post("/request/{request}/ask", ask_now),
    get("/request/{request}/refuse", refuse),
    post("/request/{request}/refuse", refuse_now),
]
