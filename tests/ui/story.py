"""The story that the gallery's pages tell: the drawings' own, and hostile text for the rest.

All people and organisations are made up.
"""

from dataclasses import replace

from markupsafe import Markup

from referral_ui import parts, words
from referral_ui.forms import Form
from referral_ui.map import Country, world_map
from referral_ui.names import name
from referral_ui.numbers import num, share, telephone

HOSTILE = "<script>alert(\"x\")</script> & 'quoted' {{ 7 * 7 }}"

_MENU = tuple(
    parts.Link(text, href)
    for text, href in (
        ("Today", "/"),
        ("New referral", "/new"),
        ("Find a service", "/services"),
        ("Search", "/search"),
        ("Incidents", "/incidents"),
        ("Reports", "/reports"),
        ("Settings", "/settings"),
    )
)
FRAME = parts.Frame(
    product="Referral exchange",
    organisation="Steunpunt Dom, Utrecht",
    person="Jasmijn de Wit",
    menu=_MENU,
    foot=(parts.Link("Record of access", "/access"),),
    sign_out="/sign-out",
    foot_line="Case data stays with the two organisations in the referral.",
    token=lambda action: f"token-for-{action}",
)
LISBON = replace(FRAME, organisation="Associação Ponte Tejo, Lisbon", person="Inês Carvalhal")


def _of(direction: str, organisation: str, place: str, lang: str | None = None) -> Markup:
    return Markup("{} {}, {}").format(direction, name(organisation, lang), place)


def _today() -> dict[str, object]:
    job, tag = parts.Job, parts.Tag
    return {
        "frame": replace(FRAME, current="/"),
        "now_jobs": [
            job(
                "Today 17:05",
                "Answer:",
                "/1",
                name("Оксана Ткаченко", "uk"),
                "emotional support, a safe place to stay, compensation claim",
                _of("From", "Ponte Tejo", "Lisbon"),
                tag("Immediate", "danger"),
                "in 6 h 23 min",
            ),
            job(
                "Today 20:10",
                "Telephone them:",
                "/2",
                name("Ioana Mureșan", "ro"),
                Markup("your immediate referral has not reached them. Call {}").format(
                    num("+40 264 000 142")
                ),
                _of("To", "Umăr", "Cluj-Napoca"),
                tag("Not delivered", "danger"),
                "in 9 h 28 min",
            ),
            job(
                "Wed 18 Nov, 17:00",
                "Telephone them:",
                "/3",
                name("Léa Fontaine", "fr"),
                Markup("no answer. Call {}").format(num("+420 220 000 142")),
                _of("To", "Opora Vltava", "Prague"),
                tag("Overdue", "danger"),
                "2 days late",
            ),
            job(
                "Yesterday 16:00",
                "Answer:",
                "/4",
                name("Νίκος Αλεξίου"),
                "court accompaniment, legal information",
                _of("From", "Γέφυρα Στήριξης", "Thessaloniki"),
                tag("Overdue", "danger"),
                "18 h 42 min late",
            ),
        ],
        "due": [
            job(
                "Sat 21 Nov, 12:00",
                "Answer:",
                "/5",
                name("მარიამ ბერიძე"),
                "psychological help, interpretation (urgent)",
                _of("From", "მხარდაჭერა", "Tbilisi"),
            ),
            job(
                "Mon 23 Nov, 17:00",
                "Give information:",
                "/6",
                name("Jan Kowalczyk", "pl"),
                "they ask for the police reference",
                _of("From", "Wisła Razem", "Gdańsk"),
            ),
            job(
                "Wed 2 Dec, 17:00",
                "Say if you have capacity",
                "/7",
                None,
                "child support, age 9; no personal data",
                _of("From", "Hilfsnetz Lahn", "Marburg"),
            ),
        ],
        "waiting": [
            job(
                "Mon 23 Nov, 09:00",
                "Wait, then telephone:",
                "/8",
                name("Андрій Мельник"),
                "not delivered yet; they are closed until then",
                _of("To", "Підтримка Поруч", "Lviv"),
            )
        ],
        "consents": [
            job(
                "Tue 24 Nov, 23:59",
                "Ask again, or end it:",
                "/9",
                name("Mehmet Yıldız", "tr"),
                "consent to share ends",
                _of("To", "Wisła Razem", "Gdańsk"),
            )
        ],
        "follow_ups": [
            job(
                "Today",
                "Was the person reached?",
                "/10",
                name("Amélie Durand", "fr"),
                "accepted 14 days ago, no news since",
                _of("To", "Entraide Rhône", "Lyon"),
            ),
            job(
                "Thu 26 Nov",
                "Was the person reached?",
                "/11",
                name("خالد المصري"),
                "accepted 8 days ago, first contact made",
                _of("To", "Hilfsnetz Lahn", "Marburg"),
            ),
        ],
        "drafts": [
            job(
                "Yesterday 17:40",
                "Continue:",
                "/12",
                name("Hatice Demir", "tr"),
                "saved at step 2 of 8, safe contact",
                "No organisation chosen",
            )
        ],
        "figures": [
            parts.Figure("Acknowledged", share(48, 50)),
            parts.Figure("Answered in time", share(44, 50)),
            parts.Figure("Outcome returned", share(31, 43)),
        ],
    }


def _facts(*rows: tuple[str, parts.Text]) -> list[parts.Fact]:
    return [parts.Fact(term, value) for term, value in rows]


def _referral() -> dict[str, object]:
    lisbon = Markup(' <span class="quiet">(16:05 in Lisbon)</span>')
    return {
        "frame": FRAME,
        "form": Form(("msg",)),
        "caption": Markup("Referral received from {}, Lisbon").format(
            name("Associação Ponte Tejo")
        ),
        "person": name("Оксана Ткаченко", "uk", "Oksana Tkachenko"),
        "number": telephone("+31300000142"),
        "contact": telephone("+351210000142"),
        "deputy": telephone("+351210000143"),
        "never": [
            parts.Mark("no", "Text message, voicemail, e-mail, letter"),
            parts.Mark("no", "Mobile telephone and home number", "– may be watched"),
            parts.Mark("no", name("Ruslan T."), "– partner, same home"),
        ],
        "rungs": [
            parts.Rung("done", "Sent by Ponte Tejo", Markup("Thu 19 Nov, 17:05") + lisbon),
            parts.Rung("done", "Held by your node", Markup("Thu 19 Nov, 17:05") + lisbon),
            parts.Rung("done", "Opened by Jasmijn de Wit", "Today 10:42 (09:42 in Lisbon)"),
            parts.Rung(
                "now", "Waiting for you: accept or decline", Markup("By today 17:05") + lisbon
            ),
            parts.Rung("todo", "Victim contacted: not yet"),
            parts.Rung("todo", "Outcome: not yet"),
        ],
        "risk": _facts(
            (
                "Level",
                Markup(
                    '<strong class="govuk-tag tag--danger">High</strong> The threat goes on.'
                    " He said he will hurt her if she leaves."
                ),
            ),
            ("Could happen", "Repeat harm: likely. Intimidation: likely. Retaliation: possible."),
            ("Agreed for safety", "A packed bag at work. A colleague knows the code word."),
            ("Police told", "Yes, in Lisbon, 15 November. Not in Utrecht."),
            (
                "Special protection",
                "Yes, assessed 19 November (Article 22): partner violence, dependent for housing",
            ),
        ),
        "story": (
            "On 14 November, on holiday in Lisbon, her partner beat her in the hotel and took her"
            " passport. Hotel staff called the police. She had two days in hospital (ribs, left"
            " wrist). She flew home on 18 November because of her work; he flew with her. She has"
            " told this twice and asks not to be made to tell it again."
        ),
        "happened": _facts(
            ("Crime", "Serious assault, by a partner. Flags: domestic"),
            ("Where, when", "Lisbon, Portugal, 14 November 2026"),
            (
                "Reported",
                Markup("Police, Lisbon, {}. First hearing 11 January 2027.").format(
                    num("NUIPC 0421/26.0PXLSB")
                ),
            ),
        ),
        "needs": _facts(
            ("Emotional support", "Sleeps badly, afraid to go home. Three talks in Lisbon."),
            ("Safe place to stay", "From the day she leaves, with 1 child (age 4)."),
            ("Compensation claim", "Portuguese fund; form begun, not sent."),
            (
                "Already done",
                "New passport asked for at the embassy; medical report obtained.",
            ),
        ),
        "about": _facts(
            ("Name to use", "Oksana (woman, 34), born 3 May 1992"),
            ("Languages", "Ukrainian, some English. Interpreter: Ukrainian, a woman."),
            ("Lives in", "Utrecht, Netherlands. Nationality: Ukraine."),
            ("Their case number", num("PT-2026-0419")),
        ),
        "consent": _facts(
            ("Given", "19 November 2026, in person, to Inês Carvalhal, interpreter present"),
            ("For", "Your organisation only: support, safe place, compensation claim"),
            ("Until", "19 May 2027. Oksana may withdraw it at any time."),
            (
                "Withheld from you",
                "Medical report (no agreement). Home address (not needed yet).",
            ),
        ),
        "messages": [
            parts.Message(
                "She starts at 09:00. Please try before 10:30 if you can; the desk is quiet then.",
                "Thu 19 Nov, 17:12 (16:12 in Lisbon)",
                name("Inês Carvalhal"),
                name("Ponte Tejo"),
                lang="en",
                language="English",
            )
        ],
    }


def step_form() -> Form:
    """The drawn form with its three errors, found by the form's own readers where they can."""
    form = Form(
        ("channels", "tel", "whose", "hours", "who", "say", "code", "never", "watched", "checked"),
        {
            "voice": "no",
            "text": "no",
            "mail": "no",
            "post": "no",
            "visit": "ask",
            "self": "ask",
            "tel": "+31 30 000 01 42",
            "whose": "At her work (library desk)",
            "days": "mo-fr",
            "from": "11:30",
            "to": "09:00",
            "zone": "Europe/Amsterdam",
            "who": "Only she. If someone else answers, ask about a book and end the call.",
            "say": "Anna from the library",
            "code": "Blue notebook",
            "never": "Ruslan T., partner, lives with her. Her mobile. The home number.",
            "checked": "19 November 2026, 15:20",
        },
    )
    form.choice(
        "watched",
        ("yes", "no", "unknown"),
        missing="Say whether the telephone or e-mail may be watched",
    )
    form.wrong_because(
        "hours", "The end must be later than the start. You typed 11:30 to 09:00", "to"
    )
    form.wrong_because(
        "channels", "Choose at least one safe way, or “The person contacts us”", "call"
    )
    return form


def _step() -> dict[str, object]:
    choice = parts.Choice
    titles = (
        "Who",
        "Safe contact",
        "What happened",
        "Needs",
        "Risk",
        "Languages and communication",
        "Consent and recipient",
        "Answer",
    )
    return {
        "frame": replace(LISBON, current="/new"),
        "form": step_form(),
        "caption": Markup("New referral, step 2 of 8: {}").format(name("Oksana Tkachenko", "uk")),
        "steps": [
            parts.Step(titles[0], "done", "/new/who"),
            parts.Step(titles[1], "here"),
            *(parts.Step(title, "todo") for title in titles[2:]),
        ],
        "ways": [
            choice(code, text)
            for code, text in (
                ("call", "Telephone call"),
                ("voice", "Voicemail"),
                ("text", "Text message"),
                ("mail", "E-mail"),
                ("post", "Letter"),
                ("visit", "Through a person"),
                ("self", "The person contacts us"),
            )
        ],
        "answers": [choice("yes", "Safe"), choice("no", "Not safe"), choice("ask", "Not asked")],
        "days": [choice("mo-fr", "Monday to Friday"), choice("all", "Every day")],
        "zones": [
            choice("Europe/Amsterdam", "Utrecht (1 hour ahead of you)"),
            choice("Europe/Lisbon", "Lisbon (your time)"),
        ],
        "watched": [choice("yes", "Yes"), choice("no", "No"), choice("unknown", "Not known")],
    }


def _organisation() -> dict[str, object]:
    def service(title: str, need: str, *cells: str) -> list[parts.Text]:
        return [Markup("<strong>{}</strong><br>{}").format(title, need), *cells]

    return {
        "frame": replace(LISBON, current="/services"),
        "form": Form(("same", "spoke")),
        "fit": [
            parts.Mark("yes", "Fits:", "emotional support, safe place to stay, compensation claim"),
            parts.Mark("yes", "Fits:", "lives in Utrecht, age 34, harmed abroad"),
            parts.Mark("ask", "Not stated:", "Ukrainian interpreter. Ask before you send."),
        ],
        "services": [
            service(
                "Emotional support",
                "Emotional, psychological",
                "Adults, witnesses too. Lives here or harmed here.",
                "In person, telephone, online. Dutch, English, Turkish; others with interpreter.",
                "Has capacity. First talk in 5 days.",
            ),
            service(
                "Safe house Utrecht",
                "Shelter and safety",
                "Women, with children up to 12. Lives here.",
                "In person. Step-free. Free of charge.",
                "Assessment required. 1 to 3 days.",
            ),
            service(
                "Claims and court",
                "Compensation claim, legal, court accompaniment",
                "Adults. Crime in any EU country.",
                "In person, telephone. Dutch, English. Needs: police report.",
                "Waiting list, 3 weeks.",
            ),
        ],
        "hours": [
            ("Mon–Fri", num("08:00–16:00"), num("09:00–17:00")),
            ("Sat", num("09:00–12:00"), num("10:00–13:00")),
            ("Sun", "closed", "closed"),
        ],
        "digits": "482139057716840330927512604981623751984057713280649145036629",
        "same": [
            parts.Choice("yes", "Yes, all of them"),
            parts.Choice("no", "No. Send nothing, and tell VSE"),
        ],
        "known": _facts(
            ("Agreement", "None yet"),
            ("Answered us", "No referral yet. They state: within 1 working day."),
        ),
        "organisation": _facts(
            ("Assured by VSE", "12 March 2026"),
            ("Staff", "14 paid, 60 volunteers, trained 40 hours"),
            ("Paid by", "Ministry of Justice, city of Utrecht, gifts"),
            ("Mass events", Markup("Yes. Duty line {}").format(num("+31 30 000 02 99"))),
        ),
    }


def rest_form() -> Form:
    """Every kind of field, wrong, with hostile values typed in."""
    form = Form(
        ("country", "born", "needs", "priority", "agreed", "l2", "secret", "fresh", "note"),
        {
            "country": "ZZ",
            "born-day": "31",
            "born-month": HOSTILE,
            "born-year": "1992",
            "needs": ("shelter", "unknown-code"),
            "l2": HOSTILE,
            "note": "\n\nfirst\n" + HOSTILE,
        },
    )
    form.choice("country", ("NL", "PT"))
    form.day("born")
    form.choices("needs", ("shelter", "legal"))
    form.choice("priority", ("shelter",), missing="Say how soon")
    form.wrong_because("agreed", "Say that you found the number yourself")
    form.wrong_because("l2", "Line 2 is not the same. Ask them to read line 2 again.")
    form.wrong_because("secret", "Wrong password. 4 attempts are left")
    form.text("note", at_most=10)
    form.wrong_because("", "This page had become old. Nothing was changed.")
    return form


def _rest() -> dict[str, object]:
    return {
        "frame": FRAME,
        "form": rest_form(),
        "proof": [parts.Mark("yes", "Last checked 10:41", "– reload this page to look again")],
        "rows": _facts(("Name", name(HOSTILE)), ("Born", HOSTILE)),
        "three": _facts(("Police report", "PDF, 0.4 MB")),
        "rungs": [
            parts.Rung("unknown", "Not known: the receipt was lost", HOSTILE),
            parts.Rung("todo", "Outcome: not yet"),
        ],
        "tags": [parts.Tag("Withdrawn"), parts.Tag("Accepted", "ok"), parts.Tag(HOSTILE, "warn")],
        "hostile": HOSTILE,
        "map": world_map(
            {
                "NL": Country(4, "/find?country=NL", "Netherlands: 4 services", in_list=True),
                "UA": Country(1, "/find?country=UA", f"{HOSTILE}: 1 service", in_list=False),
                "NZ": Country(12_000, "/find?country=NZ", "New Zealand: 12,000", in_list=False),
            },
            HOSTILE,
            here="NL",
        ),
        "messages": [
            parts.Message(HOSTILE + "\nsecond line", "today 10:31", mine=True, note="read by them")
        ],
        "events": [parts.Event("Accepted", "Today 10:05", name("Jasmijn de Wit"), HOSTILE)],
        "countries": [
            parts.ChoiceGroup(
                "Often chosen", tuple(parts.Choice(c, words.country(c)) for c in ("NL", "PT"))
            ),
            *(parts.Choice(code, text) for code, text in words.countries()[:3]),
        ],
        "needs": [
            parts.Choice("shelter", "Shelter and safety", "A safe place to stay"),
            parts.Choice("legal", HOSTILE),
        ],
        "previous": parts.Link("page 1", "/?page=1"),
        "next": parts.Link("page 3", "/?page=3"),
    }


VALUES = {
    "today": _today,
    "referral": _referral,
    "step": _step,
    "organisation": _organisation,
    "rest": _rest,
}
