"""Members as the console shows them: a line in a list, and the one member. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from referral_directory.console import likeness_words, words
from referral_directory.log.endpoints import GOOD, Seen
from referral_directory.log.likeness import Hint
from referral_directory.log.roster import Line
from referral_directory.log.wording import STATUS, lowered, reason
from referral_protocol.directory.entries import ACTIVE, REMOVED, SUSPENDED
from referral_protocol.directory.rules import Member, Suspension
from referral_protocol.profiles import Profile
from referral_ui.parts import Tag, Text
from referral_ui.times import DAY, Times

_ASK: Final = "If nobody knows why, call both on numbers that you know from elsewhere."
SILENT_AFTER: Final = 3 * DAY
"""After this long without a good answer an endpoint gets a caution."""


@dataclass(frozen=True)
class Row:
    """One line of a list."""

    href: str
    name: Text
    country: str
    status: str
    tag: Tag | None
    key_since: Text
    assured: Text
    answered: Text
    caution: Tag | None


@dataclass(frozen=True)
class Shown:
    """The one member. ``suspended``: each suspension in force, in words; ``by_registrars``: whether
    registrars may end one; ``removed``: when it was."""

    id: str
    name: Text
    title: str
    where: str
    status: str
    tag: Tag | None
    suspended: tuple[Text, ...]
    by_registrars: bool
    removed: Text | None
    contact: Text
    role: str
    telephone: Text
    open_term: str
    open_value: Text
    joined: Text
    key_since: Text
    earlier_keys: int
    node_key_since: Text
    endpoint: str
    pinned: bool
    answer: Text
    answer_tag: Tag | None
    assured: Text
    assured_tag: Tag | None
    services: str
    alike: list[tuple[str, str]]


def row(
    member: Member, line: Line, seen: Seen | None, times: Times, hints: Sequence[Hint] = ()
) -> Row:
    """A line of the list of members."""
    status = member.status(times.now)
    old = status != REMOVED and words.is_old(line, member, times.here.local(times.now).date())
    silent = status != REMOVED and is_silent(seen, times.now)
    caution = Tag("Node silent", "warn") if silent else None
    if old and not caution:
        caution = Tag("Profile old", "warn")
    if hints:
        caution = Tag(likeness_words.TAGS[hints[0].kind], "warn")
    return Row(
        f"/member/{member.id.hex()}",
        words.name_of(line, member.id),
        words.country_of(line),
        STATUS[status].capitalize(),
        status_tag(status),
        _day(member.vault_since, times),
        _assured(line, times),
        words.seen_words(seen, times),
        caution,
    )


def shown(
    member: Member,
    line: Line,
    profile: Profile | None,
    seen: Seen | None,
    times: Times,
    hints: Sequence[Hint] = (),
) -> Shown:
    """The page's own content."""
    status = member.status(times.now)
    name, role, telephone = words.contact_of(profile)
    term, value = words.open_line(profile, times)
    held = [
        (by, each)
        for by, each in (("registrars", member.suspension), ("itself", member.own_suspension))
        if each is not None and each.holds(times.now)
    ]
    old = words.is_old(line, member, times.here.local(times.now).date())
    return Shown(
        id=member.id.hex(),
        name=words.name_of(line, member.id),
        title=words.title_of(line, member.id),
        where=", ".join(part for part in (line.city, words.country_of(line)) if part),
        status=STATUS[status],
        tag=status_tag(status),
        suspended=tuple(suspension_words(by, each, times) for by, each in held),
        by_registrars=any(by == "registrars" for by, _ in held),
        removed=None if member.removed_at is None else times.record(member.removed_at),
        contact=name,
        role=lowered(role),
        telephone=words.telephone(telephone),
        open_term=term,
        open_value=value,
        joined=times.record(member.joined_at),
        key_since=times.record(member.vault_since),
        earlier_keys=len(member.earlier),
        node_key_since=times.record(member.node_key_at),
        endpoint=member.endpoint,
        pinned=bool(member.pins),
        answer=_answer(seen, times),
        answer_tag=Tag("Silent", "warn") if is_silent(seen, times.now) else None,
        assured=_assured_by(line, times),
        assured_tag=Tag("Older than six months", "warn") if old else None,
        services=words.services_of(profile),
        alike=[likeness_words.said(hint, _ASK) for hint in hints],
    )


def is_silent(seen: Seen | None, now: int) -> bool:
    """Whether somebody should ask why a node does not answer."""
    if seen is None or seen.answer == GOOD:
        return False
    return seen.good_at is None or now - seen.good_at > SILENT_AFTER


def status_tag(status: str) -> Tag | None:
    """Only what is not as usual has a tag."""
    if status == SUSPENDED:
        return Tag("Suspended", "danger")
    return None if status == ACTIVE else Tag("Removed")


def suspension_words(by: str, held: Suspension, times: Times) -> Text:
    """ "by registrars since 3 November 2026, until 10 November 2026: nobody can be reached"."""
    until = "until lifted" if held.until is None else f"until {times.record(held.until)}"
    alone = ", by one registrar alone" if held.lone else ""
    why = lowered(reason(held.reason))
    return f"by {by}{alone} since {times.record(held.since)}, {until}: {why}"


def _day(at: int, times: Times) -> str:
    return times.long_day(times.here.local(at).date())


def _assured(line: Line, times: Times) -> str:
    on = words.assured_day(line)
    return "not yet" if on is None else times.long_day(on)


def _assured_by(line: Line, times: Times) -> str:
    said = _assured(line, times)
    return f"{said}, by {line.assured_by}" if line.assured_by and said != "not yet" else said


def _answer(seen: Seen | None, times: Times) -> str:
    if seen is None:
        return "was not asked yet"
    said = f"{words.answer(seen.answer)}, asked {lowered(str(times.moment(seen.asked_at)))}"
    if seen.answer == GOOD:
        return said
    last = "never" if seen.good_at is None else str(times.record(seen.good_at))
    return f"{said}. Last good answer: {last}"
