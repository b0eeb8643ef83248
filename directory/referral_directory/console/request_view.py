"""A request, to join or for new keys, as the console shows it: who asks, what is still to do, what
was typed. Pure.

Law: the fingerprint never comes into a page: it is compared here, line by line, and only which
lines differ goes out.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from referral_directory.console import likeness_words, words
from referral_directory.log.likeness import Hint
from referral_directory.log.requests import Kept
from referral_directory.log.reviews import CHECKS, Review
from referral_directory.log.roster import NOTHING, Line, line_of
from referral_protocol import profiles
from referral_protocol.directory.entries import RECOVERY, Card, parse_entry
from referral_protocol.directory.requests import ASKED, asked_card
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import fingerprint
from referral_protocol.profiles import Profile
from referral_ui.forms import Form
from referral_ui.parts import Choice, Tag, Text
from referral_ui.times import Times

LINES: Final = ("line1", "line2", "line3")
IN_A_LINE: Final = 20
CHOICES: Final = (
    Choice("member", "They are a member of VSE, by the board’s newest list"),
    Choice("works", "The point of contact works there: confirmed by their director"),
    Choice(
        "found",
        "I found the telephone number myself, in the VSE members’ book, not in this request",
    ),
    Choice("asked", "The person on the telephone asked to join, and said so in their own words"),
)
LOST_CHOICES: Final = (
    Choice("member", "They are a member of VSE, by the board’s newest list"),
    Choice("works", "The person works there: confirmed by their director"),
    Choice(
        "found",
        "I called a number that stood here before or in the VSE members’ book, not one they gave"
        " me now",
    ),
    Choice("asked", "They said in their own words that their key is lost, and asked for new ones"),
)
_TO_DO: Final = {
    "member": "membership",
    "works": "point of contact",
    "found": "telephone",
    "asked": "their own words",
}
_ASK: Final = "Ask that member whether it knows of this request, on the number that it had before."


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    href: str
    name: Text
    country: str
    asked: Text
    to_do: str
    tag: Tag | None


@dataclass(frozen=True)
class Shown:
    """The one request. ``lost``: a member asks for new keys; ``hindrance``: why it cannot be
    granted, in words; ``alike``: what is to be said of its name, as heading and text;
    ``asked_for``: what the applicant was asked."""

    id: str
    lost: bool
    name: Text
    title: str
    city: str
    contact: Text
    role: str
    telephone: Text
    open_term: str
    open_value: Text
    endpoint: str
    answer: str
    asked_at: Text | None
    services: str
    received: Text
    hindrance: str | None
    alike: list[tuple[str, str]]
    asked_for: str | None
    review: Review


@dataclass(frozen=True)
class Read:
    """A request, its profile and its card read. ``hindrance``: the log's refusal, if any.

    ``profile``: of a member that says its key is lost the one known before, never what came now.
    """

    kept: Kept
    member: bytes
    card: Card
    lost: bool
    profile: Profile | None
    hindrance: str | None
    hints: Sequence[Hint] = ()

    @property
    def line(self) -> Line:
        return NOTHING if self.profile is None else line_of(self.profile)


def read(
    kept: Kept,
    hindrance: ProtocolError | None,
    known: Profile | None = None,
    hints: Sequence[Hint] = (),
) -> Read:
    """What a request says; its bytes were checked when it came. ``known``: the profile that the
    member had before, for a recovery."""
    entry = parse_entry(kept.submission.content)
    why = None if hindrance is None else hindrance_words(hindrance)
    card, lost = asked_card(kept.submission), entry.kind == RECOVERY
    profile = known if lost else profile_of(kept)
    return Read(kept, entry.member or b"", card, lost, profile, why, hints)


def profile_of(kept: Kept) -> Profile | None:
    """The profile that came with a request; None if it is of a form of later days."""
    try:
        return profiles.unpack({record.name: record.content for record in kept.submission.records})
    except ProtocolError:
        return None


def hindrance_words(error: ProtocolError) -> str:
    """Why the log would not take a request now."""
    return {
        "bad-times": "It is older than 30 days: ask them to send it again",
        "key-in-use": "One of its keys is in the log already: they must make new ones",
        "old-number": "This organisation is a member already",
        "bad-endpoint": "The address of its node cannot be used",
        "broken-chain": "The log has another entry of this member meanwhile: they must ask anew",
        "counter-gap": "The log has another entry of this member meanwhile: they must ask anew",
        "removed": "This member was removed",
    }.get(error.code, f"The log would refuse it ({error.code})")


def row(found: Read, review: Review, times: Times) -> Row:
    """A line of the list."""
    tag = None
    if found.lost:
        tag = Tag("Key lost", "warn")
    elif found.hints:
        tag = Tag(likeness_words.TAGS[found.hints[0].kind], "warn")
    elif found.hindrance:
        tag = Tag("Cannot be admitted", "warn")
    return Row(
        f"/request/{found.kept.id.hex()}",
        words.name_of(found.line, found.member),
        words.country_of(found.line),
        times.moment(found.kept.received_at),
        _to_do(found.kept, review),
        tag,
    )


def _to_do(kept: Kept, review: Review) -> str:
    if kept.state.state == ASKED:
        return "Waiting for their answer"
    if len(review.missing) == len(CHECKS) and not review.called:
        return "Everything"
    missing = [_TO_DO[code] for code in review.missing] + ["fingerprint"]
    said = ", ".join(missing)
    return said[:1].upper() + said[1:]


def shown(found: Read, review: Review, times: Times) -> Shown:
    """The page's own content."""
    kept, profile = found.kept, found.profile
    name, role, telephone = words.contact_of(profile)
    term, value = words.open_line(profile, times)
    return Shown(
        id=kept.id.hex(),
        lost=found.lost,
        name=words.name_of(found.line, found.member),
        title=words.title_of(found.line, found.member),
        city=", ".join(part for part in (found.line.city, words.country_of(found.line)) if part),
        contact=name,
        role=role[:1].lower() + role[1:],
        telephone=words.telephone(telephone),
        open_term=term,
        open_value=value,
        endpoint=found.card.endpoint,
        answer=words.answer(kept.answer),
        asked_at=None if kept.answered_at is None else times.moment(kept.answered_at),
        services=words.services_of(profile),
        received=times.record(kept.received_at, words.place_of(profile)),
        hindrance=found.hindrance,
        alike=[likeness_words.said(hint, _ASK) for hint in found.hints],
        asked_for=kept.state.text if kept.state.state == ASKED else None,
        review=review,
    )


def hear(form: Form, card: Card) -> list[str]:
    """Compare what was typed with the request's fingerprint; errors stand at the lines.

    Gives the numbers of the lines that are whole but not the same.
    """
    wanted = fingerprint(card.vault_key, card.node_key).replace(" ", "")
    differ = []
    for number, name in enumerate(LINES, 1):
        typed = form.value(name)
        digits = "".join(c for c in typed if c.isascii() and c.isdigit())
        rest = "".join(c for c in typed if not (c.isascii() and c.isdigit()) and c not in " -\t")
        line = wanted[(number - 1) * IN_A_LINE : number * IN_A_LINE]
        if not typed.strip():
            form.wrong_because(name, f"Type line {number} as they read it out")
        elif rest:
            form.wrong_because(
                name, f"Line {number} has something that is not a digit. Type it again"
            )
        elif len(digits) != IN_A_LINE:
            form.wrong_because(
                name,
                f"Line {number} has {len(digits)} digits, not {IN_A_LINE}. Ask them to read line"
                f" {number} again",
            )
        elif not hmac.compare_digest(digits, line):
            differ.append(str(number))
            form.wrong_because(
                name,
                f"Line {number} of the fingerprint is not the same. Ask them to read line"
                f" {number} again",
            )
    return differ
