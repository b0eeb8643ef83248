"""The page of one thread: what stands at its top, in its boxes and beside them. Pure.

Law: the page says first whose turn it is and by when; it never says more than is proved, and it
calls the person by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from referral_node.exchange import MessageView, Summary
from referral_node.web import top_lines
from referral_node.web.case import Case, author_of
from referral_node.web.conversation_view import Line, conversation
from referral_node.web.going_on import Follows, closing_line
from referral_node.web.ladder_view import rungs
from referral_node.web.offers import Offer, lost, offers
from referral_node.web.reading_rows import Reader, Reading, quote
from referral_node.web.safe_view import SafeBox, safe_box
from referral_node.web.sections_view import Danger, danger, parts
from referral_node.web.top_lines import Banner, ByLine
from referral_protocol import codes, forms, profiles
from referral_protocol.forms.values import real_date
from referral_ui import names, numbers, words
from referral_ui.parts import Rung, Text
from referral_ui.times import lower
from referral_ui.words import lowered


@dataclass(frozen=True)
class Callee:
    """Somebody of the other organisation, with what is pressed."""

    name: Text
    role: Text
    telephone: Text
    dial: str
    note: Text = ""


@dataclass(frozen=True)
class MeetingBox:
    """The first meeting."""

    when: Text
    how: Text
    who: Text
    answer: Text
    download: str | None


@dataclass(frozen=True)
class ReferralPage:
    """Everything that the template shows. ``base`` is the address of the thread."""

    title: str
    caption: Text
    name: Text
    call: Text
    ask_line: Text
    by: ByLine
    banners: tuple[Banner, ...]
    danger: Danger | None
    safe: SafeBox | None
    meeting: MeetingBox | None
    offer: Offer
    rungs: tuple[Rung, ...]
    callees: tuple[Callee, ...]
    handover: Text
    parts: tuple[Reading, ...]
    sent: Text
    lines: tuple[Line, ...]
    base: str
    peer: Text
    peer_plain: str
    receiving: bool
    written_by: str
    printed: str
    same_person: tuple[tuple[Text, str], ...] = ()
    erased: bool = False
    writable: bool = True
    follows: tuple[Follows, ...] = ()
    closing: Text = ""


def reader_of(case: Case, *, mine: bool) -> Reader:
    """Who reads a content of this thread."""
    return Reader(
        times=case.times,
        mine=mine,
        person=case.subject.call,
        places={case.there.zone: case.there},
        files=f"/referral/{case.view.id.hex()}/files",
    )


def build(
    case: Case,
    *,
    person: str,
    revealed: bool = False,
    banners: Sequence[Banner] = (),
    others: Sequence[Summary] = (),
    follows: tuple[Follows, ...] = (),
) -> ReferralPage:
    """The page of a case. ``person``: who reads; ``others``: cases to find the same person in;
    ``follows``: what it goes on from, and what goes on from it."""
    reader = reader_of(case, mine=not case.receiving)
    verb = "received from" if case.receiving else "sent to"
    noun = _noun(case)
    return ReferralPage(
        title=f"{noun} {'received' if case.receiving else 'sent'}",
        caption=Markup("{} {} {}").format(noun, verb, case.peer.full),
        name=case.subject.full,
        call=case.subject.call,
        ask_line=top_lines.ask_line(case),
        by=top_lines.by_line(case),
        banners=(*banners, *top_lines.banners(case)),
        danger=danger(case),
        safe=safe_box(case, reader, revealed=revealed),
        meeting=_meeting(case),
        offer=offers(case),
        rungs=rungs(case),
        callees=callees(case),
        handover=_handover(case),
        parts=parts(case, reader) if case.receiving else (),
        sent="" if case.receiving else _what_was_sent(case),
        lines=conversation(case, reader, person, revealed=revealed),
        base=f"/referral/{case.view.id.hex()}",
        peer=case.peer.name,
        peer_plain=case.peer.plain,
        receiving=case.receiving,
        written_by=author_of(_opener(case)),
        printed=printed(case, person),
        same_person=_same(case, others),
        erased=case.view.erased_at is not None,
        writable=case.view.erased_at is None and not lost(case),
        follows=follows,
        closing=closing_line(case),
    )


def _noun(case: Case) -> str:
    return codes.label("thread-kinds", case.view.kind)


def _opener(case: Case) -> MessageView | None:
    return next((m for m in case.view.messages if m.hash == case.view.id), None)


def _meeting(case: Case) -> MeetingBox | None:
    meeting = case.meeting
    if meeting is None:
        return None
    when: Text = "Not said"
    if meeting.starts is not None:
        length = f", {meeting.minutes} minutes" if meeting.minutes else ""
        shown = case.times.appointment(meeting.starts, case.there)
        other = Markup(' <span class="quiet">({})</span>').format(shown.other)
        when = Markup("<strong>{}</strong>{}{}").format(
            shown.mine, other if shown.other else "", length
        )
    way = meeting.values.get("how")
    how: Text = codes.label("meeting-ways", way) if isinstance(way, str) else ""
    details = meeting.values.get("details")
    if isinstance(details, str) and details:
        how = Markup("{}. {}").format(how, _written(details)) if how else _written(details)
    who = meeting.values.get("who")
    answer: Text = ""
    if meeting.answer:
        answer = codes.label("meeting-answers", meeting.answer)
        by = "You" if not case.receiving else case.peer.name
        answer = Markup("{}: {}").format(by, lowered(answer))
    elif meeting.join:
        answer = "Not confirmed yet"
    address = f"/referral/{case.view.id.hex()}/meeting.ics" if meeting.starts else None
    return MeetingBox(when, how, _written(who) if isinstance(who, str) else "", answer, address)


def callees(case: Case) -> tuple[Callee, ...]:
    """Whom to call: whoever the thread names, then point of contact and deputy."""
    found: list[Callee] = []
    named = _named_contact(case)
    open_words = _open_words(case)
    known = {person.plain_name for person in case.peer.people}
    name = named.get("name")
    if isinstance(name, str) and name not in known:
        role = named.get("role")
        number = named.get("telephone")
        found.append(
            _callee(names.name(name), str(role or "named in this referral"), str(number or ""))
        )
    for place, person in enumerate(case.peer.people):
        note = open_words if place == 0 else ""
        found.append(_callee(person.name, person.role, person.telephone, note))
    return tuple(found)


def _named_contact(case: Case) -> Mapping[str, Any]:
    """The contact that they gave for this case."""
    if case.receiving:
        answer = (case.view.opener or {}).get("answer")
        contact = answer.get("contact") if isinstance(answer, Mapping) else None
    else:
        accepted = case.moved("accepted")
        contact = ((accepted.content if accepted else None) or {}).get("contact")
    for message in reversed(case.known):
        said = (message.content or {}).get("contact")
        if not message.mine and isinstance(said, Mapping):
            contact = said
            break
    return contact if isinstance(contact, Mapping) else {}


def _callee(name: Text, role: str, telephone: str, note: Text = "") -> Callee:
    dial = telephone.replace(" ", "")
    shown: Text = numbers.telephone(dial) if dial.startswith("+") else telephone
    return Callee(name, role, shown, dial if dial.startswith("+") else "", note)


def _open_words(case: Case) -> Text:
    """Whether they are open now, in the reader's time first."""
    if case.peer.profile is None or not case.peer.profile.organisation.hours:
        return ""
    verdict = profiles.open_now(case.peer.profile.organisation, case.now)
    if verdict.is_open:
        if verdict.until is None:
            return "Open now"
        return Markup("Open now, until {}").format(str(case.times.clock(verdict.until, case.there)))
    if verdict.next_start is None:
        return "Closed now"
    when = lower(case.times.moment(verdict.next_start, case.there, tomorrow=True))
    return Markup("Closed now. Opens {}").format(str(when))


def _handover(case: Case) -> Text:
    """What was wished for the first contact, in the sender's words too."""
    answer = case.content.get("answer")
    if not case.receiving or not isinstance(answer, Mapping):
        return ""
    wished, note = answer.get("handover"), answer.get("note")
    said: Text = ""
    if isinstance(wished, str) and wished != "none":
        said = f"{codes.label('handovers', wished)} wanted."
    written = quote(note) if isinstance(note, str) and note else ""
    return Markup(" ").join(each for each in (said, written) if each)


def _what_was_sent(case: Case) -> Text:
    """The referral in one paragraph, for the one who wrote it."""
    said = forms.summary(case.content)
    lines: list[str] = []
    if said.needs:
        needs = [lowered(codes.label("needs", need)) for need in said.needs]
        lines.append(words.capital(f"{', '.join(needs)}."))
    if said.risk_level:
        lines.append(f"Risk: {lowered(codes.label('risk-levels', said.risk_level))}.")
    consent = case.content.get("consent")
    if said.consent_until and real_date(said.consent_until):
        until = date.fromisoformat(said.consent_until)
        lines.append(f"Consent until {case.times.long_day(until)}.")
    rows = consent.get("withheld") if isinstance(consent, Mapping) else None
    withheld = [
        lowered(codes.label("withheld-parts", str(row.get("part"))))
        for row in rows or ()
        if isinstance(row, Mapping)
    ]
    if withheld:
        lines.append(f"You withheld: {', '.join(withheld)}.")
    return " ".join(lines)


def _same(case: Case, others: Sequence[Summary]) -> tuple[tuple[Text, str], ...]:
    """Open threads that may be about the same person."""
    found = []
    for other in others:
        if other.id == case.view.id or other.ended or other.case is None:
            continue
        who = {
            "name": other.case.name,
            "name_latin": other.case.latin,
            "date_of_birth": other.case.birth_date,
            "case_number": other.case.case_number if other.peer == case.view.peer else "",
        }
        why = forms.same_person(case.content, {"who": who})
        if why:
            shown = names.name(other.case.name, other.case.language or None)
            found.append((shown, f"/referral/{other.id.hex()}"))
    return tuple(found)


def printed(case: Case, person: str) -> str:
    """The line that stands on paper: who printed it, when, in whose time."""
    on = case.times.record(case.now)
    offset = case.times.offset(case.there)
    there = "" if offset == "your time" else f"; {case.there.name} is {offset}"
    there = there.removesuffix(" of you").removesuffix(" you")
    return (
        f"Printed by {person}, {on}. Contains case data: destroy after use."
        f" Times in {case.times.here.name}{there}."
    )


def _written(text: str) -> Markup:
    return Markup("<bdi>{}</bdi>").format(Markup("<br>").join(text.split("\n")))
