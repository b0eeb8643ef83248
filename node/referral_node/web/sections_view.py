"""The parts of a referral as its receiver reads them, after danger and safe contact. Pure.

Law: as in ``reading``: what a row did not take follows as a plain row, so that a field of a later
version is seen too. Free text stands as it was written, without quotes, tagged with its language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from referral_node.web.case import Case
from referral_node.web.members import lowered
from referral_node.web.reading import (
    Part,
    Reader,
    Reading,
    Told,
    country,
    danger_tag,
    fact,
    joined,
    read,
    reading_of,
    sentence,
)
from referral_node.web.reading_parts import by_whom
from referral_protocol import codes
from referral_protocol.forms import FORMS, Section
from referral_protocol.forms import age as age_of
from referral_ui import names, numbers, words
from referral_ui.parts import Fact, Text

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
    text = _written(told, _lang(risk, case.content)) if isinstance(told, str) and told else ""
    call = case.subject.call
    if risk.get("threat") == "yes":
        return Danger(Markup("{} is still in danger.").format(call), text)
    if risk.get("level") == "high":
        return Danger(Markup("The risk for {} is high.").format(call), text)
    return Danger("Said of danger:", text) if text else None


def parts(case: Case, reader: Reader) -> tuple[Reading, ...]:
    """Risk, what happened, needs, the person, consent; of another kind of thread, all that it
    says."""
    content = case.content
    if content.get("form") != "referral":
        return read(content, reader) if content else ()
    found = (
        _part(content, reader, "risk", _risk),
        _part(content, reader, "happened", _happened),
        _part(content, reader, "needs", _needs),
        _person(case, reader),
        _consent(case, reader),
        *_beside(content, reader),
    )
    return tuple(each for each in found if each is not None and (each.facts or each.told))


def _part(content: Mapping[str, Any], reader: Reader, code: str, rows: Any) -> Reading | None:
    values = content.get(code)
    if not isinstance(values, Mapping):
        return None
    section = REFERRAL.section(code)
    part = Part(values, section.fields, reader, _lang(values, content))
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
                _plain(part, "nature"),
            ),
            fact("Could happen", *likely),
            fact("How far it could go", _plain(part, "extent")),
            fact("Agreed for safety", _plain(part, "agreed")),
            fact("Police told", sentence(_FIRST.get(told, told)), _plain(part, "police_note")),
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
    return [fact("Special protection", shown, _plain(part, "measures")), *part.rest()]


def _happened(part: Part, section: Section) -> Reading:
    lang = part.text("language") or part.lang
    crime = joined((part.code("crime"), by_whom(part.text("relation"))))
    others = [codes.label("crimes", code) for code in part.many("other_crimes")]
    flags = [lowered(codes.label("crime-flags", code)) for code in part.many("flags")]
    place = joined(
        (
            _name(part.text("place")),
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
            fact("Where, when", joined((place, when)), _plain(part, "when_note")),
            fact("Incident", _plain(part, "incident")),
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
            _plain(part, "reported_to"),
            part.day("reported_on"),
            numbers.num(reference) if reference else "",
        )
    )
    steps = [
        sentence(
            joined(
                (
                    joined((row.code("what"), row.day("on")), " "),
                    _plain(row, "where"),
                    _plain(row, "note"),
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
        note = joined((_plain(row, "note"), *row.left()))
        rows.append(Fact(_heading(need), note or "No note"))
    rows += [
        fact("Asked for", _plain(part, "asked_for")),
        fact("Already done", _plain(part, "already_done")),
    ]
    return reading_of(part, section, rows)


def _person(case: Case, reader: Reader) -> Reading | None:
    """The person, and how to understand each other: two parts of the form in one."""
    who, speech = case.content.get("who"), case.content.get("communication")
    if not isinstance(who, Mapping):
        return None
    section = REFERRAL.section("who")
    part = Part(who, section.fields, reader, _lang(who, case.content))
    for key in ("name", "name_latin", "language"):
        part.value(key)
    rows = [_called(part), *_speech(speech, case, reader), _lives(part)]
    rows += [
        fact("Home address", _plain(part, "home_address")),
        fact("Came to them from", part.code("came_by")) if "came_by" in part else None,
        fact("Their case number", numbers.num(part.text("case_number")))
        if part.text("case_number")
        else None,
        fact("Groups", ", ".join(codes.label("victim-groups", c) for c in part.many("groups"))),
    ]
    shown = reading_of(part, section, rows)
    return Reading("who", f"About {case.subject.plain}", shown.told, shown.facts)


def _called(part: Part) -> Fact | None:
    reader = part.reader
    language = part.text("name_language")
    use, born = part.text("name_to_use"), part.text("date_of_birth")
    years = age_of(born, reader.times.now) if born else None
    inside = joined((_plain(part, "gender"), "" if years is None else str(years)))
    first = Markup("{} ({})").format(reader.person, inside) if inside else reader.person
    born_on = f"born {part.day('date_of_birth')}" if born else lowered(part.code("age_band"))
    named_in = f"The name is {codes.language_label(language)}." if language else ""
    role = part.code("role")
    return fact(
        "Name to use",
        joined((first, born_on)),
        sentence(role) if role and role != "Victim" else "",
        named_in if language and not use else "",
    )


def _speech(values: object, case: Case, reader: Reader) -> list[Fact | None]:
    if not isinstance(values, Mapping):
        return []
    section = REFERRAL.section("communication")
    part = Part(values, section.fields, reader, _lang(values, case.content))
    part.value("language")
    spoken = [codes.language_label(tag) for tag in part.many("languages")]
    some = [f"some {codes.language_label(tag)}" for tag in part.many("some")]
    asked, language = part.text("interpreter"), part.text("interpreter_language")
    wish = part.text("interpreter_wish")
    wished = lowered(codes.label("interpreter-wishes", wish)) if wish and wish != "no-wish" else ""
    needed = codes.language_label(language) if language else "needed"
    interpreter = {
        "yes": f"Interpreter: {', '.join(each for each in (needed, wished) if each)}.",
        "no": "No interpreter needed.",
        "not-known": "Not known whether an interpreter is needed.",
    }.get(asked, asked)
    helps = [codes.label("communication-needs", code) for code in part.many("needs")]
    return [
        fact("Languages", f"{', '.join([*spoken, *some])}." if spoken or some else "", interpreter),
        fact("What helps", ", ".join([helps[0], *map(lowered, helps[1:])]) if helps else ""),
        fact("On speaking", _plain(part, "note")),
        *part.rest(),
    ]


def _lives(part: Part) -> Fact | None:
    lives = part.group("lives_in")
    place, region, land = lives.text("place"), lives.text("region"), lives.text("country")
    where = joined(
        (
            _name(place),
            numbers.num(region) if region and not place else "",
            country(land) if land else "",
        )
    )
    nations = [country(code) for code in part.many("nationality")]
    return fact(
        "Lives in",
        sentence(where),
        f"Nationality: {words.listing(nations)}." if nations else "",
        *lives.left(),
    )


def _consent(case: Case, reader: Reader) -> Reading | None:
    values = case.content.get("consent")
    if not isinstance(values, Mapping):
        return None
    section = REFERRAL.section("consent")
    part = Part(values, section.fields, reader, _lang(values, case.content))
    for key in ("language", "recipient", "recipient_name"):
        part.value(key)
    ground = part.text("ground")
    rows = [
        fact("Without consent", sentence(part.code("legal_basis")), _plain(part, "why"))
        if ground != "consent"
        else None,
        fact("Given", _given(part)),
        fact("For", _for(case, part), _plain(part, "purpose")),
        fact("Until", *_until(case, part)),
        fact(_withheld_term(case), *_withheld(part)),
    ]
    if ground not in ("consent", "legal-basis", ""):
        rows.insert(0, fact("Ground", codes.label("grounds", ground)))
    shown = reading_of(part, section, rows)
    return Reading("consent", "Consent", shown.told, shown.facts)


def _given(part: Part) -> Text:
    at, given_to = part.value("given_at"), part.text("given_to")
    present = {
        "yes": "interpreter present",
        "no": "no interpreter present",
        "not-known": "not known whether an interpreter was present",
    }
    answer = part.text("interpreter_present")
    when = ""
    if isinstance(at, int):
        when = part.reader.times.long_day(part.reader.times.here.local(at).date())
    how = part.code("how")
    return joined(
        (
            when,
            lowered(how) if how else "",
            Markup("to {}").format(_name(given_to)) if given_to else "",
            present.get(answer, answer),
        )
    )


def _for(case: Case, part: Part) -> Text:
    covered = [lowered(codes.label("needs", code)) for code in part.many("needs")]
    whom = "Your organisation only" if case.receiving else Markup("{} only").format(case.peer.name)
    return joined((whom, ", ".join(covered)), ": ")


def _until(case: Case, part: Part) -> list[Text]:
    until = part.day("until")
    if not until:
        return []
    may = Markup("{} may withdraw it at any time.").format(case.subject.call)
    return [f"{until}.", may]


def _withheld_term(case: Case) -> str:
    return "Withheld from you" if case.receiving else "You withheld"


def _withheld(part: Part) -> list[Text]:
    return [
        sentence(
            joined(
                (
                    Markup("{} ({})").format(row.code("part"), lowered(row.code("reason")))
                    if "reason" in row
                    else row.code("part"),
                    _plain(row, "note"),
                    *row.left(),
                )
            )
        )
        for row in part.rows("withheld")
    ]


def _beside(content: Mapping[str, Any], reader: Reader) -> Sequence[Reading]:
    """What stands around and behind the sections drawn here: a field of a later version."""
    drawn = {"who", "safe_contact", "happened", "needs", "risk", "communication", "consent"}
    known = {*drawn, "answer", "form", "author", "language", "files"}
    rest = {key: value for key, value in content.items() if key not in known}
    for key in drawn:
        if key in content and not isinstance(content[key], Mapping):
            rest[key] = content[key]
    return read({**rest, "form": "referral"}, reader) if rest else ()


def _plain(part: Part, key: str) -> Text:
    """Free text as written: in its own direction, tagged with its language, lines kept."""
    text = part.text(key)
    return _written(text, part.lang) if text else ""


def _written(text: str, lang: str) -> Markup:
    tag = names.lang_of(text, lang or None)
    opening = Markup(' lang="{}"').format(tag) if tag else Markup("")
    lines = Markup("<br>").join(text.split("\n"))
    return Markup("<bdi{}>{}</bdi>").format(opening, lines)


def _lang(values: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    found = values.get("language", content.get("language"))
    return found if isinstance(found, str) else ""


def _name(text: str) -> Text:
    return names.name(text) if text else ""


def _heading(need: str) -> str:
    """ "Help with a compensation claim" as the short name of a row: "Compensation claim"."""
    bare = need.removeprefix("Help with a ").removeprefix("A ").removeprefix("Help with ")
    return bare[:1].upper() + bare[1:]
