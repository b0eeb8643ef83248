"""A caseworker writes a referral: the eight steps of the page, typed as the story has them.

Law: every value of the story goes into a field that the page shows under these words; a field that
is gone, renamed or refuses the value ends the story there.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from referral_protocol.forms import FORMS
from referral_tools.browser import Form, Page
from referral_tools.demo.desk import Desk
from referral_tools.demo.filling import Ask, Sheet, beginning, long_day, pick, words

REFERRAL: Final = FORMS["referral"]
NEXT: Final = "Save and continue"

Fill = Callable[[Sheet, Mapping[str, Any], int], None]
"""Fills one row of a list: the sheet, the row's values, its number from 1."""

_LIVES: Final = "Where the person lives"
_WHERE: Final = "Where it happened"
_CALLED: Final = "Whom they call at your organisation"

WHO: Final = (
    Ask("Name", "name"),
    Ask("Name in Latin letters", "name_latin"),
    Ask("Name to use", "name_to_use"),
    Ask("Language of the name", "name_language"),
    Ask("In this, the person is", "role"),
    Ask("Date of birth", "date_of_birth"),
    Ask("Gender", "gender"),
    Ask("Nationality", "nationality"),
    Ask("Country", "lives_in.country", _LIVES),
    Ask("Town or city", "lives_in.place", _LIVES),
    Ask("Region", "lives_in.region", _LIVES),
    Ask("Home address", "home_address"),
    Ask("How the person came to you", "came_by"),
    Ask("Your own case number", "case_number"),
    Ask("Groups", "groups"),
)
SAFE_CONTACT: Final = (
    Ask("Who may answer, and what to do if someone else does", "who_may_answer"),
    Ask("Say you are", "say_you_are"),
    Ask("Code word for “I cannot talk”", "code_word"),
    Ask("Who must never be contacted", "never_contact"),
    Ask("May the telephone or e-mail be watched?", "watched"),
    Ask("What may be watched", "watched_what"),
    Ask("When did you last check this with {name}?", "checked_at"),
    Ask("Who checked it", "checked_by"),
)
HAPPENED: Final = (
    Ask("Crime", "crime"),
    Ask("Is it any of these as well?", "flags"),
    Ask("Who did it", "relation"),
    Ask("Country", "country", _WHERE),
    Ask("Town or place", "place", _WHERE),
    Ask("Region", "region", _WHERE),
    Ask("Date, or first day", "date"),
    Ask("Summary", "summary"),
    Ask("Reported to the police?", "reported"),
    Ask("Reported to", "reported_to"),
    Ask("Police reference", "report_reference"),
    Ask("Reported on", "reported_on"),
)
NEEDS: Final = (
    Ask("What you ask for", "asked_for"),
    Ask("What was already done", "already_done"),
)
RISK: Final = (
    Ask("Is there still a threat?", "threat"),
    Ask("Is it still going on?", "ongoing"),
    Ask("Is {name} afraid of someone?", "afraid"),
    Ask("Level of risk", "level"),
    Ask("The danger, in one or two sentences", "danger"),
    Ask("What could happen", "nature"),
    Ask("How likely", "likelihood"),
    Ask("How likely is repeat harm?", "repeat"),
    Ask("How likely is intimidation?", "intimidation"),
    Ask("How likely is retaliation?", "retaliation"),
    Ask("What was agreed for safety", "agreed"),
    Ask("Were the police told of the risk?", "police_told"),
    Ask("Which police, when", "police_note"),
    Ask("Assessed on", "assessment.on"),
    Ask("Assessed by", "assessment.by"),
    Ask("Personal characteristics", "assessment.characteristics"),
    Ask("Nature of the crime", "assessment.nature"),
    Ask("Circumstances", "assessment.circumstances"),
    Ask("Special protection needed?", "assessment.special_protection"),
)
COMMUNICATION: Final = (
    Ask("Languages that {name} speaks well", "languages"),
    Ask("Languages that {name} speaks a little", "some"),
    Ask("Is an interpreter needed?", "interpreter"),
    Ask("Language of the interpreter", "interpreter_language"),
    Ask("Wish for the interpreter", "interpreter_wish"),
)
CONSENT: Final = (
    Ask("May this be shared?", "ground"),
    Ask("For which needs", "needs"),
    Ask("How {name} gave consent", "how"),
    Ask("To whom {name} gave it", "given_to"),
    Ask("Was an interpreter present?", "interpreter_present"),
    Ask("When {name} gave it", "given_at"),
    Ask("Until when it holds", "until"),
)
ANSWER: Final = (
    Ask("How urgent is it?", "priority"),
    Ask("Warm handover", "handover"),
    Ask("Name", "contact.name", _CALLED),
    Ask("Role", "contact.role", _CALLED),
    Ask("Telephone, with the country", "contact.telephone", _CALLED),
    Ask("E-mail", "contact.email", _CALLED),
    Ask("Languages", "contact.languages", _CALLED),
    Ask("Message to them", "note"),
)


class Writer:
    """Writes one referral at one desk. ``story``: a draft as the protocol's examples have it."""

    def __init__(self, desk: Desk, story: Mapping[str, Any]) -> None:
        self._desk = desk
        self._story = story
        self._name = str(story["who"]["name_to_use"])

    async def first_seven(self) -> Page:
        """From "New referral" to consent, saved with each step; then the page to find a service."""
        await self._desk.follow("New referral")
        sheet = self._sheet("who")
        sheet.put(*WHO)
        sheet.form.choose("Language that you write in", "English")
        await self._next(sheet)
        sheet = self._sheet("safe_contact")
        sheet.put(*SAFE_CONTACT)
        _ways(sheet, str(self._story["who"]["lives_in"]["place"]))
        await self._next(sheet)
        sheet = self._sheet("happened")
        sheet.put(*HAPPENED)
        _proceedings(sheet)
        await self._next(sheet)
        sheet = await self._rows("needs", "needs", "Add another need", _need)
        sheet.put(*NEEDS)
        await self._next(sheet)
        for code, asks in (("risk", RISK), ("communication", COMMUNICATION)):
            sheet = self._sheet(code)
            sheet.put(*asks)
            await self._next(sheet)
        sheet = await self._rows("consent", "withheld", "Add another part", _withheld)
        sheet.put(*CONSENT)
        return await self._desk.press(sheet.form, "Save and find a service")

    async def answer(self) -> Page:
        """The last step, from the page before sending, which comes again."""
        await self._desk.follow("Back to step 8, answer")
        sheet = self._sheet("answer")
        sheet.put(*ANSWER)
        return await self._next(sheet)

    def _sheet(self, code: str) -> Sheet:
        form = self._desk.page.form(NEXT)
        section, said = REFERRAL.section(code), self._story[code]
        return Sheet(form, section, said, self._name, self._desk.player.zone)

    async def _next(self, sheet: Sheet) -> Page:
        page = await self._desk.press(sheet.form, NEXT)
        return page.says("Nothing has been sent.")

    async def _rows(self, code: str, key: str, more: str, fill: Fill) -> Sheet:
        """Fill the rows of a list, each but the first in a row that was asked for. The last one is
        filled but not sent yet."""
        sheet = self._sheet(code)
        for number, row in enumerate(self._story[code][key], 1):
            if number > 1:
                await self._desk.press(sheet.form, more)
                sheet = self._sheet(code)
            fill(sheet, row, number)
        return sheet


def _ways(sheet: Sheet, town: str) -> None:
    """Each way with its answer; the hours are those of the town where the person lives."""
    ways = sheet.field("ways")
    for each in sheet.value("ways"):
        way = words(ways.field("way"), each["way"])
        pick(sheet.form, ways.field("answer"), way, [each["answer"]], "", sheet.name)
        if each["way"] == "telephone":
            sheet.form.fill("Safe telephone number", each["value"])
            sheet.form.fill("Where is this telephone?", each["where"])
            (times,) = each["times"]
            _safe_time(sheet.form, times, town)


def _safe_time(form: Form, times: Mapping[str, Any], town: str) -> None:
    legend = "When is a call safe?"
    form.choose("Days", "Monday to Friday", within=legend)
    form.fill("From", times["from"], within=legend).fill("To", times["to"], within=legend)
    zone = beginning(form.offered("Time in", within=legend), f"{town} (", "Time in")
    form.choose("Time in", zone, within=legend)


def _proceedings(sheet: Sheet) -> None:
    field = sheet.field("proceedings")
    for number, each in enumerate(sheet.value("proceedings"), 1):
        legend = f"Proceedings: step {number}"
        pick(sheet.form, field.field("what"), "Step", [each["what"]], legend, sheet.name)
        day = long_day(date.fromisoformat(each["on"]))
        sheet.form.fill("Date", day, within=legend).fill("Where", each["where"], within=legend)


def _need(sheet: Sheet, row: Mapping[str, Any], number: int) -> None:
    field, legend = sheet.field("needs"), f"Need {number}"
    pick(sheet.form, field.field("need"), "What is needed", [row["need"]], legend, sheet.name)
    sheet.form.fill("Note", row["note"], within=legend)


def _withheld(sheet: Sheet, row: Mapping[str, Any], number: int) -> None:
    field, legend = sheet.field("withheld"), f"Withheld: part {number}"
    for label, key in (("Part", "part"), ("Reason", "reason")):
        pick(sheet.form, field.field(key), label, [row[key]], legend, sheet.name)
