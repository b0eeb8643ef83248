"""What pages and lists need to know of a content: the person, safe contact now, is it the same one.

Law: reads only, and never raises on a decoded content, however odd: what is missing or of another
kind counts as absent. Nothing here makes a sentence; words belong to the pages.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from referral_protocol.forms.values import real_date
from referral_protocol.hours import Verdict, verdict, windows_of
from referral_protocol.times import age_on, start_of


class Summary(NamedTuple):
    """One line of a list. Absent: "" or () or None. ``name`` is what to call the case."""

    form: str
    name: str
    name_latin: str
    name_to_use: str
    name_language: str
    needs: tuple[str, ...]
    age_band: str
    date_of_birth: str
    lives_in: str
    region: str
    threat: bool
    risk_level: str
    case_number: str
    incident: str
    consent_until: str
    subject: str


class WayNow(NamedTuple):
    """One row of safe contact. ``verdict`` is None where the way has no times or is not safe."""

    way: str
    answer: str
    value: str
    where: str
    note: str
    verdict: Verdict | None


def summary(content: Mapping[str, Any]) -> Summary:
    """What Today and the lists show of an opening's content."""
    who, risk, consent = (_map(content, key) for key in ("who", "risk", "consent"))
    lives = _map(who, "lives_in")
    name = _text(who, "name") or _text(who, "name_to_use")
    return Summary(
        form=_text(content, "form"),
        name=name,
        name_latin=_text(who, "name_latin"),
        name_to_use=_text(who, "name_to_use") or name,
        name_language=_text(who, "name_language"),
        needs=needs(content),
        age_band=_text(who, "age_band") or _text(content, "age_band"),
        date_of_birth=_text(who, "date_of_birth"),
        lives_in=_text(lives, "country") or _text(content, "lives_in"),
        region=_text(lives, "region") or _text(content, "lives_in_region"),
        threat=_text(risk, "threat") == "yes",
        risk_level=_text(risk, "level"),
        case_number=_text(who, "case_number"),
        incident=_text(_map(content, "happened"), "incident"),
        consent_until=_text(consent, "until") if _text(consent, "ground") == "consent" else "",
        subject=_text(content, "subject"),
    )


def needs(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Codes of the needs, in the sender's order: of a referral, a question or a capacity query."""
    found = content.get("needs")
    if isinstance(found, Mapping):
        return tuple(_text(row, "need") for row in rows(found, "needs") if _text(row, "need"))
    return tuple(code for code in _many(content, "needs"))


def age(date_of_birth: str, now: int) -> int | None:
    """Whole years at ``now`` (ms UTC); None when it is no date."""
    return age_on(date_of_birth, now) if real_date(date_of_birth) else None


def safe_now(times: Sequence[Mapping[str, Any]], now: int) -> Verdict:
    """Whether a way with these ``times`` is safe at ``now``; no times: not safe."""
    return verdict(windows_of(times), now)


def ways_now(safe_contact: Mapping[str, Any], now: int) -> list[WayNow]:
    """Every row of safe contact with what holds at ``now``, in the sender's order."""
    return [
        WayNow(
            _text(row, "way"),
            _text(row, "answer"),
            _text(row, "value"),
            _text(row, "where"),
            _text(row, "note"),
            safe_now(rows(row, "times"), now)
            if _text(row, "answer") == "safe" and rows(row, "times")
            else None,
        )
        for row in rows(safe_contact, "ways")
    ]


def same_person(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Whether two referrals may be about the same person: "case-number", "name-and-birth-date", or
    "" for no. Names are compared without accents, case and order, in either script; case numbers
    are the sender's own, so compare only those of one sender or say that it is a guess."""
    first, second = _map(one, "who"), _map(other, "who")
    numbers = {_number(each) for each in (first, second)}
    if len(numbers) == 1 and "" not in numbers:
        return "case-number"
    born = {_text(each, "date_of_birth") for each in (first, second)}
    if len(born) == 1 and "" not in born and _names(first) & _names(second):
        return "name-and-birth-date"
    return ""


def marks(content: Mapping[str, Any]) -> frozenset[str]:
    """What a content is looked up by: two of which ``same_person`` says yes have one in common.
    So among many cases only few need to be compared."""
    who = _map(content, "who")
    born, number = _text(who, "date_of_birth"), _number(who)
    return frozenset(([f"born {born}"] if born else []) + ([f"number {number}"] if number else []))


def consent_ends(content: Mapping[str, Any]) -> int | None:
    """First instant (ms UTC) at which consent no longer holds; None without an end."""
    until = summary(content).consent_until
    return start_of(until) + 86_400_000 if until and real_date(until) else None


def as_it_stands(opening: Mapping[str, Any], notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The referral after the notes, in the order given: a section in a note replaces the one
    before as a whole. ``notes``: contents of one side, or of both in one order."""
    merged = dict(opening)
    for note in notes:
        for section in (
            "who",
            "safe_contact",
            "happened",
            "needs",
            "risk",
            "communication",
            "consent",
        ):
            if isinstance(note.get(section), Mapping):
                merged[section] = note[section]
    return merged


def rows(content: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The maps of a list of groups; whatever else stands there is left out."""
    found = content.get(key)
    if not isinstance(found, list | tuple):
        return []
    return [row for row in found if isinstance(row, Mapping)]


def _number(who: Mapping[str, Any]) -> str:
    return _folded(_text(who, "case_number")).replace(" ", "")


def _names(who: Mapping[str, Any]) -> set[str]:
    names = {_folded(_text(who, key)) for key in ("name", "name_latin")}
    return {" ".join(sorted(name.split())) for name in names} - {""}


def _folded(text: str) -> str:
    """Case, accents and punctuation gone: "Тка́ченко" and "ткаченко" are one."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(
        "".join(
            sign if unicodedata.category(sign)[0] in "LN" else " "
            for sign in plain
            if unicodedata.category(sign)[0] != "M"
        ).split()
    )


def _map(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(content: Mapping[str, Any], key: str) -> str:
    found = content.get(key)
    return found if isinstance(found, str) else ""


def _many(content: Mapping[str, Any], key: str) -> list[str]:
    found = content.get(key)
    return (
        [item for item in found if isinstance(item, str)] if isinstance(found, list | tuple) else []
    )
