"""The rows of each part of a referral and of a message, in the words and the order of its page.

Law: as in ``reading``: what is not taken here follows as a plain row. Each function reads one part.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from markupsafe import Markup

from referral_node.web.reading_rows import (
    Part,
    Reader,
    Reading,
    Told,
    country,
    fact,
    joined,
    quote,
    reading_of,
    sentence,
    telephone,
    weekly,
)
from referral_node.web.reading_wishes import answer, communication, consent, needs, risk
from referral_node.web.reading_words import labels, listed, lower, where
from referral_protocol import codes
from referral_protocol.forms import Section
from referral_protocol.forms import age as age_of
from referral_ui import names, numbers, words
from referral_ui.parts import Fact, Text


def section(
    section: Section, values: Mapping[str, Any], content: Mapping[str, Any], reader: Reader
) -> Reading:
    """One section of a referral, or of a message that replaces one."""
    lang = values.get("language", content.get("language"))
    part = Part(values, section.fields, reader, lang if isinstance(lang, str) else "")
    return _SECTIONS[section.code](part, section)


def around(part: Part) -> list[Fact]:
    """What stands around the sections: who wrote it, in which language, and the rest."""
    author = part.group("author")
    language = part.text("language")
    role = author.text("role")
    known = role in codes.listed("contact-roles")
    by = joined(
        (
            names.name(author.text("name")) if author.text("name") else "",
            lower(codes.label("contact-roles", role)) if known else role,
            *author.left(),
        )
    )
    written = codes.language_label(language) if language else ""
    facts = [
        fact("Written by", by),
        fact("Language of the text", written),
    ]
    return [each for each in facts if each is not None] + part.rest()


def who(part: Part, section: Section) -> Reading:
    reader = part.reader
    name, latin = part.text("name"), part.text("name_latin")
    language, use = part.text("name_language"), part.text("name_to_use")
    shown = joined(names.name(each, language or None) for each in (name, latin) if each)
    named_in = f"The name is {codes.language_label(language)}." if language else ""
    use_line = Markup("Name to use: {}.").format(names.name(use, language or None)) if use else ""
    born = part.text("date_of_birth")
    years = age_of(born, reader.times.now) if born else None
    birthday = joined((part.day("date_of_birth"), f"({years})" if years is not None else ""), " ")
    # In the person's own words, so as they were written: not even the first letter is ours.
    age_and_gender = joined((birthday or part.code("age_band"), part.text("gender")))
    lives = part.group("lives_in")
    lives_where = where(lives, "place", "region", "country")
    nationality = words.listing([country(code) for code in part.many("nationality")])
    number = part.text("case_number")
    came = part.code("came_by")
    to = "you" if reader.mine else "them"
    return reading_of(
        part,
        section,
        (
            fact("Name", sentence(shown) if use_line or named_in else shown, use_line, named_in),
            fact(
                "Born" if born else "Age",
                Markup("{}.").format(age_and_gender) if age_and_gender else "",
                sentence(part.code("role")),
            ),
            fact("Age", part.code("age_band")) if born and "age_band" in part else None,
            fact(
                "Lives in",
                sentence(lives_where),
                *(sentence(each) for each in lives.left()),
                f"Nationality: {nationality}." if nationality else "",
            ),
            fact("Home address", part.quoted("home_address")),
            fact(
                "Your case number" if reader.mine else "Their case number",
                sentence(numbers.num(number)) if number else "None.",
                f"Came to {to} from: {lower(came)}." if came else "",
            ),
            _guardian(part.group("guardian")),
            fact("May also be told", part.quoted("may_be_told")),
            fact("Groups", joined(labels("victim-groups", part.many("groups")))),
        ),
    )


def _guardian(part: Part) -> Fact | None:
    told = part.text("may_be_told")
    answer = {
        "yes": "May be told of this.",
        "no": "Must not be told of this.",
        "not-known": "Not known whether they may be told of this.",
    }.get(told, told)
    number = part.text("telephone")
    first = joined(
        (
            names.name(part.text("name")) if part.text("name") else "",
            lower(part.code("kind")) if "kind" in part else "",
            telephone(number) if number else "",
        )
    )
    lines = (sentence(first), answer, part.quoted("note") if "note" in part else "", *part.left())
    return fact("Acts for the minor", *lines)


def safe_contact(part: Part, section: Section) -> Reading:
    reader = part.reader
    facts: list[Fact | None] = []
    others: dict[str, list[Text]] = {"not-safe": [], "not-asked": []}
    for row in part.rows("ways"):
        way, answer = row.text("way"), row.text("answer")
        label = codes.label("safe-ways", way)
        detail = _way(row, way)
        if answer == "safe":
            facts.append(Fact(label, detail or "Safe"))
        elif answer in others:
            said = Markup("{}: {}").format(label, detail) if detail else label
            others[answer].append(said)
        else:
            facts.append(Fact(label, joined((codes.label("safe-answers", answer), detail))))
    watched = {
        "yes": "The telephone or e-mail may be watched.",
        "no": "The telephone and e-mail are not watched.",
        "not-known": "Not known whether the telephone or e-mail is watched.",
    }
    answer, what = part.text("watched"), part.quoted("watched_what")
    watching = joined((watched.get(answer, answer), what), " ")
    checked_by = part.text("checked_by")
    checker = Markup("by {}").format(names.name(checked_by)) if checked_by else ""
    say, word = part.quoted("say_you_are"), part.quoted("code_word")
    facts += [
        fact("Not safe", listed(others["not-safe"])),
        fact("Not asked", listed(others["not-asked"])),
        fact("Watched?", watching),
        fact("Never contact", part.quoted("never_contact")),
        fact(
            "Say you are",
            Markup("{}.").format(say) if say and word else say,
            Markup("Code word: {}.").format(word) if word else "",
        ),
        fact("If someone else answers", part.quoted("who_may_answer")),
        fact(
            Markup("Checked with {}").format(reader.person),
            joined((part.shown("checked_at") if "checked_at" in part else "", checker)),
        ),
    ]
    return reading_of(part, section, facts)


def _way(row: Part, way: str) -> Text:
    value = row.text("value")
    if way in ("telephone", "voicemail", "text-message") and value:
        shown: Text = telephone(value)
    elif way == "e-mail" and value:
        shown = numbers.num(value)
    else:
        shown = quote(value, row.lang) if value else ""
    times = [_week(each) for each in row.rows("times")]
    return joined(
        (shown, row.quoted("where"), joined(times, "; "), row.quoted("note"), *row.left())
    )


def _week(row: Part) -> Text:
    shown = weekly(
        {
            "days": row.many("days"),
            "from": row.text("from"),
            "to": row.text("to"),
            "zone": row.text("zone"),
        },
        row.reader,
    )
    return joined((shown, *row.left()))


def happened(part: Part, section: Section) -> Reading:
    crime = joined((part.code("crime"), by_whom(part.text("relation"))))
    place = where(part, "place", "region", "country")
    when = joined((part.day("date"), part.day("until")), " to ")
    reported = part.text("reported")
    police = {"yes": "Police", "no": "Not reported to the police", "not-known": "Not known"}
    to, reference = part.text("reported_to"), part.text("report_reference")
    on = part.day("reported_on")
    told = (
        [
            Told(
                part.text("summary"),
                names.lang_of(part.text("summary"), part.lang or None),
                part.lang,
            )
        ]
        if part.text("summary")
        else []
    )
    return reading_of(
        part,
        section,
        (
            fact(
                "Crime",
                sentence(crime),
                *(sentence(each) for each in labels("crimes", part.many("other_crimes"))),
                *(sentence(each) for each in labels("crime-flags", part.many("flags"))),
                sentence(joined((place, when))),
                part.quoted("when_note"),
            ),
            fact("Incident", part.quoted("incident")),
            fact(
                "Reported",
                sentence(
                    joined(
                        (
                            names.name(to) if to else police.get(reported, reported),
                            on,
                            numbers.num(reference) if reference else "",
                        )
                    )
                ),
                *(_proceeding(row) for row in part.rows("proceedings")),
            ),
        ),
        *told,
    )


def _proceeding(row: Part) -> Text:
    first = joined((row.code("what"), row.day("on")), " ")
    place = row.text("where")
    at = names.name(place) if place else ""
    return sentence(joined((first, at, row.quoted("note"), *row.left())))


def by_whom(relation: str) -> str:
    if not relation:
        return ""
    if relation == "not-known":
        return "by whom is not known"
    label = codes.label("offender-relations", relation)
    if relation not in codes.listed("offender-relations"):
        return label
    return {
        "several": "by several people",
        "other-family": "by another family member",
        "authority": "by the police or another authority",
        "child": "by a son or daughter",
        "other": "by another person",
    }.get(
        relation, f"by a {label.lower()}" if label[0] not in "AEIOU" else f"by an {label.lower()}"
    )


_SECTIONS: Final[dict[str, Callable[[Part, Section], Reading]]] = {
    "who": who,
    "safe_contact": safe_contact,
    "happened": happened,
    "needs": needs,
    "risk": risk,
    "communication": communication,
    "consent": consent,
    "answer": answer,
}
