"""An organisation's page: fit, services, whom to call, hours, the telephone check, what we know.

Law: what they do not state is "not stated". Hours are shown by our clock first, then by theirs, as
they hold this week. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from markupsafe import Markup

from referral_node.exchange import Answers, FirstContact, MemberNote
from referral_node.web import fit_words
from referral_node.web.members import Organisation
from referral_node.web.pages.at_hand import AtHand
from referral_node.web.pages.hours_view import Hours, closed, day_of, open_line, week
from referral_node.web.reading_rows import quote
from referral_protocol import codes, fit
from referral_protocol.profiles import Contact, Service
from referral_ui import names, numbers, words
from referral_ui.parts import Fact, Mark, Tag, Text
from referral_ui.services import ServiceRow, row
from referral_ui.times import DAY, Times
from referral_ui.words import capital, lowered

BEST: Final = ("has-capacity", "assessment-required", "waiting-list", "no-capacity")


@dataclass(frozen=True)
class Caller:
    """Somebody to call."""

    name: Text
    role: str
    telephone: numbers.Telephone
    spoken: str


@dataclass(frozen=True)
class OrganisationPage:
    """All that the template draws."""

    plain: str
    name: Text
    where: str
    about: str
    about_lang: str | None
    capacity: Tag | None
    stated: str
    open_now: Text
    status: str
    fit: tuple[Mark, ...]
    fit_for: Text
    services: tuple[ServiceRow, ...]
    callers: tuple[Caller, ...]
    helpline: Text
    hours: tuple[Hours, ...]
    place: str
    same_clock: bool
    closed: str
    known: tuple[Fact, ...]
    notes: tuple[Text, ...]
    about_rows: tuple[Fact, ...]
    fingerprint: str
    compared: Text
    replaced: str
    """When the machine's key was replaced after that check; "" if it was not."""
    different: Text
    draft: str
    go_on: str
    sent_before: bool


def build(
    member: Organisation,
    fingerprint: str,
    contact: FirstContact | None,
    notes: Sequence[MemberNote],
    answers: Answers,
    hand: AtHand | None,
    regions: Mapping[str, str],
    times: Times,
    machine_since: int = 0,
) -> OrganisationPage:
    """The page of one organisation, against a draft if there is one. ``regions``: towns by the
    region that they stand for; ``machine_since``: when their machine's key was made."""
    profile = member.profile
    said = profile.organisation if profile is not None else None
    services = profile.services if profile is not None else ()
    marks, for_whom = _fit(member, hand)
    best = _best(services)
    return OrganisationPage(
        plain=member.plain,
        name=names.name(said.name, said.name_language or None, said.name_latin or None)
        if said
        else member.name,
        where=f"{member.place.name}, {codes.COUNTRIES.label(said.country)}" if said else "",
        about=said.about if said else "They have not stated anything about themselves here yet.",
        about_lang=said.about_language or None if said else None,
        capacity=_capacity_tag(best),
        stated=_stated_on(best, times),
        open_now=open_line(member, times),
        status=member.status,
        fit=marks,
        fit_for=for_whom,
        services=tuple(row(each, regions) for each in services),
        callers=tuple(_caller(each) for each in profile.contacts) if profile else (),
        helpline=_helpline(member),
        hours=week(member, times),
        place=member.place.name,
        same_clock=all(row.mine == row.theirs for row in week(member, times)),
        closed=closed(member, times),
        known=_known(member, answers),
        notes=tuple(_note(note, times) for note in notes),
        about_rows=_about(member, times),
        fingerprint=fingerprint,
        compared=_compared(contact, times) if contact is not None and contact.same else "",
        replaced=_replaced(contact, fingerprint, machine_since, times),
        different=_compared(contact, times) if contact is not None and not contact.same else "",
        draft=hand.draft.id.hex() if hand is not None else "",
        go_on=_go_on(hand, member),
        sent_before=answers.sent > 0,
    )


def _go_on(hand: AtHand | None, member: Organisation) -> str:
    """Where the draft goes on once this organisation is chosen; "" while it is not."""
    if hand is None or hand.draft.recipient != member.id:
        return ""
    step = "consent" if hand.written.of("consent") else "check"
    return f"/new/{hand.draft.id.hex()}/{step}"


def _fit(member: Organisation, hand: AtHand | None) -> tuple[tuple[Mark, ...], Text]:
    if hand is None or member.profile is None:
        return (), ""
    found = fit.organisation_fit(hand.wanted, "", member.profile)
    for_whom: Text = hand.person.full if hand.person.known else "a person without a name yet"
    marks = []
    for mark in fit_words.marks(found.findings, hand.wish):
        text = f"{mark.text}. Ask before you send." if mark.state == "ask" else mark.text
        marks.append(Mark(mark.state, mark.lead, text))
    return tuple(marks), for_whom


def _best(services: Sequence[Service]) -> Service | None:
    """The service with the most room, whose capacity heads the page."""
    stated = [each for each in services if each.capacity in BEST]
    return min(stated, key=lambda each: BEST.index(each.capacity), default=None)


def _capacity_tag(best: Service | None) -> Tag | None:
    if best is None:
        return None
    tone = "ok" if best.capacity == "has-capacity" else "plain"
    return Tag(codes.label("capacities", best.capacity), "ok" if tone == "ok" else "plain")


def _stated_on(best: Service | None, times: Times) -> str:
    day = day_of(best.capacity_on) if best is not None else None
    return f"stated {times.long_day(day)}." if day else ""


def _caller(each: Contact) -> Caller:
    bare = each.telephone.replace(" ", "")
    return Caller(
        names.name(each.name, latin=each.name_latin or None),
        lowered(codes.label("contact-roles", each.role)),
        numbers.telephone(bare),
        ", ".join(codes.language_label(tag) for tag in each.languages),
    )


def _helpline(member: Organisation) -> Text:
    line = member.profile.organisation.emergency_line if member.profile else None
    if line is None:
        return ""
    number = numbers.num(numbers.grouped(line.number.replace(" ", "")))
    if line.number[:1] != "+":
        number = numbers.num(line.number)
    return Markup("Victims’ helpline: {}{}").format(
        number, f", {lowered(line.when)}" if line.when else ""
    )


def _known(member: Organisation, answers: Answers) -> tuple[Fact, ...]:
    seen, sent = answers.took, answers.sent
    stated = [
        each.answer_days
        for each in (member.profile.services if member.profile is not None else ())
        if each.answer_days is not None
    ]
    days = f"{min(stated)} working {'day' if min(stated) == 1 else 'days'}" if stated else ""
    if seen:
        took = max(1, round(median(seen) / DAY))
        answered = f"{took} {'day' if took == 1 else 'days'}, in {len(seen)} of {sent} referrals."
    elif sent:
        answered = f"Not yet: {sent} sent, none answered."
    else:
        answered = "No referral yet."
    if days and not seen:
        answered += f" They state: within {days}."
    return (Fact("Answered us", answered),)


def _note(note: MemberNote, times: Times) -> Text:
    on = times.here.local(note.at).date()
    return Markup("{} {}, {}.").format(quote(note.text), names.name(note.by), times.long_day(on))


def _compared(contact: FirstContact, times: Times) -> Text:
    when = times.record(contact.at)
    return Markup("{}, by {}, with {}").format(
        when, names.name(contact.by), names.name(contact.spoke_with)
    )


def _replaced(
    contact: FirstContact | None, fingerprint: str, machine_since: int, times: Times
) -> str:
    """When other digits took the place of those that were compared."""
    if contact is None or not contact.same or contact.fingerprint == fingerprint:
        return ""
    return times.long_day(times.here.local(machine_since).date())


def _about(member: Organisation, times: Times) -> tuple[Fact, ...]:
    said = member.profile.organisation if member.profile is not None else None
    if said is None:
        return ()
    rows: list[Fact] = []
    assured = day_of(said.assured.on) if said.assured is not None else None
    if said.assured is not None and assured is not None:
        rows.append(Fact(f"Assured by {said.assured.by}", times.long_day(assured)))
    else:
        rows.append(Fact("Assured", "Not stated"))
    staff = said.staff
    counted = [
        f"{staff.paid} paid" if staff and staff.paid is not None else "",
        f"{staff.volunteers} volunteers" if staff and staff.volunteers is not None else "",
        f"trained {staff.training_hours} hours" if staff and staff.training_hours else "",
        staff.training if staff else "",
    ]
    rows.append(Fact("Staff", ", ".join(each for each in counted if each) or "Not stated"))
    paid = said.financing_note or words.listing(
        # A union's name keeps its capital in the middle of a sentence.
        [
            codes.label("financing", code)
            if code == "eu"
            else lowered(codes.label("financing", code))
            for code in said.financing
        ]
    )
    rows.append(Fact("Paid by", capital(paid) or "Not stated"))
    rows.append(Fact("Mass events", _events(member)))
    if said.website:
        rows.append(Fact("Website", numbers.num(said.website)))
    return tuple(rows)


def _events(member: Organisation) -> Text:
    events = member.profile.organisation.mass_events if member.profile is not None else None
    if events is None:
        return "Not stated"
    if not events.responds:
        return "No"
    duty = events.duty_line.replace(" ", "")
    line = Markup("Yes. Duty line {}").format(numbers.num(numbers.grouped(duty))) if duty else "Yes"
    return Markup("{}. {}").format(line, events.note) if events.note else line
