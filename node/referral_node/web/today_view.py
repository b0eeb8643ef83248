"""Today: what needs a person now, in the order of danger, then lateness. Pure.

Law: every row begins with what to do, names whom, and says by when; a group with nothing in it is
left out, and one with more than a person takes in shows the first ones and leads to the rest. What
the list says of a case stands in its summary; nothing is opened for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from referral_node.exchange import Draft, Figures, Summary
from referral_node.exchange.cases.figures import LEAST
from referral_node.web.pages.steps import BY_CODE, STEPS
from referral_node.web.today_job import Known, Row
from referral_node.web.today_rows import (
    AFTER_THE_END,
    GROUPS,
    NEXT,
    TITLES,
    decide_row,
    urgent_row,
)
from referral_protocol import forms
from referral_ui import names, numbers
from referral_ui.parts import Figure, Job, Text

NOW: Final = "Now: immediate and overdue"
SHOWN: Final = 25
"""Rows of a group on Today; the others stand on a page of the group's own."""
CODES: Final = {
    "now" if title == NOW else title.lower().replace(" ", "-"): title
    for title in (NOW, *TITLES)
    if title != NEXT
}
"""The groups by the word that stands for them in an address."""


@dataclass(frozen=True)
class Group:
    """Rows under one heading, of ``total``. ``urgent``: drawn as danger; ``href``: all of them."""

    title: str
    jobs: tuple[Job, ...]
    total: int
    urgent: bool = False
    href: str = ""

    @property
    def heading(self) -> str:
        return f"{self.title} ({self.total:,})"

    @property
    def more(self) -> str:
        """The words of the link to what is not shown, "" where everything is."""
        return f"Show all {self.total:,}" if self.total > len(self.jobs) else ""


@dataclass(frozen=True)
class Today:
    """The whole page."""

    when: str
    checked: str
    groups: tuple[Group, ...]
    drafts: Group
    next: tuple[Job, ...]
    figures: tuple[Figure, ...]
    too_few: str
    reach: Text
    reached: bool

    @property
    def empty(self) -> bool:
        return not self.groups


def build(known: Known) -> Today:
    """The page, from the list of the threads that may need somebody."""
    now = known.times.now
    open_ones = [s for s in known.summaries if not s.ended]
    rows = _rows(known)
    listed = [group(code, rows[title]) for code, title in CODES.items() if rows[title]]
    here = known.times.here
    day = known.times.appointment(now)
    # One that goes on from a referral that nobody took stands with that one.
    told = {s.id for s in known.summaries if decide_row(known, s) is not None}
    drafts = tuple(_draft(known, each) for each in known.drafts if each.follows not in told)
    return Today(
        when=f"{day} in {here.name}",
        checked=known.times.clock(now).mine,
        groups=tuple(listed),
        drafts=Group("Drafts: not sent", drafts, len(drafts)),
        next=group("next", rows[NEXT], 0, 3).jobs,
        figures=_figures(known.figures),
        too_few=_too_few(known.figures),
        reach=_reach(known, open_ones),
        reached=not _unreached(known, open_ones),
    )


def rows_of(known: Known, code: str) -> Sequence[Row]:
    """The rows of one group."""
    return _rows(known)[CODES[code]]


def _rows(known: Known) -> dict[str, list[Row]]:
    """The rows of all groups by title, in the order of danger."""
    groups: dict[str, list[Row]] = {title: [] for title in (NOW, *TITLES)}
    for summary in known.summaries:
        row = urgent_row(known, summary)
        if row is not None:
            groups[NOW].append(row)
            continue
        for title, make in GROUPS:
            if summary.ended and title not in AFTER_THE_END:
                continue
            found = make(known, summary)
            if found is not None:
                groups[title].append(found)
    return groups


def group(code: str, rows: Sequence[Row], first: int = 0, most: int = SHOWN) -> Group:
    """So many rows of one group from the ``first`` on, drawn."""
    # Danger outranks lateness: what is immediate first, then what is overdue, by deadline.
    ordered = sorted(rows, key=lambda row: (row.late, row.at))
    return Group(
        title=CODES.get(code, ""),
        jobs=tuple(row.draw() for row in ordered[first : first + most]),
        total=len(rows),
        urgent=code == "now",
        href=f"/today/{code}",
    )


def _draft(known: Known, draft: Draft) -> Job:
    said = forms.summary(draft.content)
    name = names.name(said.name, said.name_language or None) if said.name else "a new referral"
    number = STEPS.index(draft.step) + 1 if draft.step in STEPS else 1
    step = BY_CODE[STEPS[number - 1]].short
    to: Text = "No organisation chosen"
    if draft.recipient is not None:
        to = Markup("To {}").format(known.peer(draft.recipient).full)
    return Job(
        when=known.times.moment(draft.saved_at).mine,
        do="Continue:",
        href=f"/new/{draft.id.hex()}/{STEPS[number - 1]}",
        who=name,
        detail=f"saved at step {number} of {len(STEPS)}, {step}",
        organisation=to,
    )


# The figures, and the proof that all is well.


def _figures(figures: Figures) -> tuple[Figure, ...]:
    if figures.received < LEAST:
        return ()
    shown: Mapping[str, tuple[int, int]] = {
        "Acknowledged": (figures.acknowledged.reached, figures.acknowledged.total),
        "Answered in time": (figures.answered.reached, figures.answered.total),
        "Outcome returned": (figures.outcome.reached, figures.outcome.total),
    }
    return tuple(Figure(name, numbers.share(*pair)) for name, pair in shown.items())


def _too_few(figures: Figures) -> str:
    if figures.received >= LEAST:
        return ""
    return f"Too few referrals to show figures ({figures.received}; at least {LEAST} are needed)."


def _unreached(known: Known, summaries: Sequence[Summary]) -> list[bytes]:
    return sorted({s.peer for s in summaries} & set(known.out_of_reach))


def _reach(known: Known, summaries: Sequence[Summary]) -> Text:
    """ "All 12 organisations you work with can be reached"."""
    peers = {s.peer for s in summaries}
    lost = _unreached(known, summaries)
    if lost:
        listed = Markup(", ").join(known.peer(each).name for each in lost)
        return Markup("Not reached at the last try: {}").format(listed)
    if not peers:
        return ""
    if len(peers) == 1:
        return Markup("{} can be reached").format(known.peer(next(iter(peers))).name)
    return f"All {len(peers)} organisations you work with can be reached"
