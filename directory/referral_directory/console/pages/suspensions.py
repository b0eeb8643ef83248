"""Suspensions in force, and what waits for another registrar's signature.

Law: a second registrar signs the very bytes that the first one signed, after reading here what they
do.
"""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from referral_directory.console import member_view, words
from referral_directory.console.history_view import Teller
from referral_directory.console.routing import Route, get, post
from referral_directory.console.visit import Visit
from referral_directory.log.office import Plain
from referral_directory.log.wording import ENDINGS, lowered, reason
from referral_protocol.directory.entries import ACTIVE, RECOVERY, REMOVED, SUSPENDED, UPDATE
from referral_ui.forms import Form
from referral_ui.parts import Text

_WILL: Final = {
    SUSPENDED: "Suspend",
    ACTIVE: "End the suspension of",
    REMOVED: "Remove for ever",
    RECOVERY: "Announce new keys, because the key was lost, of",
    UPDATE: "Finish the recovery, so that the new keys act, of",
}


@dataclass(frozen=True)
class Held:
    """One suspension in force."""

    href: str
    name: Text
    text: Text
    lift: str | None


@dataclass(frozen=True)
class Waiting:
    """What waits. ``mine``: this registrar has signed it already."""

    id: str
    does: str
    name: Text
    why: str
    until: Text | None
    signed_by: str
    count: str
    ends: Text
    mine: bool


async def show(visit: Visit) -> web.StreamResponse:
    """The page."""
    return await _page(visit)


async def sign(visit: Visit) -> web.StreamResponse:
    """Sign what another registrar has signed, or give it up."""
    posted = await visit.posted()
    form = posted.form()
    proposal, wanted = visit.id("proposal").hex(), form.value("do")
    found = [each for each in await visit.do("proposals") if each["proposal"] == proposal]
    if not found:
        form.wrong_because("", "This does not wait any more: another registrar was there before")

    async def work() -> str:
        if wanted == "drop":
            await visit.do("drop", proposal=proposal, by=visit.by)
            visit.tell("Given up: nothing of it was written into the log.")
            return "/suspensions"
        content = bytes(found[0]["content"])
        signed = await visit.do(
            "sign", proposal=proposal, signatures=visit.signatures(content), by=visit.by
        )
        visit.tell(
            "Signed and written into the log. All nodes read it within minutes."
            if signed["done"]
            else f"Signed. {signed['have']} of {signed['need']} registrars have signed."
        )
        return "/suspensions"

    done = await visit.once(posted, form, work)
    return done or await _page(visit, form, status=422)


async def _page(visit: Visit, form: Form | None = None, *, status: int = 200) -> web.Response:
    await visit.site.roster.fresh()
    roster, times = visit.site.roster, visit.times
    held = []
    for member in roster.by_name():
        if member.status(visit.now) != SUSPENDED:
            continue
        for by, each in (("registrars", member.suspension), ("itself", member.own_suspension)):
            if each is not None and each.holds(visit.now):
                href = f"/member/{member.id.hex()}"
                held.append(
                    Held(
                        href,
                        words.name_of(roster.line(member.id), member.id),
                        member_view.suspension_words(by, each, times),
                        f"{href}/lift" if by == "registrars" else None,
                    )
                )
    teller = Teller.of(visit)
    waiting = [_waiting(visit, teller, each) for each in await visit.do("proposals")]
    return visit.page(
        "suspensions.html", status=status, form=form or Form(), held=held, waiting=waiting
    )


def _waiting(visit: Visit, teller: Teller, each: Plain) -> Waiting:
    member = bytes.fromhex(each["member"])
    signers = [bytes(key) for key in each["signed_by"]]
    until = each["until"]
    line = visit.site.roster.line(member)
    return Waiting(
        id=each["proposal"],
        does=_will(each),
        name=words.name_of(line, member),
        why=lowered(reason(each["reason"] or "")) or "the vault key is lost",
        until=None if until is None else visit.times.record(until),
        signed_by=", ".join(teller.signer(key) for key in signers if key in visit.site.acting()),
        count=f"{each['have']} of {each['need']}",
        ends=visit.times.record(each["ends_at"]),
        mine=visit.session.public in signers,
    )


def _will(each: Plain) -> str:
    if each["reason"] in ENDINGS:
        return "End the recovery, so that the keys stay, of"
    return _WILL.get(each["status"] or each["kind"], f"Entry of the kind {each['kind']} for")


routes: Final[list[Route]] = [
    get("/suspensions", show),
    post("/suspensions/{proposal}", sign),
]
