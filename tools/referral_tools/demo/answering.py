"""What both sides do with a referral once it is there: each act by its link, its form, its button.

Law: every act begins at the referral's page and ends there; an act that the page does not offer
cannot be done.
"""

from collections.abc import Mapping
from typing import Any

from referral_protocol import codes
from referral_tools.browser import Form, Page
from referral_tools.demo.cast import Player
from referral_tools.demo.desk import Desk
from referral_tools.demo.filling import instant

Said = Mapping[str, Any]
"""What is said, as the protocol's examples have it."""


class Case:
    """One referral at one desk. ``peer``: the other organisation; ``who``: the person, as the
    draft has it."""

    def __init__(self, desk: Desk, peer: Player, who: Said) -> None:
        self.desk = desk
        self.peer = peer
        self.who = who

    @property
    def name(self) -> str:
        """What the person is called."""
        return str(self.who["name_to_use"])

    @property
    def full_name(self) -> str:
        """The name under which the pages list the referral."""
        return str(self.who["name"])

    async def number(self, telephone: str) -> Page:
        """See the safe number: it stands there in its hours, else after a reason was given."""
        page = self.desk.page
        if telephone not in page.text:
            page = await self.desk.follow("See the number: you will be asked why")
            form = page.form("Show the number")
            form.choose("Your reason", "I check that it is written right; I do not call")
            page = await self.desk.press(form, "Show the number")
        return page.says(telephone)

    async def accept(self, said: Said) -> Page:
        """Accept it, and say whom to call."""
        form = await self._act("Accept this referral", "Accept this referral")
        contact = said["contact"]
        form.fill("Name", contact["name"]).fill("Role", contact["role"])
        form.fill("Telephone", contact["telephone"]).fill("E-mail", contact["email"])
        form.fill("Your own case number", said["case_number"])
        self._message(form, said)
        return await self.desk.press(form, "Accept this referral")

    async def reached(self, said: Said, at: int) -> Page:
        """Record that the person was contacted at ``at``, and safe contact checked again."""
        form = await self._act(f"Record that you reached {self.name}", "Record it")
        form.fill("When was that?", instant(at, self.desk.player.zone))
        question = f"Did you go through safe contact with {self.name}, and is it still right?"
        form.choose(question, "Yes")
        self._message(form, said)
        return await self.desk.press(form, "Record it")

    async def meeting(self, said: Said) -> Page:
        """Fix a meeting, and ask the other side to join."""
        form = await self._act("Fix a meeting", "Fix this meeting")
        meeting, zone = said["meeting"], self.desk.player.zone
        form.fill("When?", instant(meeting["starts"], zone))
        form.fill("How many minutes?", str(meeting["minutes"]))
        form.choose("How?", codes.label("meeting-ways", meeting["how"]))
        form.fill("Who takes part?", meeting["who"])
        form.fill("Where, or how exactly", meeting["details"])
        form.choose(f"Do you ask {self.peer.name} to join?", "Yes" if meeting["join"] else "No")
        form.fill("By when should they confirm?", instant(meeting["confirm_by"], zone))
        self._message(form, said)
        return await self.desk.press(form, "Fix this meeting")

    async def join(self, said: Said) -> Page:
        """Confirm that we join the meeting."""
        form = await self._act("Confirm that I join", "Confirm that I join")
        form.fill("In your own words, if you like", said["text"])
        return await self.desk.press(form, "Confirm that I join")

    async def outcome(self, said: Said) -> Page:
        """Say how it ended."""
        form = await self._act("Give the outcome", "Give this outcome")
        form.choose("The outcome", codes.label("outcomes", said["outcome"]))
        form.fill("In your own words, if you like", said["text"])
        return await self.desk.press(form, "Give this outcome")

    async def write(self, said: Said) -> Page:
        """A message, from the referral's own page."""
        form = self.desk.page.form("Send message")
        self._message(form, said)
        return await self.desk.press(form, "Send message")

    async def _act(self, link: str, send: str) -> Form:
        page = await self.desk.follow(link)
        return page.form(send)

    def _message(self, form: Form, said: Said) -> None:
        form.fill(f"Message to {self.peer.name}", said["text"])
        form.choose("Written in", codes.label("languages", said["language"]))
