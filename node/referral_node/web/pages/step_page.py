"""The page of one step: its words, its list of steps, its inputs. Pure.

Law: an input that was typed wrongly says so whenever its step is shown. What is merely missing is
no error while somebody still writes: whoever asked to go on and is held up by something wrong is
told beside it what else is missing, and that it holds nothing up; from the page before sending it
is what has to be put right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from markupsafe import Markup

from referral_node.web import fit_words, zones
from referral_node.web.form_binding import Typed, as_form, clock_time, row_numbers
from referral_node.web.members import Organisation
from referral_node.web.pages.at_hand import AtHand
from referral_node.web.pages.draft_content import Problem, answer_by
from referral_node.web.pages.layout import Step
from referral_node.web.pages.step_view import About, Choices, View, fill, order, views
from referral_node.web.pages.steps import BY_CODE, STEPS, WAYS, way_input
from referral_protocol import codes, fit
from referral_ui import words
from referral_ui.forms import Form
from referral_ui.parts import Choice, Mark, Text
from referral_ui.parts import Step as StepLink
from referral_ui.times import Place, Times, hours_in, lower

CHECK: Final = "check"


@dataclass(frozen=True)
class Chosen:
    """The recipient on the consent step."""

    name: Text
    href: str
    marks: tuple[Mark, ...]
    warning: str = ""


@dataclass(frozen=True)
class StillMissing:
    """Something that nobody typed yet, and the input for it."""

    words: Text
    href: str


@dataclass(frozen=True)
class StepPage:
    """All that the template draws."""

    title: str
    heading: Text
    caption: Text
    saved: str
    unsaved: str
    intro: Text
    action: str
    back_href: str
    back_text: str
    steps: tuple[StepLink, ...]
    seen: str
    returns: str
    discard_href: str
    views: tuple[View, ...]
    ways: Choices
    answers: Choices
    priorities: Choices
    recipient: Chosen | None
    still: tuple[StillMissing, ...] = ()


@dataclass(frozen=True)
class Shown:
    """How a step is shown this time. ``complete``: also say what is missing; ``returns``: where
    saving leads instead of the next step; ``kept``: it was saved just now, with errors in it;
    ``extra``: errors of the whole form."""

    seen: str
    complete: bool = False
    returns: str = ""
    kept: bool = False
    extra: tuple[str, ...] = ()
    unsaved: str = "Not saved yet."
    is_saved: bool = True


def build(
    step: Step,
    typed: Typed,
    hand: AtHand,
    shown: Shown,
    times: Times,
) -> tuple[StepPage, Form]:
    """The page and the form that is bound to it."""
    everything = hand.written.of(step.code)
    problems = [each for each in everything if each.typed or shown.complete]
    still = [each for each in everything if shown.kept and each not in problems]
    about = _about(step, typed, hand, times, [*problems, *still])
    drawn = views(step, typed, about)
    errors = [_named(each, hand).error for each in problems]
    form = as_form(order(drawn), typed, errors)
    for words_of_all in shown.extra:
        form.wrong_because("", words_of_all)
    number = STEPS.index(step.code) + 1
    draft = hand.draft
    base = f"/new/{draft.id.hex()}" if draft.version else "/new"
    page = StepPage(
        title=f"New referral, step {number} of {len(STEPS)}: {step.short}",
        heading=fill(step.section.question, hand.person.call),
        caption=_caption(number, hand),
        saved=_saved(hand, shown, times),
        unsaved=shown.unsaved,
        intro=fill(step.intro, hand.person.call),
        action=f"{base}/{step.code}" if draft.version else base,
        back_href=_back(base, number, shown),
        back_text=_back_text(number, shown),
        steps=_links(step.code, base, hand),
        seen=shown.seen,
        returns=shown.returns,
        discard_href=f"{base}/delete" if draft.version else "",
        views=drawn,
        ways=_ways(hand.person.call),
        answers=_listed("safe-answers"),
        priorities=_priorities(hand, times),
        recipient=_recipient(hand) if step.code == "consent" else None,
        still=tuple(
            StillMissing(_named(each, hand).error.message, f"#{each.error.at}") for each in still
        ),
    )
    return page, form


def _caption(number: int, hand: AtHand) -> Text:
    text = f"New referral, step {number} of {len(STEPS)}"
    return Markup("{}: {}").format(text, hand.person.full) if hand.person.known else text


def _saved(hand: AtHand, shown: Shown, times: Times) -> str:
    if not hand.draft.version or not shown.is_saved:
        return ""
    at = hand.draft.saved_at
    same_day = times.here.local(at).date() == times.here.local(times.now).date()
    when = times.clock(at) if same_day else lower(times.moment(at))
    return f"{'Draft saved' if shown.kept else 'Saved'} {when}."


def _back(base: str, number: int, shown: Shown) -> str:
    if shown.returns:
        return f"{base}/{CHECK}"
    return "/" if number == 1 else f"{base}/{STEPS[number - 2]}"


def _back_text(number: int, shown: Shown) -> str:
    if shown.returns:
        return "Back to the check before sending"
    if number == 1:
        return "Back to Today"
    return f"Back to step {number - 1}, {BY_CODE[STEPS[number - 2]].short}"


def _links(here: str, base: str, hand: AtHand) -> tuple[StepLink, ...]:
    """A step can be gone to once it was begun, and the one after the last such."""
    begun = [code for code in STEPS if code in hand.written.started]
    furthest = max((STEPS.index(code) for code in begun), default=-1) + 1
    links = []
    for place, code in enumerate(STEPS):
        title: Text = BY_CODE[code].section.title
        if code == here:
            links.append(StepLink(title, "here"))
        elif hand.written.done(code):
            links.append(StepLink(title, "done", f"{base}/{code}"))
        elif code in hand.written.started:
            unfinished = Markup('{} <span class="quiet">– not complete</span>').format(title)
            links.append(StepLink(unfinished, "todo", f"{base}/{code}"))
        elif place <= furthest and hand.draft.version:
            links.append(StepLink(title, "todo", f"{base}/{code}"))
        else:
            links.append(StepLink(title, "todo"))
    return tuple(links)


def _named(problem: Problem, hand: AtHand) -> Problem:
    """The words of the form about "the person", about this one."""
    message = fill(problem.error.message, hand.person.call)
    return replace(problem, error=replace(problem.error, message=message))


def _about(
    step: Step,
    typed: Typed,
    hand: AtHand,
    times: Times,
    problems: Sequence[Problem],
) -> About:
    content = hand.written.content
    near = places_near(content, hand.recipient, times)
    lists: dict[str, Choices] = {}
    if step.code == "safe_contact":
        lists["zones"] = zones.choices(times, near)
    if step.code == "consent":
        lists["draft-needs"] = _draft_needs(content)
    hints = {"regions": _regions(content, step.code, hand.regions)}
    return About(
        hand.person.call,
        lists,
        {key: words for key, words in hints.items() if words},
        _time_notes(typed, times) if step.code == "safe_contact" else {},
        frozenset(each.error.name for each in problems),
    )


def places_near(
    content: Mapping[str, Any], recipient: Organisation | None, times: Times
) -> list[Place]:
    """The places of a draft: where the person lives, where they go, where it happened."""
    who, happened = content.get("who", {}), content.get("happened", {})
    lives = who.get("lives_in", {})
    near = zones.places_in(str(lives.get("country", "")), str(lives.get("place", "")), times)
    if recipient is not None and recipient.city_known:
        near.append(recipient.place)
    return [*near, times.here, *zones.places_in(str(happened.get("country", "")), "", times)]


def _draft_needs(content: Mapping[str, Any]) -> Choices:
    """The needs of the draft first of all; others may be consented to as well."""
    asked = [row.get("need") for row in content.get("needs", {}).get("needs", ())]
    listed = codes.listed("needs")
    known = [code for code in asked if code in listed]
    return tuple(Choice(code, listed.label(code)) for code in known or listed)


def _regions(content: Mapping[str, Any], step: str, towns: Mapping[str, str]) -> str:
    """Which codes of regions the services of the country name, since those are compared."""
    country = (
        content.get("who", {}).get("lives_in", {}).get("country", "")
        if step == "who"
        else content.get("happened", {}).get("country", "")
    )
    found = {code: town for code, town in towns.items() if country and code[:2] == country}
    if not found:
        return "Its code, for example NL-UT"
    named = [f"{code} ({city})" for code, city in sorted(found.items())]
    return f"Its code. Services name {words.listing(named)}"


def _time_notes(typed: Typed, times: Times) -> dict[str, Text]:
    """ "That is 08:00 to 10:30 your time." under each time of the week that can be read."""
    notes: dict[str, Text] = {}
    for number in row_numbers(typed, "times"):
        row = f"times.{number}"
        start, end, zone = (
            next(iter(typed.get(f"{row}.{key}", ())), "") for key in ("from", "to", "zone")
        )
        first, last = clock_time(start), clock_time(end)
        if not (first and last and zone) or zone == times.here.zone or last <= first:
            continue
        try:
            there = Place(zone, zone)
            mine = hours_in(there.local(times.now).date(), first, last, there, times.here)
        except (ValueError, KeyError, OSError):
            continue
        if mine[:2] != (first, last):
            off = {-1: " the day before", 1: " the day after"}.get(mine[2], "")
            notes[row] = f"That is {mine[0]} to {mine[1]}{off} your time."
    return notes


def _ways(person: Text) -> Choices:
    listed = codes.listed("safe-ways")
    return tuple(Choice(way_input(way), fill(listed.label(way), person)) for way in WAYS)


def _listed(key: str) -> Choices:
    return tuple(Choice(code, row.label) for code, row in codes.listed(key).codes.items())


def _priorities(hand: AtHand, times: Times) -> Choices:
    """Each priority with the time that it would set, here and at theirs."""
    there = hand.recipient.place if hand.recipient is not None else None
    found = []
    for code, row in codes.listed("priorities").codes.items():
        by = answer_by(code, times.now)
        if by is not None:
            when = lower(times.moment(by, there, tomorrow=True, comma=True))
            found.append(Choice(code, row.label, Markup("Answer by {}").format(when)))
    return tuple(found)


def _recipient(hand: AtHand) -> Chosen | None:
    chosen = hand.recipient
    if chosen is None:
        return None
    marks: tuple[Mark, ...] = ()
    if chosen.profile is not None:
        found = fit.organisation_fit(hand.wanted, "", chosen.profile)
        marks = fit_words.marks(found.findings, hand.wish)
    warning = "" if chosen.status == "active" else f"This organisation is {chosen.status} now."
    href = f"/organisation/{chosen.id.hex()}?draft={hand.draft.id.hex()}"
    return Chosen(chosen.full, href, marks, warning)
