"""An organisation's page: fit, services, whom to call, hours, the telephone check, what we know.

Law: what they do not state is "not stated". Hours are shown by our clock first, then by theirs, as
they hold this week. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Final

from markupsafe import Markup

from referral_node.exchange import FirstContact, MemberNote, Summary
from referral_node.web import fit_words
from referral_node.web.members import Organisation, lowered
from referral_node.web.pages.at_hand import AtHand
from referral_node.web.pages.find_view import capacity, seen_answers
from referral_node.web.reading import quote
from referral_protocol import codes, fit
from referral_protocol.codes.person import WEEKDAYS
from referral_protocol.profiles import Contact, Service
from referral_ui import names, numbers, words
from referral_ui.parts import Fact, Mark, Tag, Text
from referral_ui.times import DAY, Place, Times, hours_in, lower

BEST: Final = ("has-capacity", "assessment-required", "waiting-list", "no-capacity")
SHORT_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class ServiceRow:
    """One service: its name, its needs, and three cells."""

    name: Text
    needs: str
    whom: str
    how: str
    capacity: str


@dataclass(frozen=True)
class Caller:
    """Somebody to call."""

    name: Text
    role: str
    telephone: numbers.Telephone
    spoken: str


@dataclass(frozen=True)
class Hours:
    """Opening hours of some days: by our clock, by theirs."""

    days: str
    mine: Text
    theirs: Text


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
    different: Text
    draft: str
    chosen: bool


def build(
    member: Organisation,
    fingerprint: str,
    contact: FirstContact | None,
    notes: Sequence[MemberNote],
    cases: Sequence[Summary],
    hand: AtHand | None,
    times: Times,
) -> OrganisationPage:
    """The page of one organisation, against a draft if there is one."""
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
        open_now=_open(member, times),
        status=member.status,
        fit=marks,
        fit_for=for_whom,
        services=tuple(_service(each) for each in services),
        callers=tuple(_caller(each) for each in profile.contacts) if profile else (),
        helpline=_helpline(member),
        hours=_hours(member, times),
        place=member.place.name,
        same_clock=all(row.mine == row.theirs for row in _hours(member, times)),
        closed=_closed(member, times),
        known=_known(member, cases),
        notes=tuple(_note(note, times) for note in notes),
        about_rows=_about(member, times),
        fingerprint=fingerprint,
        compared=_compared(contact, times) if contact is not None and contact.same else "",
        different=_compared(contact, times) if contact is not None and not contact.same else "",
        draft=hand.draft.id.hex() if hand is not None else "",
        chosen=hand is not None and hand.draft.recipient == member.id,
    )


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
    day = _date(best.capacity_on) if best is not None else None
    return f"stated {times.long_day(day)}." if day else ""


def _open(member: Organisation, times: Times) -> Text:
    now = member.open_now(times.now)
    if now is None:
        return "Opening hours not stated"
    if now.is_open:
        if now.until is None:
            return Markup("<strong>Open now</strong>, day and night")
        when = times.clock(now.until, member.place)
        lead = f"Open now, until {when.mine}"
    else:
        if now.next_start is None:
            return Markup("<strong>Closed now</strong>")
        when = lower(times.moment(now.next_start, member.place, tomorrow=True, comma=True))
        lead = f"Closed now. Opens {when.mine}"
    strong = Markup("<strong>{}</strong>").format(lead)
    return (
        Markup('{} <span class="quiet">({})</span>').format(strong, when.other)
        if when.other
        else strong
    )


def _service(each: Service) -> ServiceRow:
    name = names.name(
        each.name_english or each.name, "en" if each.name_english else each.language or None
    )
    labels = [codes.label("needs", code) for code in each.needs]
    needs = ", ".join([labels[0], *(lowered(label) for label in labels[1:])]) if labels else ""
    return ServiceRow(name, needs, _whom(each), _how(each), _room(each))


def _whom(each: Service) -> str:
    groups = [codes.label("victim-groups", code) for code in each.served if code != "all"]
    people = words.listing([groups[0], *map(lowered, groups[1:])]) if groups else ""
    low, high = each.age_from, each.age_to
    if low is not None or high is not None:
        span = fit_words.ages((str(low or 0), str(150 if high is None else high)))
        people = f"{people}, {span}" if people else ("Adults" if span == "18 or older" else span)
    if each.children_up_to is not None:
        people = f"{people or 'People'}, with children up to {each.children_up_to}"
    if each.witnesses == "yes":
        people = f"{people or 'Victims'}, witnesses too"
    eligibility = codes.label("eligibilities", each.eligibility) if each.eligibility else ""
    area = _area(each)
    lines = [_first_large(people), f"{eligibility}: {area}" if area else eligibility]
    return " ".join(f"{line}." for line in lines if line) or "Not stated"


def _area(each: Service) -> str:
    if each.eligibility == "any-place":
        return ""
    covered = {region[:2] for region in each.lives_in_regions}
    lives = (*each.lives_in_regions, *(code for code in each.lives_in if code not in covered))
    parts = [
        f"live in {fit_words.area(lives)}" if lives and each.eligibility != "harmed-here" else "",
        f"harmed in {fit_words.area(each.harmed_in)}" if each.harmed_in else "",
    ]
    return " or ".join(part for part in parts if part)


def _how(each: Service) -> str:
    forms = [codes.label("forms-of-help", code) for code in each.forms]
    spoken = [codes.language_label(tag) for tag in each.languages]
    interpreters = {
        "any-language": "any other with interpreter",
        "on-request": "others with interpreter, on request",
        "none": "no interpreters",
    }.get(each.interpreters, "")
    named = [codes.language_label(tag) for tag in each.interpreter_languages]
    with_interpreter = f"{words.listing(named)} with interpreter" if named else interpreters
    speech = ", ".join(spoken)
    speech = (
        f"{speech}; {with_interpreter}"
        if speech and with_interpreter
        else (speech or with_interpreter)
    )
    access = [codes.label("accessibilities", code) for code in each.accessibility]
    cost = codes.label("costs", each.cost) if each.cost else ""
    lines = [
        ", ".join([*forms[:1], *(lowered(form) for form in forms[1:])]),
        _first_large(speech),
        ", ".join([*access[:1], *(lowered(one) for one in access[1:])]),
        f"{cost}: {each.cost_note}" if cost and each.cost_note else cost,
        f"Needs: {lowered(each.documents)}" if each.documents else "",
        each.how_to_reach.rstrip("."),
    ]
    return " ".join(f"{line}." for line in lines if line)


def _room(each: Service) -> str:
    if not each.capacity:
        return "Not stated"
    label, note = codes.label("capacities", each.capacity), each.capacity_note
    if note and each.capacity in ("waiting-list", "no-capacity"):
        return f"{capacity(each)}."
    return f"{label}. {note}." if note else f"{label}."


def _first_large(text: str) -> str:
    return text[:1].upper() + text[1:]


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


def _hours(member: Organisation, times: Times) -> tuple[Hours, ...]:
    """The week in rows of days that are alike, Monday first."""
    said = member.profile.organisation if member.profile is not None else None
    if said is None or not said.hours:
        return ()
    order = list(WEEKDAYS)
    spans: list[list[tuple[str, str]]] = [[] for _ in order]
    for row in said.hours:
        for day in row.days:
            if day in order:
                spans[order.index(day)].append((row.starts, row.ends))
    rows: list[tuple[int, int, list[tuple[str, str]]]] = []
    for place, open_then in enumerate(spans):
        if rows and rows[-1][2] == sorted(open_then):
            rows[-1] = (rows[-1][0], place, rows[-1][2])
        else:
            rows.append((place, place, sorted(open_then)))
    return tuple(_row_of(first, last, found, member.place, times) for first, last, found in rows)


def _row_of(
    first: int, last: int, found: list[tuple[str, str]], there: Place, times: Times
) -> Hours:
    days = SHORT_DAYS[first] if first == last else f"{SHORT_DAYS[first]}–{SHORT_DAYS[last]}"
    if not found:
        return Hours(days, "closed", "closed")
    today = times.here.local(times.now).date()
    on = today + timedelta(days=first - today.weekday())
    mine = []
    for start, end in found:
        begins, ends, off = hours_in(on, start, end, there, times.here)
        shift = {-1: " (day before)", 1: " (day after)"}.get(off, "")
        mine.append(Markup("{}{}").format(numbers.num(f"{begins}–{ends}"), shift))
    theirs = [numbers.num(f"{start}–{end}") for start, end in found]
    return Hours(days, Markup(", ").join(mine), Markup(", ").join(theirs))


def _closed(member: Organisation, times: Times) -> str:
    """ "Closed 25–26 December and 1 January." of the days still to come, a year ahead."""
    said = member.profile.organisation if member.profile is not None else None
    today = times.here.local(times.now).date()
    spans = []
    for row in said.holidays if said is not None else ():
        first, last = _date(row.first), _date(row.last or row.first)
        if first is None or last is None or last < today or (first - today).days > 366:
            continue
        spans.append((first, last))
    named = [_span(first, last, times) for first, last in sorted(spans)]
    return f"Closed {words.listing(named)}." if named else ""


def _span(first: date, last: date, times: Times) -> str:
    end = times.long_day(last).rsplit(" ", 1)[0]
    if first == last:
        return end
    begin = times.long_day(first).rsplit(" ", 1)[0]
    return f"{first.day}–{end}" if first.month == last.month else f"{begin} to {end}"


def _known(member: Organisation, cases: Sequence[Summary]) -> tuple[Fact, ...]:
    seen = seen_answers(member.id, cases)
    sent = sum(1 for each in cases if each.peer == member.id and each.role == "referring")
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


def _about(member: Organisation, times: Times) -> tuple[Fact, ...]:
    said = member.profile.organisation if member.profile is not None else None
    if said is None:
        return ()
    rows: list[Fact] = []
    assured = _date(said.assured.on) if said.assured is not None else None
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
        [lowered(codes.label("financing", code)) for code in said.financing]
    )
    rows.append(Fact("Paid by", _first_large(paid) or "Not stated"))
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


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
