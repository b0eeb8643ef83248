"""The parts of a referral as its receiver reads them, after danger and safe contact. Pure.

Law: as in ``reading``: what a row did not take follows as a plain row, so that a field of a later
version is seen too. Free text stands as it was written, without quotes, tagged with its language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from markupsafe import Markup

from referral_node.web.as_written import language_of, named, plain, written
from referral_node.web.case import Case
from referral_node.web.reading import read
from referral_node.web.reading_parts import by_whom
from referral_node.web.reading_rows import (
    Part,
    Reader,
    Reading,
    Told,
    country,
    danger_tag,
    fact,
    joined,
    reading_of,
    sentence,
)
from referral_node.web.sections_person import about_consent, about_person
from referral_protocol import codes
from referral_protocol.forms import FORMS, Section
from referral_ui import names, numbers
from referral_ui.parts import Fact, Text
from referral_ui.words import lowered

REFERRAL: Final = FORMS["referral"]
_LIKELY: Final = (
    ("likelihood", "In all"),
    ("repeat", "Repeat harm"),
    ("intimidation", "Intimidation"),
    ("retaliation", "Retaliation"),
)
_FIRST: Final = {"yes": "Yes", "no": "No", "not-known": "Not known"}


@dataclass(frozen=True)
class Danger:
    """The box above everything else."""

    lead: Text
    text: Text


def danger(case: Case) -> Danger | None:
    """Whether the person is in danger, and what the danger is."""
    risk = case.content.get("risk")
    if not isinstance(risk, Mapping):
        return None
    told = risk.get("danger")
    text = written(told, language_of(risk, case.content)) if isinstance(told, str) and told else ""
    call = case.subject.call
    if risk.get("threat") == "yes":
        return Danger(Markup("{} {} in danger{}.").format(call, *_as_of(case, "is still")), text)
    if risk.get("level") == "high":
        verb, when = _as_of(case, "is")
        return Danger(Markup("The risk for {} {} high{}.").format(call, verb, when), text)
    return Danger("Said of danger:", text) if text else None


def _as_of(case: Case, now: str) -> tuple[str, str]:
    """The verb, and as of when: of a case that is over nothing is claimed about today."""
    over = case.ended or case.withdrawn
    return ("was", " when this was sent") if over else (now, "")


def parts(case: Case, reader: Reader) -> tuple[Reading, ...]:
    """Risk, what happened, needs, the person, consent; of another kind of thread, all that it
    says."""
    content = case.content
    if content.get("form") != "referral":
        asked = read(content, reader) if content else ()
        return tuple(
            replace(each, title="What they ask") if each.code == "about" and case.query else each
            for each in asked
        )
    found = (
        _part(content, reader, "risk", _risk),
        _part(content, reader, "happened", _happened),
        _part(content, reader, "needs", _needs),
        about_person(case, reader),
        about_consent(case, reader),
        *_beside(content, reader),
    )
    return tuple(each for each in found if each is not None and (each.facts or each.told))


def _part(content: Mapping[str, Any], reader: Reader, code: str, rows: Any) -> Reading | None:
    values = content.get(code)
    if not isinstance(values, Mapping):
        return None
    section = REFERRAL.section(code)
    part = Part(values, section.fields, reader, language_of(values, content))
    found: Reading = rows(part, section)
    return found


def _risk(part: Part, section: Section) -> Reading:
    part.value("danger")
    part.value("language")
    level, label = part.text("level"), part.code("level")
    said: dict[str, dict[str, Text]] = {
        "threat": {"yes": "The threat goes on.", "no": "There is no threat now."},
        "ongoing": {"yes": "It is still going on.", "no": "It is over."},
        "afraid": {
            "yes": Markup("{} is afraid of someone.").format(part.reader.person),
            "no": Markup("{} is afraid of nobody.").format(part.reader.person),
        },
    }
    unknown = {
        "threat": "Not known whether there is still a threat.",
        "ongoing": "Not known whether it is still going on.",
        "afraid": "Not known whether there is fear of someone.",
    }
    answers: list[Text] = []
    for key, known in said.items():
        answer = part.text(key)
        answers.append(unknown[key] if answer == "not-known" else known.get(answer, answer))
    likely = [
        f"{name}: {lowered(part.code(key))}."
        for key, name in _LIKELY
        if key in part and part.code(key)
    ]
    told = part.text("police_told")
    return reading_of(
        part,
        section,
        (
            fact(
                "Level",
                danger_tag(label) if level == "high" else sentence(label) if label else "",
                *answers,
                plain(part, "nature"),
            ),
            fact("Could happen", *likely),
            fact("How far it could go", plain(part, "extent")),
            fact("Agreed for safety", plain(part, "agreed")),
            fact("Police told", sentence(_FIRST.get(told, told)), plain(part, "police_note")),
            *_assessment(part.group("assessment")),
        ),
    )


def _assessment(part: Part) -> list[Fact | None]:
    answer, on = part.code("special_protection"), part.day("on")
    reasons = [
        lowered(codes.label(f"article-22-{key}", code))
        for key in ("characteristics", "nature", "circumstances")
        for code in part.many(key)
    ]
    first = joined((answer, f"assessed {on} (Article 22)" if on else ""))
    by = part.text("by")
    assessed = joined((first, Markup("by {}").format(by) if by else ""))
    listed = ", ".join(reasons)
    shown = joined((assessed, listed), ": ")
    return [fact("Special protection", shown, plain(part, "measures")), *part.rest()]


def _happened(part: Part, section: Section) -> Reading:
    lang = part.text("language") or part.lang
    crime = joined((part.code("crime"), by_whom(part.text("relation"))))
    others = [codes.label("crimes", code) for code in part.many("other_crimes")]
    flags = [lowered(codes.label("crime-flags", code)) for code in part.many("flags")]
    place = joined(
        (
            named(part.text("place")),
            numbers.num(part.text("region")) if "region" in part and "place" not in part else "",
            country(part.text("country")) if "country" in part else "",
        )
    )
    part.value("region")
    when = joined((part.day("date"), part.day("until")), " to ")
    summary = part.text("summary")
    told = (Told(summary, names.lang_of(summary, lang or None), lang),) if summary else ()
    return reading_of(
        part,
        section,
        (
            fact(
                "Crime",
                sentence(crime),
                *(sentence(other) for other in others),
                f"Flags: {', '.join(flags)}" if flags else "",
            ),
            fact("Where, when", joined((place, when)), plain(part, "when_note")),
            fact("Incident", plain(part, "incident")),
            _reported(part),
        ),
        *told,
    )


def _reported(part: Part) -> Fact | None:
    answer = part.text("reported")
    reference = part.text("report_reference")
    first = {"yes": "Yes", "no": "Not reported to the police", "not-known": "Not known"}
    said = joined(
        (
            "" if answer == "yes" and part.text("reported_to") else first.get(answer, answer),
            plain(part, "reported_to"),
            part.day("reported_on"),
            numbers.num(reference) if reference else "",
        )
    )
    steps = [
        sentence(
            joined(
                (
                    joined((row.code("what"), row.day("on")), " "),
                    plain(row, "where"),
                    plain(row, "note"),
                    *row.left(),
                )
            )
        )
        for row in part.rows("proceedings")
    ]
    return fact("Reported", sentence(said), *steps)


def _needs(part: Part, section: Section) -> Reading:
    part.value("language")
    rows: list[Fact | None] = []
    for row in part.rows("needs"):
        need = row.code("need") or "Need"
        note = joined((plain(row, "note"), *row.left()))
        rows.append(Fact(_heading(need), note or "No note"))
    rows += [
        fact("Asked for", plain(part, "asked_for")),
        fact("Already done", plain(part, "already_done")),
    ]
    return reading_of(part, section, rows)


def _beside(content: Mapping[str, Any], reader: Reader) -> Sequence[Reading]:
    """What stands around and behind the sections drawn here: a field of a later version."""
    drawn = {"who", "safe_contact", "happened", "needs", "risk", "communication", "consent"}
    known = {*drawn, "answer", "form", "author", "language"}
    rest = {key: value for key, value in content.items() if key not in known}
    for key in drawn:
        if key in content and not isinstance(content[key], Mapping):
            rest[key] = content[key]
    return read({**rest, "form": "referral"}, reader) if rest else ()


def _heading(need: str) -> str:
    """ "Help with a compensation claim" as the short name of a row: "Compensation claim"."""
    bare = need.removeprefix("Help with a ").removeprefix("A ").removeprefix("Help with ")
    return bare[:1].upper() + bare[1:]
