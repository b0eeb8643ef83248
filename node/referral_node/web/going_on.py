"""How a case goes on that nobody took: the service that they suggest, what a new referral begins
with, and what already follows. Pure.

Law: a suggestion is a suggestion: another recipient needs another consent. What is not carried over
is said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from referral_node.exchange import Draft, Summary
from referral_node.exchange.cases.summaries import CaseSummary
from referral_node.web import query_words
from referral_node.web.case import QUERIES, WAITING, Case
from referral_node.web.members import Organisation
from referral_node.web.pages.steps import BY_CODE
from referral_protocol import codes
from referral_protocol.ladder import Rung, Standing
from referral_ui import names, words
from referral_ui.parts import Mark, Text
from referral_ui.times import lower
from referral_ui.words import lowered

REFERRALS: Final = frozenset({"referral", "transfer"})
"""Kinds of thread that are about a person."""
REASONS: Final = {
    "helped-here": "We help the person ourselves",
    "helped-elsewhere": "The person found help elsewhere",
    "not-wanted": "The person wants no further help",
    "not-reached": "We cannot reach the person",
    "other": "Something else, in words",
}
"""Why nothing more is to do: known here alone."""


@dataclass(frozen=True)
class Suggestion:
    """Another service that they named. ``member``: who that is, if it is one of the exchange."""

    name: Text
    service: Text
    note: str
    language: str
    member: Organisation | None


@dataclass(frozen=True)
class Follows:
    """One line on a case that goes on, or went on from another: words, then where that is."""

    lead: Text
    name: Text
    href: str


def can_go_on(case: Case) -> bool:
    """Whether a referral to another service may be begun from here."""
    if query_words.has_room(case):
        return True
    if case.receiving or case.view.kind not in REFERRALS or case.view.opener is None:
        return False
    return case.ended or case.withdrawn or not_delivered(case)


def not_delivered(case: Case) -> bool:
    """Whether it was not held in time, or never will be, as far as is known here."""
    held = next(step for step in case.view.steps if step.rung is Rung.HELD)
    late = held.standing in (Standing.FAILED, Standing.UNKNOWN, Standing.WARN)
    return case.state in WAITING and not case.withdrawn and late


def suggestion_of(case: Case, members: Iterable[Organisation]) -> Suggestion | None:
    """What they suggest in their answer, with the member of the exchange that it names."""
    said = case.moved("rejected") or case.moved(case.state)
    content = (said.content if said is not None and not said.mine else None) or {}
    found = content.get("suggestion")
    name = found.get("organisation") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(name, str):
        return None
    service, note, tag = (found.get("service"), found.get("note"), content.get("language"))
    return Suggestion(
        name=names.name(name),
        service=names.name(service) if isinstance(service, str) else "",
        note=note if isinstance(note, str) else "",
        language=tag if isinstance(tag, str) else "",
        member=_member(found, name, case, members),
    )


def _member(
    found: Mapping[str, Any], name: str, case: Case, members: Iterable[Organisation]
) -> Organisation | None:
    """By its id, else by its name as anybody writes it; never ourselves or who declined."""
    others = [
        each
        for each in members
        if each.id not in (case.us.id, case.peer.id) and each.status == "active"
    ]
    named = [each for each in others if each.id == found.get("member")]
    if not named and "member" not in found:
        wanted = _plain(name)
        named = [each for each in others if wanted in (_plain(each.plain), _plain(each.latin))]
    return named[0] if len(named) == 1 else None


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def carried(case: Case, steps: Iterable[str]) -> tuple[Mark, ...]:
    """What the new draft begins with, what is asked anew, and what is not there any more."""
    named = {"answer": "whom they call"}
    titles = [named.get(code) or lowered(BY_CODE[code].section.title) for code in steps]
    marks = [
        Mark("yes", "Filled in:", f"{words.listing(titles)}. Change what is different now."),
        Mark(
            "ask",
            "Asked anew:",
            "consent, since another recipient needs another one, and how soon you need an answer.",
        ),
    ]
    files = case.content.get("files")
    if isinstance(files, Sequence) and files:
        count = "the file" if len(files) == 1 else f"the {len(files)} files"
        marks.append(Mark("no", "Not carried over:", f"{count} that you sent. Add them again."))
    left = withheld(case)
    if left:
        text = f"{words.listing(left)}. You withheld that, and a sent draft is not kept."
        marks.append(Mark("no", "Not here any more:", text))
    return tuple(marks)


def withheld(case: Case) -> list[str]:
    """The parts that the consent withheld, in words."""
    consent = case.content.get("consent")
    rows = consent.get("withheld") if isinstance(consent, Mapping) else None
    return [
        lowered(codes.label("withheld-parts", str(row.get("part"))))
        for row in rows or ()
        if isinstance(row, Mapping)
    ]


def what_became(state: str, case: CaseSummary) -> str:
    """How a referral that nobody took ended, in a few words."""
    if case.withdrawn:
        return f"withdrawn: {lowered(codes.label('withdraw-reasons', case.withdrawn))}"
    if state == "rejected" and case.reason:
        return f"declined: {lowered(codes.label('decline-reasons', case.reason))}"
    if case.outcome and case.outcome != state:
        return f"ended: {lowered(codes.label('outcomes', case.outcome))}"
    return lowered(codes.label("states", state))


def closing_line(case: Case) -> Text:
    """Why nothing more is to do, and who said so; "" while nobody has."""
    said = case.view.closing
    if said is None:
        return ""
    why = lowered(REASONS.get(said.reason, said.reason))
    text = Markup(" <bdi>“{}”</bdi>").format(said.text) if said.text else ""
    when = lower(case.times.moment(said.at))
    return Markup("Nothing more to do: {}.{} {}, {}. This stays here.").format(
        why, text, names.name(said.by), when
    )


def follows(
    case: Case, drafts: Iterable[Draft], known: Mapping[bytes, tuple[Summary, Organisation]]
) -> tuple[Follows, ...]:
    """What this case goes on from, and what goes on from it. ``known``: those threads."""
    found = []
    if case.view.earlier is not None and case.view.earlier in known:
        found.append(goes_on_from(*known[case.view.earlier]))
    for each in case.view.later:
        if each in known:
            after, peer = known[each]
            found.append(
                Follows("Referred to:", _named(after, peer), f"/referral/{after.id.hex()}")
            )
    for draft in drafts:
        if draft.follows == case.view.id:
            href = f"/new/{draft.id.hex()}/{draft.step or 'who'}"
            found.append(Follows("A new referral is begun:", "go on with the draft", href))
    return tuple(found)


def goes_on_from(before: Summary, peer: Organisation) -> Follows:
    """The line that leads to the thread before."""
    asked = before.kind in QUERIES
    lead = "You asked them first:" if asked else "Goes on from the referral to"
    return Follows(lead, _named(before, peer), f"/referral/{before.id.hex()}")


def _named(summary: Summary, peer: Organisation) -> Text:
    answer = summary.case.answer if summary.case is not None else ""
    state = query_words.short(summary.kind, answer) or lowered(codes.label("states", summary.state))
    return Markup("{} ({})").format(peer.full, state)
