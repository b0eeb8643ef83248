"""How the console says who, when and where: names, addresses that answer, opening hours. Pure."""

from datetime import date
from typing import Final

from markupsafe import Markup

from referral_directory.log.endpoints import Seen
from referral_directory.log.roster import OLD_AFTER, Line, looked_at
from referral_protocol import codes, profiles
from referral_protocol.directory.rules import Member
from referral_protocol.forms.values import known_zone
from referral_protocol.profiles import Profile
from referral_ui import names, numbers, words
from referral_ui.parts import Text
from referral_ui.times import Place, Times, lower

UTC: Final = Place("UTC", "UTC")
ANSWERS: Final = {
    "answers": "answers, with the key that it says",
    "private-address": "is on a private address: other members cannot reach it",
    "no-answer": "does not answer",
    "tls": "answers, but its certificate does not hold",
    "odd-answer": "answers, but not as a node does",
    "wrong-key": "answers, but with another key",
}
"""The codes of the probe, after the address."""


def answer(code: str | None) -> str:
    """What an endpoint said."""
    return "was not asked yet" if code is None else ANSWERS.get(code, code)


def name_of(line: Line, member: bytes) -> Text:
    """An organisation's name in its own script, the Latin form beside it; without one, its id."""
    if not line.name:
        return f"Member {member.hex()[:8]} (no profile)"
    shown = names.name(line.name, line.language or None)
    if line.latin and line.latin != line.name:
        return Markup("{} ({})").format(shown, line.latin)
    return shown


def title_of(line: Line, member: bytes) -> str:
    """The same for the window's title, in letters that everybody can read."""
    return line.readable or f"Member {member.hex()[:8]}"


def country_of(line: Line) -> str:
    return words.country(line.country) if line.country else "not stated"


def place_of(profile: Profile | None) -> Place:
    """Where their clock hangs; UTC if it is not said."""
    if profile is None or not known_zone(profile.organisation.zone):
        return UTC
    said = profile.organisation
    return Place(said.zone, said.city_latin or said.city or "UTC")


def open_line(profile: Profile | None, times: Times) -> tuple[str, Text]:
    """Whether somebody is there now: the term and the value of a fact."""
    if profile is None or not profile.organisation.hours:
        return "Opening hours", "not stated"
    there = place_of(profile)
    now = profiles.open_now(profile.organisation, times.now)
    if now.is_open:
        if now.until is None:
            return "Open now", "day and night"
        when = times.clock(now.until, there)
        return "Open now", Markup("until {}").format(when)
    if now.next_start is None:
        return "Closed now", "no opening is announced"
    return "Closed now", Markup("opens {}").format(
        lower(times.moment(now.next_start, there, tomorrow=True, comma=True))
    )


def contact_of(profile: Profile | None) -> tuple[Text, str, str]:
    """Whom to call: name, role in words, number as they gave it."""
    if profile is None:
        return "not stated", "", ""
    for role in ("point-of-contact", "deputy"):
        contact = profile.contact(role)
        if contact is not None:
            shown = names.name(contact.name)
            if contact.name_latin and contact.name_latin != contact.name:
                shown = Markup("{} ({})").format(shown, contact.name_latin)
            return shown, codes.label("contact-roles", role), contact.telephone
    return "no person is named", "", profile.organisation.telephone


def services_of(profile: Profile | None) -> str:
    """How many services, and what needs they meet."""
    if profile is None or not profile.services:
        return "none"
    needs: dict[str, None] = {}
    for service in profile.services:
        needs.update(dict.fromkeys(codes.label("needs", need) for need in service.needs))
    said = ", ".join(each[:1].lower() + each[1:] for each in list(needs)[:8])
    more = f" and {len(needs) - 8} more" if len(needs) > 8 else ""
    return f"{len(profile.services)}: {said}{more}"


def assured_day(line: Line) -> date | None:
    """When the member last said that its profile is right."""
    try:
        return date.fromisoformat(line.assured_on) if line.assured_on else None
    except ValueError:
        return None


def is_old(line: Line, member: Member, today: date) -> bool:
    """Whether a profile was not looked at for half a year."""
    try:
        return (today - date.fromisoformat(looked_at(line, member))).days > OLD_AFTER
    except ValueError:
        return True


def seen_words(seen: Seen | None, times: Times) -> Text:
    """When an endpoint last answered, for a table."""
    if seen is None:
        return "not asked yet"
    if seen.good_at == seen.asked_at:
        return times.day(seen.asked_at)
    last = "never" if seen.good_at is None else f"last {times.day(seen.good_at)}"
    return f"no ({last})"


def telephone(number: str) -> Text:
    """A number to press, or that there is none."""
    return numbers.dial(number) if number else "no number"
