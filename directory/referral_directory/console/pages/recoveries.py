"""Lost keys: recoveries that were announced, when they can be finished, what the old key said.

Law: what is signed is made from the member's last entry by the office, and shown here in words. A
veto leaves nothing to registrars: the root keys decide.
"""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from referral_directory.console import words
from referral_directory.console.routing import Route, get, post
from referral_directory.console.visit import Visit
from referral_directory.log.office import Plain
from referral_directory.log.recovering import READY, VETOED
from referral_ui.forms import Form
from referral_ui.parts import Text


@dataclass(frozen=True)
class Row:
    """One recovery. ``ready``: it can be finished now; ``vetoed``: when the old key said no."""

    id: str
    href: str
    name: Text
    announced: Text
    from_when: Text
    lapses: Text
    vetoed: Text | None
    ready: bool


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    return await _page(visit)


async def decide(visit: Visit) -> web.StreamResponse:
    """Finish a recovery, or end it."""
    posted = await visit.posted()
    form = posted.form()
    wanted, member = form.value("do"), visit.id("member").hex()
    found = [each for each in await visit.do("recoveries") if each["id"] == member]
    content = found[0]["complete" if wanted == "finish" else "end"] if found else None
    if content is None or found[0]["state"] == VETOED:
        form.wrong_because("", "This cannot be done any more. Look at how it stands now")

    async def work() -> str:
        entry = bytes(content or b"")
        signed = await visit.do(
            "propose", content=entry, signatures=visit.signatures(entry), by=visit.by
        )
        if not signed["done"]:
            visit.tell(f"Signed. {signed['have']} of {signed['need']} registrars have signed.")
            return "/suspensions#waiting"
        visit.tell(
            "Finished: the new keys act from now on. All nodes read it within minutes."
            if wanted == "finish"
            else "Ended: the member keeps the keys that it has."
        )
        return "/recoveries"

    done = await visit.once(posted, form, work)
    return done or await _page(visit, form, status=422)


async def _page(visit: Visit, form: Form | None = None, *, status: int = 200) -> web.Response:
    await visit.site.roster.fresh()
    rows = [_row(visit, each) for each in await visit.do("recoveries")]
    return visit.page("recoveries.html", status=status, form=form or Form(), rows=rows)


def _row(visit: Visit, each: Plain) -> Row:
    member, times = bytes.fromhex(each["id"]), visit.times
    vetoed = each["vetoed_at"]
    return Row(
        each["id"],
        f"/member/{each['id']}",
        words.name_of(visit.site.roster.line(member), member),
        times.record(each["announced_at"]),
        times.record(each["acts_from"]),
        times.record(each["lapses_at"]),
        None if vetoed is None else times.record(vetoed),
        each["state"] == READY,
    )


routes: Final[list[Route]] = [
    get("/recoveries", show),
    post("/recoveries/{member}", decide),
]
