"""The small form of an act: its inputs, and what stands in them at first. Pure.

Law: nothing is chosen beforehand that a person must decide; filled in are only the time, the
language and who writes.
"""

from collections.abc import Mapping
from dataclasses import replace

from referral_node.exchange import Actor
from referral_node.web.act import Act
from referral_node.web.acts import STEPS
from referral_node.web.case import Case
from referral_node.web.members import Organisation
from referral_node.web.pages.layout import Ask, Block, Folded, Say, Side, Step
from referral_node.web.pages.step_view import About, View, languages, views
from referral_protocol import codes
from referral_protocol.forms import Section
from referral_ui.parts import Choice, ChoiceGroup

Typed = Mapping[str, list[str]]
_YES_NO = (Choice("yes", "Yes"), Choice("no", "No"))


def fields_of(act: Act, typed: Typed, case: Case, wrong: frozenset[str]) -> tuple[View, ...]:
    """The inputs of an act, from the top."""
    section = Section(act.code, act.title, act.title, act.fields)
    blocks = tuple(_named(block, case) for block in act.blocks)
    about = About(
        case.subject.call,
        {
            "yes-no": _YES_NO,
            "languages": languages_near(case),
            "steps": tuple(Choice(code, codes.label("steps", code)) for code in STEPS),
        },
        wrong=wrong,
    )
    return views(Step(section, act.code, "", blocks, act.fields), typed, about)


def languages_near(case: Case) -> tuple[Choice | ChoiceGroup, ...]:
    """Languages to write in: those of this thread and of both organisations first."""
    near = dict.fromkeys([case.language, *_spoken(case.us), *_spoken(case.peer), "en"])
    first = tuple(Choice(tag, codes.language_label(tag)) for tag in near)
    others = [
        ChoiceGroup(group.text, tuple(c for c in group.choices if c.code not in near))
        for group in languages()
        if isinstance(group, ChoiceGroup)
    ]
    return (ChoiceGroup("Languages of this case", first), *others)


def _spoken(organisation: Organisation) -> tuple[str, ...]:
    profile = organisation.profile
    return profile.organisation.languages if profile is not None else ()


def filled(text: str, case: Case) -> str:
    """A sentence of the table with the two names in it, as plain words."""
    text = text.replace("{thing}", case.thing)
    return text.replace("{peer}", case.peer.plain).replace("{name}", case.subject.plain)


def _named(block: Block, case: Case) -> Block:
    def put(text: str | None) -> str | None:
        return None if text is None else text.replace("{peer}", case.peer.plain)

    match block:
        case Ask():
            return replace(block, label=put(block.label), hint=put(block.hint))
        case Side(asks):
            return Side(tuple(replace(a, label=put(a.label), hint=put(a.hint)) for a in asks))
        case Say(text):
            return Say(put(text) or "")
        case Folded(summary, blocks):
            return Folded(put(summary) or "", tuple(_named(each, case) for each in blocks))
        case _:
            return block


def prefilled(act: Act, case: Case, actor: Actor) -> dict[str, list[str]]:
    """What stands in the inputs when the form is opened."""
    typed = {"language": [case.language]}
    keys = {field.key for field in act.fields}
    if "step_at" in keys:
        local = case.times.here.local(case.now)
        day = case.times.long_day(local.date())
        typed["step_at"] = [f"{day}, {local:%H:%M}"]
    if "contact" in keys:
        typed |= _own_contact(case, actor)
    if "meeting" in keys:
        typed["meeting.minutes"] = ["45"]
    if act.code == "change":
        local = case.times.here.local(case.view.respond_by)
        typed["priority"] = [case.view.priority]
        typed["respond_by"] = [f"{case.times.long_day(local.date())}, {local:%H:%M}"]
    return typed


def _own_contact(case: Case, actor: Actor) -> dict[str, list[str]]:
    """Whoever writes, with the number that our own profile gives them."""
    own = next((p for p in case.us.people if p.plain_name == actor.display), None)
    first = own or next(iter(case.us.people), None)
    role = codes.label("contact-roles", actor.role)
    found = {"contact.name": [actor.display], "contact.role": [role]}
    if first is not None:
        found["contact.telephone"] = [first.telephone]
        if own is not None and own.email:
            found["contact.email"] = [own.email]
    return found
