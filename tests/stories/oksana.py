"""What Inês types into the eight steps about Oksana: the words beside each field, what goes in.

All people and numbers are made up. A third part names the group that a field stands in.
"""

from stories.person import Person, Typed

Line = tuple[str, Typed] | tuple[str, Typed, str]

NAME = "Оксана Ткаченко"
TELEPHONE = "+31 30 000 01 42"
ADDRESS = "Voorbeeldstraat 12, 3500 AA Utrecht"

LIVES = "Where the person lives"
WHO: tuple[Line, ...] = (
    ("Name", NAME),
    ("Name in Latin letters", "Oksana Tkachenko"),
    ("Name to use", "Oksana"),
    ("Language of the name", "Ukrainian"),
    ("In this, the person is", ["Victim"]),
    ("Date of birth", "3 5 1992"),
    ("Gender", "woman"),
    ("Nationality", "Ukraine"),
    ("Country", "Netherlands", LIVES),
    ("Town or city", "Utrecht", LIVES),
    ("Region", "NL-UT", LIVES),
    ("Home address", ADDRESS),
    ("How the person came to you", "Hospital"),
    ("Your own case number", "PT-2026-0419"),
    ("Language that you write in", "English"),
)
SAFE = "When is a call safe?"
SAFE_CONTACT: tuple[Line, ...] = (
    ("Telephone call", ["Safe"]),
    ("Voicemail", ["Not safe"]),
    ("Text message", ["Not safe"]),
    ("E-mail", ["Not safe"]),
    ("Letter", ["Not safe"]),
    ("Through a person", ["Not asked"]),
    ("The person contacts us", ["Not asked"]),
    ("Safe telephone number", "+31 (0)30 000 01 42"),
    ("Where is this telephone?", "At her work (library desk)"),
    ("Days", "Monday to Friday", SAFE),
    ("From", "9:00", SAFE),
    ("To", "11:30", SAFE),
    (
        "Who may answer, and what to do if someone else does",
        "Only she. If someone else answers, ask about a book and end the call.",
    ),
    ("Say you are", "Anna from the library"),
    ("Code word for “I cannot talk”", "Blue notebook"),
    ("Who must never be contacted", "Ruslan T., partner, lives with her. Her mobile."),
    ("May the telephone or e-mail be watched?", ["Yes"]),
    ("What may be watched", "Mobile telephone and home number"),
    ("When did you last check this with Oksana?", "19 November 2026, 15:20"),
)
WHERE = "Where it happened"
SUMMARY = (
    "On 14 November, on holiday in Lisbon, her partner beat her in the hotel and took her passport."
    " Hotel staff called the police. She has told this twice and asks not to be made to tell it"
    " again."
)
HAPPENED: tuple[Line, ...] = (
    ("Crime", "Serious assault"),
    ("Is it any of these as well?", ["Domestic"]),
    ("Country", "Portugal", WHERE),
    ("Town or place", "Lisbon", WHERE),
    ("Date, or first day", "14 11 2026"),
    ("Summary", SUMMARY),
    ("Reported to the police?", ["Yes"]),
    ("Reported to", "Police, Lisbon"),
    ("Police reference", "NUIPC 0421/26.0PXLSB"),
    ("Step", "Hearing", "Proceedings: step 1"),
    ("Date", "11 January 2027", "Proceedings: step 1"),
)
NEEDS = (
    ("Emotional support", "Sleeps badly, afraid to go home. Three talks in Lisbon."),
    ("A safe place to stay", "From the day she leaves, with 1 child (age 4)."),
    ("Help with a compensation claim", "Portuguese fund; form begun, not sent."),
)
DANGER = "The man who did this lives in the same home and reads the mobile telephone."
RISK: tuple[Line, ...] = (
    ("Is there still a threat?", ["Yes"]),
    ("Is it still going on?", ["Yes"]),
    ("Is Oksana afraid of someone?", ["Yes"]),
    ("Level of risk", ["High"]),
    ("The danger, in one or two sentences", DANGER),
    ("What could happen", "He said he will hurt her if she leaves."),
    ("How likely is repeat harm?", ["Likely"]),
    ("How likely is intimidation?", ["Likely"]),
    ("How likely is retaliation?", ["Possible"]),
    ("What was agreed for safety", "A packed bag at work. A colleague knows the code word."),
)
COMMUNICATION: tuple[Line, ...] = (
    ("Languages that Oksana speaks well", "Ukrainian"),
    ("Languages that Oksana speaks a little", "English"),
    ("Is an interpreter needed?", ["Yes"]),
    ("Language of the interpreter", "Ukrainian"),
    ("Wish for the interpreter", ["A woman"]),
)
CONSENT: tuple[Line, ...] = (
    ("May this be shared?", ["Oksana consents"]),
    ("For which needs", [need for need, _ in NEEDS]),
    ("How Oksana gave consent", ["In person"]),
    ("To whom Oksana gave it", "Inês Carvalhal"),
    ("Was an interpreter present?", ["Yes"]),
    ("When Oksana gave it", "19 November 2026, 15:15"),
    ("Until when it holds", "19 5 2027"),
    ("Part", "Home address", "Withheld: part 1"),
    ("Reason", "Not needed yet", "Withheld: part 1"),
)
CALLED = "Whom they call at your organisation"
NOTE = "Joint first call wanted: Oksana, you and I."
ANSWER: tuple[Line, ...] = (
    ("How urgent is it?", ["Immediate"]),
    ("Warm handover", ["Joint first call"]),
    ("Name", "Inês Carvalhal", CALLED),
    ("Role", "Point of contact", CALLED),
    ("Telephone, with the country", "+351 21 000 01 42", CALLED),
    ("E-mail", "ines.carvalhal@pontetejo.example", CALLED),
    ("Message to them", NOTE),
)
NEXT = "Save and continue"


async def write_seven_steps(ines: Person) -> None:
    """From "New referral" to consent; then the page to find a service."""
    await ines.follow("New referral")
    await ines.fill(*WHO)
    await ines.press(NEXT)
    await ines.fill(*SAFE_CONTACT)
    await ines.press(NEXT)
    await ines.fill(*HAPPENED)
    await ines.press(NEXT)
    for number, (need, note) in enumerate(NEEDS, 1):
        if number > 1:
            await ines.press("Add another need")
        within = f"Need {number}"
        await ines.fill(("What is needed", need, within), ("Note", note, within))
    await ines.press(NEXT)
    await ines.fill(*RISK)
    await ines.press(NEXT)
    await ines.fill(*COMMUNICATION)
    await ines.press(NEXT)
    await ines.fill(*CONSENT)
    await ines.press("Save and find a service")
