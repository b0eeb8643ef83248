"""Today: what needs a person now, in the order of danger, then lateness. Pure.

Law: every row begins with what to do, names whom, and says by when; a group with nothing in it is
left out. What the list says of a case stands in its summary; nothing is opened for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from referral_node.exchange import Draft, Figures, Summary
from referral_node.exchange.figures import LEAST
from referral_node.web.pages.steps import BY_CODE, STEPS
from referral_node.web.today_rows import AFTER_THE_END, GROUPS, NEXT, TITLES, Known, Row, urgent_row
from referral_protocol import forms
from referral_ui import names, numbers
from referral_ui.parts import Figure, Job, Text


@dataclass(frozen=True)
class Group:
    """Rows under one heading. ``urgent``: drawn as danger."""

    title: str
    jobs: tuple[Job, ...]
    urgent: bool = False

    @property
    def heading(self) -> str:
        return f"{self.title} ({len(self.jobs)})"


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
    """The page, from the list of all threads."""
    now = known.times.now
    open_ones = [s for s in known.summaries if not s.ended]
    urgent: list[Row] = []
    groups: dict[str, list[Row]] = {title: [] for title in TITLES}
    for summary in known.summaries:
        row = urgent_row(known, summary)
        if row is not None:
            urgent.append(row)
            continue
        for title, make in GROUPS:
            if summary.ended and title not in AFTER_THE_END:
                continue
            found = make(known, summary)
            if found is not None:
                groups[title].append(found)
    later = groups.pop(NEXT)
    listed = [Group(title, _sorted(rows)) for title, rows in groups.items() if rows]
    if urgent:
        # Danger outranks lateness: what is immediate first, then what is overdue, by deadline.
        listed.insert(0, Group("Now: immediate and overdue", _sorted(urgent), urgent=True))
    here = known.times.here
    day = known.times.appointment(now)
    return Today(
        when=f"{day} in {here.name}",
        checked=known.times.clock(now).mine,
        groups=tuple(listed),
        drafts=Group("Drafts: not sent", tuple(_draft(known, each) for each in known.drafts)),
        next=_sorted(later)[:3],
        figures=_figures(known.figures),
        too_few=_too_few(known.figures),
        reach=_reach(known, open_ones),
        reached=not _unreached(known, open_ones),
    )


def _sorted(rows: Sequence[Row]) -> tuple[Job, ...]:
    return tuple(row.job for row in sorted(rows, key=lambda row: (row.late, row.at)))


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
