"""The person and the consent, as a referral's receiver reads them. Pure; see ``sections_view``."""

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from referral_node.web.as_written import language_of, named, plain
from referral_node.web.case import Case
from referral_node.web.reading_rows import (
    Part,
    Reader,
    Reading,
    country,
    fact,
    joined,
    reading_of,
    sentence,
)
from referral_protocol import codes
from referral_protocol.forms import FORMS
from referral_protocol.forms import age as age_of
from referral_ui import numbers, words
from referral_ui.parts import Fact, Text
from referral_ui.words import lowered

REFERRAL: Final = FORMS["referral"]


def about_person(case: Case, reader: Reader) -> Reading | None:
    """The person, and how to understand each other: two parts of the form in one."""
    who, speech = case.content.get("who"), case.content.get("communication")
    if not isinstance(who, Mapping):
        return None
    section = REFERRAL.section("who")
    part = Part(who, section.fields, reader, language_of(who, case.content))
    for key in ("name", "name_latin", "language"):
        part.value(key)
    rows = [_called(part), *_speech(speech, case, reader), _lives(part)]
    rows += [
        fact("Home address", plain(part, "home_address")),
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
    inside = joined((plain(part, "gender"), "" if years is None else str(years)))
    first = Markup("{} ({})").format(reader.person, inside) if inside else reader.person
    born_on = f"born {part.day('date_of_birth')}" if born else lowered(part.code("age_band"))
    named_in = f"The name is {codes.language_label(language)}." if language else ""
    role = part.code("role")
    more = (
        sentence(role) if role and role != "Victim" else "",
        named_in if language and not use else "",
    )
    called = joined((first, born_on))
    return fact("Name to use", Markup("{}.").format(called) if any(more) else called, *more)


def _speech(values: object, case: Case, reader: Reader) -> list[Fact | None]:
    if not isinstance(values, Mapping):
        return []
    section = REFERRAL.section("communication")
    part = Part(values, section.fields, reader, language_of(values, case.content))
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
        fact("On speaking", plain(part, "note")),
        *part.rest(),
    ]


def _lives(part: Part) -> Fact | None:
    lives = part.group("lives_in")
    place, region, land = lives.text("place"), lives.text("region"), lives.text("country")
    where = joined(
        (
            named(place),
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


def about_consent(case: Case, reader: Reader) -> Reading | None:
    values = case.content.get("consent")
    if not isinstance(values, Mapping):
        return None
    section = REFERRAL.section("consent")
    part = Part(values, section.fields, reader, language_of(values, case.content))
    for key in ("language", "recipient", "recipient_name"):
        part.value(key)
    ground = part.text("ground")
    rows = [
        fact("Without consent", sentence(part.code("legal_basis")), plain(part, "why"))
        if ground != "consent"
        else None,
        fact("Given", _given(part)),
        fact("For", _for(case, part), plain(part, "purpose")),
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
            Markup("to {}").format(named(given_to)) if given_to else "",
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
                    plain(row, "note"),
                    *row.left(),
                )
            )
        )
        for row in part.rows("withheld")
    ]
