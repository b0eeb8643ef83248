"""The page before sending: what is checked, what stays, what goes word for word, if it may go.

Law: what is shown is what is sent: the rows are read from the very body that the button seals.
Where something is wrong there is no button but a sentence with a link to where it is put right.
Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from markupsafe import Markup

from referral_node.exchange import FirstContact, Summary
from referral_node.web import fit_words, freshness, reading, reading_rows
from referral_node.web.pages.at_hand import AtHand
from referral_node.web.pages.draft_content import Problem
from referral_node.web.pages.send_view import Send, build_send, other_day
from referral_node.web.pages.step_view import fill
from referral_node.web.pages.steps import BY_CODE, STEPS
from referral_protocol import codes, fit, forms
from referral_protocol.directory.replica import Freshness
from referral_ui import names, words
from referral_ui.parts import Fact, Mark, Text
from referral_ui.times import Place, Times, lower
from referral_ui.words import lowered

OLD_CHECK: Final = 14 * 24 * 3_600_000
"""Safe contact that was checked longer ago than this is doubtful."""


@dataclass(frozen=True)
class Part:
    """A part, word for word, with the way to change it; or what is still to do in it."""

    title: str
    change: str
    what: str
    told: tuple[reading_rows.Told, ...] = ()
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class ToDo:
    """A problem and where it is put right."""

    words: str
    href: str


@dataclass(frozen=True)
class CheckPage:
    """All that the template draws."""

    caption: Text
    lead: Text
    saved: str
    stops: tuple[Mark, ...]
    """What holds the sending up; ``marks``: what does not, and is to be looked at."""
    marks: tuple[Mark, ...]
    same: tuple[ToDo, ...]
    todo: tuple[tuple[str, tuple[ToDo, ...]], ...]
    stays: tuple[Fact, ...]
    stays_note: Text
    languages: Text
    parts: tuple[Part, ...]
    blocked: ToDo | None
    send: Send | None
    to: str
    base: str
    discard_href: str


@dataclass(frozen=True)
class Around:
    """What the page needs beside the draft: the telephone check, cases of perhaps the same person,
    whether a message can be sealed to them now, whether their keys were in use here before, how
    old this node's copy of the directory is, whether their key is in doubt (DIRECTORY 7.3)."""

    contact: FirstContact | None
    same: Sequence[tuple[Summary, Text]] = ()
    has_key: bool = True
    seen: bool = True
    tier: Freshness = Freshness.CURRENT
    doubtful: bool = False


def build(hand: AtHand, around: Around, times: Times) -> CheckPage:
    """The page for one draft."""
    base = f"/new/{hand.draft.id.hex()}"
    content = hand.written.content
    to = hand.recipient.plain if hand.recipient else "nobody yet"
    body, head = forms.body(content)
    needed = _needed(hand, around, times)
    blocked = _blocked(hand, around, base)
    return CheckPage(
        caption=Markup("New referral: {}").format(hand.person.full)
        if hand.person.known
        else "New referral",
        lead=_lead(hand),
        saved=f"Saved {lower(times.moment(hand.draft.saved_at, comma=True))}."
        if other_day(times, hand.draft.saved_at)
        else f"Saved {times.clock(hand.draft.saved_at)}.",
        stops=tuple(each for each in needed if each.state == "no"),
        marks=(
            *(each for each in needed if each.state != "no"),
            *_fits(hand),
            _same_person(around),
        ),
        same=tuple(_same(around)),
        todo=tuple(_todo(hand, base)),
        stays=tuple(_stays(body, hand.person.call)),
        stays_note=_stays_note(body),
        languages=_languages(hand, content),
        parts=tuple(_parts(hand, body, times, base)),
        blocked=blocked,
        send=None if blocked else build_send(hand, head, around.has_key, around.tier, times),
        to=to,
        base=base,
        discard_href=f"{base}/delete",
    )


def _lead(hand: AtHand) -> Text:
    if hand.recipient is None:
        return "This is what would leave your organisation. It goes to nobody yet: choose to whom."
    return Markup(
        "This, and nothing else, leaves your organisation. It goes to {}, and to nobody else."
    ).format(hand.recipient.full)


# --- before you send ----------------------------------------------------------------------------


def _needed(hand: AtHand, around: Around, times: Times) -> list[Mark]:
    """Without these nothing is sent."""
    return [_consent(hand), _safe_contact(hand, times), *_fingerprint(hand, around, times)]


def _consent(hand: AtHand) -> Mark:
    consent = hand.written.content.get("consent", {})
    if hand.written.of("consent"):
        return Mark("no", "Consent", "or a legal basis is not complete")
    if consent.get("ground") != "consent":
        basis = lowered(codes.label("legal-bases", str(consent.get("legal_basis"))))
        return Mark("ask", "Without consent:", f"{basis}. They see why.")
    covered = len(consent.get("needs", ()))
    counted = {1: "this need", 2: "both needs", 3: "these three needs", 4: "these four needs"}
    until = _long_day(str(consent.get("until", "")))
    named = hand.recipient.plain if hand.recipient else ""
    text = f"covers {named} and {counted.get(covered, f'these {covered} needs')}, until {until}"
    return Mark("yes", "Consent", text)


def _long_day(day: str) -> str:
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return day
    return Times(0, Place("UTC", "UTC")).long_day(found)


def _safe_contact(hand: AtHand, times: Times) -> Mark:
    checked = hand.written.content.get("safe_contact", {}).get("checked_at")
    if hand.written.of("safe_contact") or not isinstance(checked, int):
        return Mark("no", "Safe contact", "is not complete")
    when = lower(times.moment(checked))
    text = Markup("checked with {} {}").format(hand.person.call, when)
    if times.now - checked > OLD_CHECK:
        return Mark("ask", "Safe contact", Markup("{}: check it again").format(text))
    return Mark("yes", "Safe contact", text)


def _fingerprint(hand: AtHand, around: Around, times: Times) -> list[Mark]:
    if hand.recipient is None:
        return []
    contact = around.contact
    if contact is None:
        return [Mark("no", "Fingerprint", "not compared by telephone yet")]
    when = lower(times.moment(contact.at))
    if not contact.same:
        return [Mark("no", "Fingerprint", Markup("was different {}").format(when))]
    by = "you" if contact.by == hand.desk.author.get("name") else contact.by
    text = Markup("compared by telephone {}, {} and {}").format(
        when, names.name(by) if by != "you" else by, names.name(contact.spoke_with)
    )
    return [Mark("yes", "Fingerprint", text)]


def _fits(hand: AtHand) -> list[Mark]:
    chosen = hand.recipient
    if chosen is None or chosen.profile is None:
        return []
    found = fit.organisation_fit(hand.wanted, "", chosen.profile)
    good, of = found.counted
    marks = []
    for mark in fit_words.marks(found.findings, hand.wish):
        if mark.state == "yes":
            lead = f"Fits {good} of {of}:" if good < of else "Fits:"
            marks.append(Mark("yes", lead, mark.text))
        elif mark.state == "ask":
            marks.append(Mark("ask", mark.lead, f"{mark.text}. Ask them in your message."))
        else:
            marks.append(mark)
    return marks


def _same_person(around: Around) -> Mark:
    if not around.same:
        return Mark("yes", "Same person", "– no open case with this name and birth date")
    return Mark("ask", "This may be the same person", "as in an open case: see below")


def _same(around: Around) -> list[ToDo]:
    return [
        ToDo(
            Markup("{}, with {}").format(
                names.name(summary.case.latin or summary.case.name) if summary.case else "A case",
                peer,
            ),
            f"/referral/{summary.id.hex()}",
        )
        for summary, peer in around.same
    ]


# --- what is still to do ------------------------------------------------------------------------


def _todo(hand: AtHand, base: str) -> list[tuple[str, tuple[ToDo, ...]]]:
    found = []
    for code in STEPS:
        problems = hand.written.of(code)
        if problems:
            title = BY_CODE[code].section.title
            found.append((title, tuple(_to_do(each, hand, base) for each in problems)))
    return found


def _to_do(problem: Problem, hand: AtHand, base: str) -> ToDo:
    href = f"{base}/{problem.step}?missing=1&back=check#{problem.error.at}"
    return ToDo(fill(problem.error.message, hand.person.call), href)


def _before_consent(hand: AtHand) -> str:
    """What is missing of consent and recipient: both, or the one of them."""
    if hand.recipient is None:
        return "First choose the recipient, and complete consent or the legal basis"
    return "First complete consent or the legal basis"


def _blocked(hand: AtHand, around: Around, base: str) -> ToDo | None:
    """Why there is no button, the gravest reason first; None when it may go."""
    chosen = hand.recipient
    here = f"?{'draft'}={hand.draft.id.hex()}"
    if hand.written.of("consent") or chosen is None:
        return ToDo(_before_consent(hand), f"{base}/consent?missing=1&back=check")
    organisation = f"/organisation/{chosen.id.hex()}{here}"
    if chosen.status != "active":
        return ToDo(f"{chosen.plain} is {chosen.status}: nothing can be sent there", organisation)
    if around.contact is not None and not around.contact.same:
        return ToDo(
            f"The fingerprint of {chosen.plain} was different. Send nothing, and tell VSE",
            f"{organisation}#fp",
        )
    if hand.written.problems:
        step = hand.written.problems[0].step
        return ToDo(
            "First put right what is missing or wrong",
            f"{base}/{step}?missing=1&back=check",
        )
    stopped = freshness.no_first_use(
        around.tier, around.seen, chosen.plain, doubtful=around.doubtful
    )
    if stopped:
        return ToDo(stopped, f"{organisation}#fp")
    if around.contact is None:
        return ToDo(
            f"First compare the fingerprint of {chosen.plain} by telephone",
            f"{organisation}#fp",
        )
    return None


# --- what stays, what goes ----------------------------------------------------------------------


def _stays(body: Mapping[str, Any], person: Text) -> list[Fact]:
    reasons: dict[str, Text] = {
        "not-agreed": Markup("Withheld: {} did not agree.").format(person),
        "not-needed": "Withheld: not needed yet.",
    }
    found = []
    for row in body.get("consent", {}).get("withheld", ()):
        part, reason = str(row.get("part", "")), str(row.get("reason", ""))
        said = lowered(codes.label("withheld-reasons", reason)) if reason else "no reason yet"
        why = reasons.get(reason) or f"Withheld: {said}."
        note = row.get("note")
        value = Markup("{} {}").format(why, reading_rows.quote(str(note))) if note else why
        found.append(Fact(codes.label("withheld-parts", part) if part else "A part", value))
    return [*found, Fact("Your own notes", "Never sent.")]


def _stays_note(body: Mapping[str, Any]) -> Text:
    parts = [str(row.get("part", "")) for row in body.get("consent", {}).get("withheld", ())]
    named = [_A_PART.get(part) or _the(part) for part in parts if part]
    if not named:
        return "You withhold nothing."
    verb = "is" if len(named) == 1 else "are"
    return f"They see that {words.listing(named)} {verb} withheld, and why."


# Parts that may not exist at all, unlike a name or a date of birth.
_A_PART: Final = {
    "medical-report": "a medical report",
    "home-address": "a home address",
    "other": "something else",
    "files": "files",
}


def _the(part: str) -> str:
    return f"the {lowered(codes.label('withheld-parts', part))}"


def _languages(hand: AtHand, content: Mapping[str, Any]) -> Text:
    tag = str(content.get("language", ""))
    written = f", in {codes.language_label(tag)}" if tag else ""
    return Markup(
        "What you chose from lists goes as codes."
        ' <span class="nowrap">“What you wrote”</span> they read as it stands{}.'
    ).format(written)


def _parts(hand: AtHand, body: Mapping[str, Any], times: Times, base: str) -> list[Part]:
    """Every part in the order of the form; one with nothing in it as well, so it can be filled."""
    places = {}
    if hand.recipient is not None and hand.recipient.city_known:
        places[hand.recipient.place.zone] = hand.recipient.place
    reader = reading_rows.Reader(times, True, hand.person.call, places, files=f"{base}/files")
    read = {each.code: each for each in reading.read(body, reader)}
    found = []
    for code in STEPS:
        title = BY_CODE[code].section.title
        each = read.get(code, reading_rows.Reading(code, title))
        facts = each.facts or (Fact("Nothing yet", ""),) if not each.told else each.facts
        change = f"{base}/{code}?back=check"
        found.append(Part(title, change, lowered(title), each.told, facts))
    found.append(_files(hand, read.get("files"), base))
    if "about" in read:
        about = read["about"]
        found.append(Part(about.title, "", "", about.told, about.facts))
    return found


def _files(hand: AtHand, read: reading_rows.Reading | None, base: str) -> Part:
    """The files, or that there are none; those that the consent withholds are not sent."""
    facts = read.facts if read is not None else ()
    if not facts:
        added = hand.written.content.get("files", ())
        words_of = "You withhold files: those that you added are not sent." if added else ""
        facts = (Fact("None", words_of),)
    return Part("Files", f"{base}/files", "files", (), facts)
