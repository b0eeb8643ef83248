"""The same referral on both sides: what each page says of it, and whether they agree.

Law: after every step both must come to the same, within the time that the courier needs for what it
does at once. Which side is ahead for a moment does not matter; that one stays behind does.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from referral_tools.browser import NotThere, Page
from referral_tools.demo.answering import Case
from referral_tools.demo.desk import LOOK_EVERY, PATIENCE
from referral_tools.demo.reading import HELD, Event, conversation, is_done, reached, timeline

EVIDENCE: Final = "Signed evidence for each line"
BACK: Final = "Back to the referral"


@dataclass(frozen=True)
class Stand:
    """Where a referral stands, as one side's pages say: the state in the list of all referrals,
    the rungs that are reached, the names of all statements, how much was said."""

    state: str
    reached: tuple[str, ...]
    statements: tuple[str, ...]
    messages: int


async def stand(case: Case) -> Stand:
    """Read it all anew; the referral's page lies on the desk afterwards."""
    desk = case.desk
    await desk.follow("All referrals")
    page = await desk.follow("All")
    state = _state(page, case.full_name)
    page = await desk.follow(page.wording(case.full_name))
    rungs, said = reached(page), conversation(page)
    events = timeline(await desk.follow(EVIDENCE))
    await desk.follow(BACK)
    return Stand(state, rungs, tuple(sorted(each.statement for each in events)), len(said))


async def agree(ours: Case, theirs: Case, *expected: str) -> Stand:
    """Look at both sides until they say the same and it is what is expected.

    ``expected``: a state, or a rung ("contacted", "answered: Accepted") that must be reached.
    """
    last = time.monotonic() + PATIENCE
    while True:
        here, there = await stand(ours), await stand(theirs)
        held = is_done(ours.desk.page, HELD)
        if held and here == there and all(_is(here, each) for each in expected):
            return here
        if time.monotonic() > last:
            raise NotThere(
                f"the two sides do not come to {', '.join(expected)} within {PATIENCE:.0f} s:"
                f" {ours.desk.player.readable} sees {here},"
                f" {theirs.desk.player.readable} sees {there}"
            )
        await asyncio.sleep(LOOK_EVERY)


async def events(case: Case) -> tuple[Event, ...]:
    """The timeline as one side sees it."""
    found = timeline(await case.desk.follow(EVIDENCE))
    await case.desk.follow(BACK)
    return found


def _is(found: Stand, expected: str) -> bool:
    return expected == found.state or expected in found.reached


def _state(page: Page, name: str) -> str:
    """The state in the row of the person."""
    for row in page.main.all("tr"):
        cells = row.all("th", "td")
        if cells and name in cells[0].seen and len(cells) > 2:
            return cells[2].seen.removeprefix("State").strip()
    raise NotThere(f"{page.where} has no line for {name}: {page.excerpt()}")
