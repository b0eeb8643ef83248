"""Members: how fresh their keys, profiles and endpoints are; suspending, lifting, removing.

Law: an entry about a member is made here from its last entry, signed in this request, and goes the
way of every other: what one registrar may not decide alone waits for another.
"""

from datetime import timedelta
from typing import Final

from aiohttp import web
from yarl import URL

from referral_directory.console import member_view
from referral_directory.console.history_view import Teller
from referral_directory.console.routing import Route, get, post
from referral_directory.console.visit import Visit
from referral_directory.log.history import History
from referral_directory.log.roster import Line
from referral_directory.log.wording import LIFT_REASONS, REMOVE_REASONS, SUSPEND_REASONS
from referral_protocol.directory.entries import (
    ACTIVE,
    REMOVED,
    SUSPENDED,
    Status,
    make_status_entry,
)
from referral_protocol.directory.rules import LONE_SUSPENSION, Member
from referral_ui.forms import Form
from referral_ui.paging import PER_PAGE, Paging
from referral_ui.parts import Choice
from referral_ui.times import at as time_at
from referral_ui.words import country

RECENT: Final = 10
STATUSES: Final = (
    Choice(ACTIVE, "Active"),
    Choice(SUSPENDED, "Suspended"),
    Choice(REMOVED, "Removed"),
)
UNTIL: Final = (
    Choice("week", "For 7 days", "One registrar may decide this alone."),
    Choice("day", "Until a day"),
    Choice("lifted", "Until it is lifted"),
)
_KINDS: Final = {
    "suspend": (SUSPENDED, SUSPEND_REASONS),
    "lift": (ACTIVE, LIFT_REASONS),
    "remove": (REMOVED, REMOVE_REASONS),
}


async def everybody(visit: Visit) -> web.StreamResponse:
    """All members by name, narrowed to a word, a country or a status."""
    roster = visit.site.roster
    await roster.fresh()
    word, land, status = (visit.asked(name) for name in ("word", "country", "status"))
    found = _chosen(visit, word, land, status)
    query = "".join(
        f"&{name}={URL.build(query={'v': value}).raw_query_string[2:]}"
        for name, value in (("word", word), ("country", land), ("status", status))
        if value
    )
    paging = Paging.of(
        visit.asked("page"), len(found), lambda number: f"/members?page={number}{query}"
    )
    here = found[paging.first : paging.first + PER_PAGE]
    seen = await visit.site.endpoints.of([member.id for member in here])
    rows = [
        member_view.row(
            member,
            roster.line(member.id),
            seen.get(member.id),
            visit.times,
            roster.hints_of(member.id),
        )
        for member in here
    ]
    return visit.page(
        "members.html",
        rows=rows,
        total=len(found),
        everybody=len(visit.site.ledger.directory),
        paging=paging,
        form=Form((), {"word": word, "country": land, "status": status}),
        countries=_countries(visit),
        statuses=STATUSES,
        narrowed=bool(query),
    )


async def one(visit: Visit) -> web.StreamResponse:
    """One member, with its newest entries."""
    member = visit.member()
    shown = await shown_member(visit, member)
    history, teller = History(visit.site.ledger), Teller.of(visit)
    entries = [teller.row(each) for each in await history.lines(0, RECENT, member.id)]
    count = await history.count(member.id)
    return visit.page("member.html", shown=shown, entries=entries, count=count)


async def form_page(visit: Visit) -> web.StreamResponse:
    """Suspend, lift or remove: why, and until when."""
    return await _ask(visit, visit.member(), _kind(visit))


async def decide(visit: Visit) -> web.StreamResponse:
    """Sign it."""
    member, kind = visit.member(), _kind(visit)
    status, reasons = _KINDS[kind]
    posted = await visit.posted()
    form = posted.form(("reason", "until", "day", "sure"))
    why = form.choice("reason", reasons, missing="Choose a reason")
    until = _until(visit, form) if kind == "suspend" else None
    if kind == "remove" and not form.ticked("sure"):
        form.wrong_because("sure", "Tick that this is for ever, or go back")
    name = visit.site.roster.line(member.id).readable or "The member"

    async def work() -> str:
        content = make_status_entry(
            visit.site.ledger.directory.genesis,
            member.id,
            member.number + 1,
            member.head,
            Status(status, until, why or ""),
            visit.now,
        )
        signed = await visit.do(
            "propose", content=content, signatures=visit.signatures(content), by=visit.by
        )
        if not signed["done"]:
            visit.tell(
                f"Signed. It waits for another registrar: {signed['have']} of {signed['need']}"
                " have signed."
            )
            return "/suspensions#waiting"
        done = {SUSPENDED: "is suspended", ACTIVE: "is active again", REMOVED: "is removed"}
        visit.tell(f"{name} {done[status]}. All nodes read it within minutes.")
        return f"/member/{member.id.hex()}"

    done = await visit.once(posted, form, work)
    return done or await _ask(visit, member, kind, form, status=422)


async def _ask(
    visit: Visit, member: Member, kind: str, form: Form | None = None, *, status: int = 200
) -> web.Response:
    root = visit.site.ledger.directory.root_at(visit.now).root
    shown = await shown_member(visit, member)
    reasons = [Choice(code, text) for code, text in _KINDS[kind][1].items()]
    return visit.page(
        "decide.html",
        status=status,
        kind=kind,
        form=form or Form(("reason", "until", "day", "sure")),
        shown=shown,
        reasons=reasons,
        until=UNTIL
        if root.registrar_threshold > 1 and not shown.by_registrars
        else _without_hints(),
        need=root.registrar_threshold,
    )


async def shown_member(visit: Visit, member: Member) -> member_view.Shown:
    """What is known of a member, for a page about it."""
    await visit.site.roster.fresh()
    seen = await visit.site.endpoints.of([member.id])
    profile = await visit.site.roster.profile(member.id)
    roster = visit.site.roster
    line, hints = roster.line(member.id), roster.hints_of(member.id)
    return member_view.shown(member, line, profile, seen.get(member.id), visit.times, hints)


def _until(visit: Visit, form: Form) -> int | None:
    """When a suspension ends: ms UTC, or None for no end (or after an error)."""
    chosen = form.choice("until", [each.code for each in UNTIL], missing="Choose until when")
    if chosen == "week":
        return visit.now + LONE_SUSPENSION
    if chosen != "day":
        return None
    day = form.day("day", missing="Type the day, for example 4 December 2026", called="Day")
    if day is None:
        return None
    ends = time_at(day + timedelta(days=1), "00:00", visit.site.place)
    if ends <= visit.now:
        form.wrong_because("day", "The day must be today or later")
    return ends


def _without_hints() -> tuple[Choice, ...]:
    return tuple(Choice(each.code, each.text) for each in UNTIL)


def _chosen(visit: Visit, word: str, land: str, status: str) -> list[Member]:
    """The members that fit, by name."""
    roster, wanted = visit.site.roster, word.strip().casefold()
    found = roster.by_name()
    if wanted or land:
        found = [each for each in found if _fits(roster.line(each.id), wanted, land)]
    if status:
        found = [each for each in found if each.status(visit.now) == status]
    return found


def _fits(line: Line, wanted: str, land: str) -> bool:
    return (not land or line.country == land) and wanted in line.found_by


def _countries(visit: Visit) -> list[Choice]:
    named = [Choice(code, country(code)) for code in visit.site.roster.countries()]
    return sorted(named, key=lambda choice: str(choice.text))


def _kind(visit: Visit) -> str:
    kind = visit.request.match_info["kind"]
    if kind not in _KINDS:
        raise web.HTTPNotFound
    return kind


routes: Final[list[Route]] = [
    get("/members", everybody),
    get("/member/{member}", one),
    get("/member/{member}/{kind}", form_page),
    post("/member/{member}/{kind}", decide),
]
