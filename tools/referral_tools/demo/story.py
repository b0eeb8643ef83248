"""One referral from the first telephone check to the outcome, and one that waits for a dead node.

Law: every step is one that a person takes at a page, and is believed only once the other side's
page says it too. The words that are sent are the protocol's own example.
"""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from referral_protocol import examples
from referral_tools.browser import Browser, NotThere, Page
from referral_tools.demo import sending
from referral_tools.demo.answering import Case
from referral_tools.demo.both import EVIDENCE, agree, events, stand
from referral_tools.demo.cast import PLAYERS
from referral_tools.demo.desk import Desk
from referral_tools.demo.fleet import Fleet
from referral_tools.demo.place import Place
from referral_tools.demo.ports import Ports
from referral_tools.demo.process import run
from referral_tools.demo.reading import HELD, OPENED, Event, conversation, is_done, ladder
from referral_tools.demo.second import second_referral
from referral_tools.demo.show import Show
from referral_tools.demo.trouble import DemoTrouble
from referral_tools.demo.writing import Writer

Draft = Mapping[str, Any]
NODE_IS_BACK: Final = 40.0
"""Seconds for the next try after the other node was away: the courier's first pauses are short."""


def now() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


@dataclass
class Stage:
    """Everything that the story is played with."""

    place: Place
    ports: Ports
    fleet: Fleet
    show: Show
    step: str = "the beginning"

    @asynccontextmanager
    async def doing(self, words: str) -> AsyncIterator[None]:
        """One step of the story; its words stand in the message if it fails."""
        self.step = words
        with self.show.doing(words):
            yield


async def play(stage: Stage) -> None:
    """The whole story. DemoTrouble or NotThere where it does not go on."""
    lisbon, utrecht, _ = PLAYERS
    async with Browser() as here, Browser() as there:
        ines, jasmijn = (
            Desk(
                player,
                browser,
                f"http://{player.host}:{stage.ports.pages(player.code)}/",
                stage.place.read(stage.place.password(player.code)),
            )
            for player, browser in ((lisbon, here), (utrecht, there))
        )
        draft = examples.referral(b"", now())
        sent = await _send_first(stage, ines, draft)
        received = await _receive(stage, jasmijn, sent, draft)
        await _help(stage, sent, received)
        await _evidence(stage, sent)
        waiting = await _send_into_the_dark(stage, ines)
        back = await _come_back(stage, jasmijn, waiting)
        await _tell(stage, (sent, received), (waiting, back))


async def _send_first(stage: Stage, ines: Desk, draft: Draft) -> Case:
    utrecht = PLAYERS[1]
    async with stage.doing("Lisbon signs in"):
        await ines.sign_in()
    async with stage.doing("Lisbon compares Utrecht's fingerprint by telephone"):
        said = stage.place.read(stage.place.fingerprint(utrecht.code))
        await sending.first_contact(ines, utrecht, said)
    writer = Writer(ines, draft)
    async with stage.doing("Lisbon writes a referral with all eight sections"):
        await writer.first_seven()
    async with stage.doing("Lisbon sees what fits and chooses Utrecht"):
        _, fits = await sending.choose(ines, utrecht)
        await writer.answer()
    for line in fits:
        stage.show.say(f"                  {line}")
    async with stage.doing("Lisbon reads word for word what leaves and to whom, and sends it"):
        await sending.check_and_send(ines, utrecht, draft)
    async with stage.doing("Lisbon sees it held by Utrecht's node"):
        await ines.until("“Held by their node”", _held)
    return Case(ines, utrecht, draft["who"])


async def _receive(stage: Stage, jasmijn: Desk, sent: Case, draft: Draft) -> Case:
    received = Case(jasmijn, PLAYERS[0], draft["who"])
    telephone = draft["safe_contact"]["ways"][0]["value"]
    async with stage.doing("Utrecht signs in and opens it: what was sent is there, no more"):
        await jasmijn.sign_in()
        page = await jasmijn.follow(jasmijn.page.wording(received.full_name))
        # The number is shown in its hours; the recipient is "your organisation" now.
        own, address = draft["consent"]["recipient_name"], draft["answer"]["contact"]["email"]
        sending.says_all(page, draft, telephone, own, address)
        await agree(sent, received, OPENED, "Opened by a person")
    async with stage.doing("Utrecht sees the safe number"):
        await received.number(telephone)
    async with stage.doing("Utrecht accepts"):
        await received.accept(examples.accepted())
        await agree(sent, received, "Accepted", "answered: Accepted")
    return received


async def _help(stage: Stage, sent: Case, received: Case) -> None:
    """From the first call to the outcome."""
    async with stage.doing("Utrecht reaches the person and checks safe contact again"):
        await received.reached(examples.call_made(now()), now())
        await agree(sent, received, "contacted")
    async with stage.doing("Utrecht fixes a first meeting, Lisbon confirms that it joins"):
        await received.meeting(examples.meeting_fixed(now(), _next_monday(received.desk)))
        await sent.desk.until("“Confirm that I join”", _asked_to_join)
        await sent.join(examples.join_confirmed())
        await agree(sent, received, "contacted")
    async with stage.doing("Both write two messages"):
        for case, said in _talk(sent, received):
            await case.desk.again()
            await case.write(said)
        await agree(sent, received, "contacted")
        _heard(received.desk.page, *(said["text"] for _, said in _talk(sent, received)))
        _heard(sent.desk.page, *(said["text"] for _, said in _talk(sent, received)))
    async with stage.doing("Utrecht gives the outcome, and Lisbon sees it"):
        await received.outcome(examples.outcome())
        await agree(sent, received, "Completed", "outcome: Outcome: got help")


def _talk(sent: Case, received: Case) -> list[tuple[Case, Draft]]:
    questions = [examples.question_back(), examples.question_back()]
    questions[1]["text"] = "The room is ready from Tuesday. Does the child need a cot?"
    return [
        (sent, examples.first_message()),
        (received, questions[0]),
        (sent, examples.reply()),
        (received, questions[1]),
    ]


async def _evidence(stage: Stage, sent: Case) -> None:
    async with stage.doing("Lisbon exports the evidence, and another process verifies it"):
        page = await sent.desk.follow(EVIDENCE)
        found = await sent.desk.browser.save(page, "Download the evidence")
        file = stage.place.path / found.name
        file.write_bytes(found.data)
        anchor = stage.place.read(stage.place.anchor)
        ran = await run("verify", file, "--anchor", anchor, "--json")
        if ran.code:
            raise DemoTrouble(f"`referral verify` says: {ran.err.strip() or ran.out.strip()}")
        said = json.loads(ran.out)
        await sent.desk.follow("Back to the referral")
        here = await stand(sent)
        proved = {each["hash"] for each in said["statements"]}
        if not (said["holds"] and said["anchored"]) or proved != set(here.statements):
            raise DemoTrouble(f"the evidence is not what the page shows: {said['problems']}")
    stage.show.say(f"                  {len(proved)} statements hold, in {file}")


async def _send_into_the_dark(stage: Stage, ines: Desk) -> Case:
    utrecht = PLAYERS[1]
    draft = second_referral(now())
    async with stage.doing("Utrecht's node is killed (SIGKILL)"):
        await stage.fleet.nodes[utrecht.code].kill()
    async with stage.doing("Lisbon sends another referral, and sees that it waits"):
        writer = Writer(ines, draft)
        await writer.first_seven()
        await sending.choose(ines, utrecht)
        await writer.answer()
        await sending.check_and_send(ines, utrecht, draft)
        first = ladder(await ines.again())["sent"]
        if first.words != "Waiting to be delivered" or _held(ines.page):
            raise NotThere(f"{ines.page.where} does not say that it waits but “{first.words}”")
    return Case(ines, utrecht, draft["who"])


async def _come_back(stage: Stage, jasmijn: Desk, waiting: Case) -> Case:
    utrecht = PLAYERS[1]
    async with stage.doing("Utrecht's node is started again"):
        await stage.fleet.nodes[utrecht.code].start()
    async with stage.doing("Lisbon sees it held by Utrecht's node"):
        await waiting.desk.until("“Held by their node”", _held, NODE_IS_BACK)
    back = Case(jasmijn, PLAYERS[0], waiting.who)
    async with stage.doing("Utrecht signs in again, and both see the same"):
        await jasmijn.sign_in()
        await jasmijn.follow(jasmijn.page.wording(back.full_name))
        await agree(waiting, back, OPENED)
    return back


async def _tell(stage: Stage, *pairs: tuple[Case, Case]) -> None:
    """The timelines as each side sees them."""
    stage.step = "reading the timelines"
    for sent, received in pairs:
        for case in (sent, received):
            await stand(case)
            player = case.desk.player
            stage.show.heading(f"{case.full_name}, as {player.readable} ({player.city}) sees it")
            _print(stage.show, case.desk.page, await events(case))


def _print(show: Show, page: Page, found: tuple[Event, ...]) -> None:
    rungs = [(each.words, each.when) for each in ladder(page).values()]
    show.table(("Where it stands", "When"), rungs)
    show.say("")
    rows = [
        (each.when, each.who.partition(", ")[0], each.title, each.statement[:12]) for each in found
    ]
    show.table(("When", "Who", "What", "Statement"), rows)


def _held(page: Page) -> bool:
    return is_done(page, HELD)


def _asked_to_join(page: Page) -> bool:
    return any(each.seen == "Confirm that I join" for each in page.main.all("a"))


def _heard(page: Page, *texts: str) -> None:
    said = conversation(page)
    for text in texts:
        if not any(text in each for each in said):
            raise NotThere(f"{page.where} has no message “{text}”; it has {said}")


def _next_monday(desk: Desk) -> int:
    """Half past nine on a Monday at least five days from now, by the clock of the desk."""
    zone = ZoneInfo(desk.player.zone)
    day = datetime.now(UTC).astimezone(zone) + timedelta(days=5)
    day += timedelta(days=-day.weekday() % 7)
    return int(day.replace(hour=9, minute=30, second=0, microsecond=0).timestamp()) * 1000
