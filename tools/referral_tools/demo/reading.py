"""What a referral's pages say of where it stands, for comparing the two sides.

Law: only what is on the pages counts. The two sides word a rung differently ("Held by your node",
"Held by their node"); what is compared is whether it is reached and what it says of the case.
"""

from dataclasses import dataclass
from typing import Final

from referral_tools.browser import NotThere, Page

RUNGS: Final = ("sent", "held", "opened", "answered", "contacted", "outcome")
SENT, HELD, OPENED, ANSWERED, CONTACTED, OUTCOME = RUNGS
_DRAWN: Final = ("done", "now", "todo", "unknown")


@dataclass(frozen=True)
class Rung:
    """One rung: how it is drawn (done, now, todo, unknown), its words, and when."""

    drawn: str
    words: str
    when: str

    @property
    def done(self) -> bool:
        return self.drawn == "done"


@dataclass(frozen=True)
class Event:
    """One line of the timeline. ``statement``: the name by which both sides know it."""

    title: str
    who: str
    when: str
    proof: str
    statement: str


def ladder(page: Page) -> dict[str, Rung]:
    """The six rungs under "Where it stands"."""
    found = page.main.first("ol", style="ladder")
    lines = found.all("li") if found is not None else []
    if len(lines) != len(RUNGS):
        raise NotThere(f"{page.where} has {len(lines)} rungs under “Where it stands”, not six")
    rungs = []
    for line in lines:
        title = line.first("b")
        words = title.seen if title is not None else ""
        drawn = next((d for d in _DRAWN if f"is-{d}" in line.classes), "")
        rungs.append(Rung(drawn, words, line.seen.removeprefix(words).strip()))
    return dict(zip(RUNGS, rungs, strict=True))


def reached(page: Page) -> tuple[str, ...]:
    """What is reached, in words that are the same on both sides."""
    said = []
    for name, rung in ladder(page).items():
        if rung.done:
            # "Accepted by Steunpunt Dom", "Accepted by Jasmijn de Wit": the answer is the word.
            detail = rung.words.split(" by ")[0] if name == ANSWERED else rung.words
            said.append(f"{name}: {detail}" if name in (ANSWERED, OUTCOME) else name)
    return tuple(said)


def is_done(page: Page, rung: str) -> bool:
    return ladder(page)[rung].done


def timeline(page: Page) -> tuple[Event, ...]:
    """Every statement of both sides, from the page "Signed evidence"."""
    found = page.main.first("ol", style="evidence")
    if found is None:
        raise NotThere(f"{page.where} has no timeline: {page.excerpt()}")
    events = []
    for line in found.children:
        if isinstance(line, str) or line.tag != "li":
            continue
        title, facts = line.first("h2", "h3"), page.facts(line)
        events.append(
            Event(
                title.seen if title is not None else "",
                facts.get("Who", ""),
                facts.get("When", ""),
                facts.get("Proof", ""),
                facts.get("Statement", "").replace(" ", ""),
            )
        )
    return tuple(events)


def conversation(page: Page) -> list[str]:
    """What was said, message by message, oldest first, as the page shows it."""
    return [
        "".join(line.seen for line in each.all("div", style="moj-message-item__text"))
        for each in page.main.all("div", style="moj-message-item")
    ]
