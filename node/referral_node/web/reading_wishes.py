"""The rows of what is asked for: needs, risk, languages, consent, answer. As in ``reading``."""

from markupsafe import Markup

from referral_node.web.reading_rows import (
    Part,
    Reading,
    danger_tag,
    fact,
    joined,
    named,
    reading_of,
    sentence,
    telephone,
)
from referral_node.web.reading_words import labels, lower
from referral_protocol import codes
from referral_protocol.forms import Section
from referral_ui import names, numbers, words
from referral_ui.parts import Fact, Text


def needs(part: Part, section: Section) -> Reading:
    facts: list[Fact | None] = []
    for row in part.rows("needs"):
        need, note = row.code("need"), row.quoted("note")
        facts.append(Fact(need or "Need", joined((note, *row.left())) or "No note"))
    facts += [
        fact("Asked for", part.quoted("asked_for")),
        fact("Already done", part.quoted("already_done")),
    ]
    return reading_of(part, section, facts)


def risk(part: Part, section: Section) -> Reading:
    level = part.text("level")
    label = part.code("level")
    threat = {
        "yes": "The threat goes on.",
        "no": "There is no threat now.",
        "not-known": "Not known whether there is still a threat.",
    }
    ongoing = {
        "yes": "It is still going on.",
        "no": "It is over.",
        "not-known": "Not known whether it is still going on.",
    }
    person = part.reader.person
    afraid = {
        "yes": Markup("{} is afraid of someone.").format(person),
        "no": Markup("{} is afraid of nobody.").format(person),
        "not-known": Markup("Not known whether {} is afraid of someone.").format(person),
    }
    answers = [
        known.get(part.text(key), part.text(key))
        for key, known in (("threat", threat), ("ongoing", ongoing), ("afraid", afraid))
    ]
    likely = [
        f"{name}: {lower(part.code(key))}."
        for key, name in (
            ("likelihood", "Overall"),
            ("repeat", "Repeat harm"),
            ("intimidation", "Intimidation"),
            ("retaliation", "Retaliation"),
        )
        if key in part and part.code(key)
    ]
    return reading_of(
        part,
        section,
        (
            fact(
                "Level",
                danger_tag(label) if level == "high" else sentence(label) if label else "",
                *answers,
                part.quoted("danger"),
            ),
            fact("Could happen", *likely, part.quoted("nature")),
            fact("How far it could go", part.quoted("extent")),
            fact("Agreed for safety", part.quoted("agreed")),
            fact("Police told of the risk", part.code("police_told"), part.quoted("police_note")),
            *_assessment(part.group("assessment")),
        ),
    )


def _assessment(part: Part) -> list[Fact | None]:
    protection, by = part.code("special_protection"), part.text("by")
    on = part.day("on")
    first = joined(
        (
            f"{protection} (Article 22)" if protection else "",
            f"assessed {on}" if on else "",
            Markup("by {}").format(names.name(by)) if by else "",
        )
    )
    listed = (
        ("characteristics", "Article 22: the person"),
        ("nature", "Article 22: the crime"),
        ("circumstances", "Article 22: circumstances"),
    )
    return [
        fact("Special protection", first, part.quoted("measures") if "measures" in part else ""),
        *(fact(label, part.shown(key)) for key, label in listed if key in part),
        *part.rest(),
    ]


def communication(part: Part, section: Section) -> Reading:
    spoken = [codes.language_label(tag) for tag in part.many("languages")]
    some = [codes.language_label(tag) for tag in part.many("some")]
    asked = part.text("interpreter")
    language, wish = part.text("interpreter_language"), part.text("interpreter_wish")
    wished = lower(codes.label("interpreter-wishes", wish)) if wish else ""
    if asked == "yes":
        into = codes.language_label(language) if language else "needed"
        interpreter: Text = joined((f"Interpreter: {into}", wished))
    else:
        answer = codes.label("answers", asked) if asked else ""
        into = codes.language_label(language) if language else ""
        answer = {"no": "No interpreter needed", "not-known": "Interpreter: not known"}.get(
            asked, answer
        )
        interpreter = joined((answer, into, wished))
    return reading_of(
        part,
        section,
        (
            fact(
                "Languages",
                sentence(joined((*spoken, *(f"some {each}" for each in some)))),
                sentence(interpreter),
            ),
            fact("What helps", joined(labels("communication-needs", part.many("needs")))),
            fact("Note", part.quoted("note")),
        ),
    )


def consent(part: Part, section: Section) -> Reading:
    ground, to = part.text("ground"), _recipient(part)
    covered = part.many("needs")
    needs_named = [lower(each) for each in labels("needs", covered)]
    until = part.day("until")
    present = {
        "yes": "interpreter present",
        "no": "no interpreter present",
        "not-known": "not known whether an interpreter was present",
    }
    answer = part.text("interpreter_present")
    given_to = part.text("given_to")
    given = joined(
        (
            part.shown("given_at") if "given_at" in part else "",
            lower(part.code("how")),
            Markup("to {}").format(names.name(given_to)) if given_to else "",
            present.get(answer, answer),
        )
    )
    basis = part.code("legal_basis")
    if ground == "legal-basis":
        basis = basis or codes.label("grounds", ground)
    facts = [
        fact("Without consent", sentence(basis), part.quoted("why")),
        fact("Given", given),
        fact(
            "For",
            _for(to, words.listing(needs_named)),
            part.quoted("purpose"),
            f"Until {until}." if until else "",
        ),
        *(
            Fact(
                Markup("Withheld: {}").format(lower(row.code("part"))),
                joined((_why(row), row.quoted("note"), *row.left()), " "),
            )
            for row in part.rows("withheld")
        ),
    ]
    if ground and ground != "legal-basis" and (ground != "consent" or not given):
        facts.insert(0, fact("Ground", codes.label("grounds", ground)))
    return reading_of(part, section, facts)


def _recipient(part: Part) -> Text:
    """The organisation by the name that the writer gave it; by our own name for it, or its id."""
    name, member = part.text("recipient_name"), part.value("recipient")
    if name:
        return names.name(name)
    if not isinstance(member, bytes):
        return part.shown("recipient") if member else ""
    return part.reader.organisation(member) or numbers.num(member.hex())


def _for(to: Text, needed: str) -> Text:
    """ "Steunpunt Dom only: emotional support." """
    if to and needed:
        return Markup("{} only: {}.").format(to, needed)
    return Markup("{} only.").format(to) if to else sentence(needed)


def _why(row: Part) -> Text:
    reason = row.code("reason").replace("The person ", "the person ")
    return sentence(named(reason, row.reader.person)) if reason else ""


def answer(part: Part, section: Section) -> Reading:
    return reading_of(
        part,
        section,
        (
            fact(
                "Whom they call" if part.reader.mine else "Whom to call",
                contact(part.group("contact")),
            ),
            fact("Warm handover", part.code("handover")),
            fact("Message", part.quoted("note")),
        ),
    )


def contact(part: Part) -> Text:
    """A contact in one line: name, role, number, address, languages, when."""
    number = part.text("telephone")
    email = part.text("email")
    spoken = [codes.language_label(tag) for tag in part.many("languages")]
    return joined(
        (
            names.name(part.text("name")) if part.text("name") else "",
            part.text("role"),
            telephone(number) if number else "",
            numbers.num(email) if email else "",
            words.listing(spoken),
            part.quoted("note"),
            *part.left(),
        )
    )
