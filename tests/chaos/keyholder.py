"""A keyholder at work while everything breaks: signs in, refers, answers, writes, comes back.

Law: goes through pages as a browser does, and writes into the ledger what they said, nothing else.
What a page does not offer is not done. Whatever answer comes leads to the next step.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import referral_inputs as inputs
from chaos import wishes
from chaos.browser import Answered, Browser, Gone, SignedOut, Trouble, words
from chaos.ledger import REFUSED, SENT, UNKNOWN, Entry, Ledger
from chaos.steps import steps_of
from chaos.wishes import ACT, NOTE, REFER, Wish, wish
from chaos.world import Site
from fed_member import PASSWORD
from page_reader import FoundForm, Node, Page
from referral_protocol.times import date_of

GO: Final = "Save and continue"
LATER: Final = "Save and come back later"
LOOKS: Final = ("/", "/referrals?which=ended", "/find", "{thread}/evidence", "{thread}/access")
_DAY: Final = 24 * 3_600_000
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_THREAD: Final = re.compile(r"/referral/([0-9a-f]{64})")
_NOT_DONE: Final = ("erased", "ask-erase")
"""Acts that leave nothing to compare."""
MOST_DRAFTS: Final = 4
PAUSE: Final = 0.1
"""Seconds between two steps: the machine has other work as well."""


class Hand:
    """One browser at one node. ``others``: the members that it may refer to."""

    def __init__(self, site: Site, number: int, seed: str, ledger: Ledger) -> None:
        self.site = site
        self.name = f"{site.name}/{number}"
        self.seed = seed
        self.ledger = ledger
        self.others: list[Site] = []
        self.browser = Browser()
        self.threads: list[str] = []
        self.drafts: list[tuple[str, int, Entry, Site]] = []
        """Referrals that were put aside: address, the next step, the entry, the recipient."""
        self.steps = 0
        self.refusals: dict[str, int] = {}
        """What pages refused, counted: a driver that is always refused tests nothing."""
        self._port: int | None = None
        self._signed_in = False

    # going on whatever happens

    async def work(self, stop: asyncio.Event) -> None:
        """Step after step until it is told to stop."""
        while not stop.is_set():
            if self.site.pages is None:
                await asyncio.sleep(0.05)
                continue
            await self.attempt(partial(self.step, wish(self.seed, self.name, self.steps)))
            self.steps += 1
            await asyncio.sleep(PAUSE)

    async def attempt(self, work: Callable[[], Awaitable[None]]) -> bool:
        """One piece of work; False if it could not be finished."""
        try:
            await self.arrive()
            await work()
        except Gone:
            await asyncio.sleep(0.1)
            return False
        except SignedOut:
            self._signed_in = False
            return False
        except Trouble as trouble:
            self._trouble(trouble.page)
            return False
        return True

    async def arrive(self) -> None:
        """Be at the node's pages, signed in."""
        port = self.site.pages
        if port is None:
            raise Gone("down")
        if port != self._port:
            self.browser.point(port)
            self._port, self._signed_in = port, False
        if self._signed_in:
            return
        page = await self.browser.get("/sign-in")
        forms = [f for f in page.forms() if any(b.text == "Sign in" for b in f.buttons)]
        if forms:
            typed = {"name": self.site.sign_in_name, "password": PASSWORD}
            form = forms[0]
            answer = await self.browser.press(form, form.button("Sign in"), typed)
            if answer.where is None:
                assert answer.page is not None
                raise Trouble(answer.page)
        self._signed_in = True
        await self._learn()

    async def _learn(self) -> None:
        """Which referrals there are."""
        page = await self.browser.get("/referrals?which=open")
        for link in page.main.all("a"):
            found = _THREAD.fullmatch(link.get("href"))
            if found and found[1] not in self.threads:
                self.threads.append(found[1])

    def _trouble(self, page: Page) -> None:
        said = words(page)
        if page.status == 404:
            # After a roll-back what was only here is gone; a draft that was sent is gone too.
            found = _THREAD.search(page.path)
            if found and found[1] in self.threads and self.site.discarded:
                self.threads.remove(found[1])
                return
        if page.status == 503 and ("disk is full" in said or "being stopped" in said):
            return
        self.ledger.strange.append(f"{self.name}: {page.status} {page.path}: {said[:300]}")

    async def step(self, wished: Wish) -> None:
        """Do what is wished, as far as there is something to do it with."""
        match wished.kind:
            case wishes.REFER:
                await self.refer(wished)
            case wishes.CONTINUE if self.drafts:
                await self.go_on(wished, self.drafts.pop(0))
            case wishes.NOTE if self.threads:
                await self.write(wished)
            case wishes.ACT if self.threads:
                await self.act(wished)
            case wishes.LEAVE:
                await self._learn()
                await self._leave()
            case wishes.LOOK if self.threads:
                where = LOOKS[int(wished.what * len(LOOKS))]
                await self.browser.get(where.format(thread=f"/referral/{self._pick(wished)}"))
                await self._learn()
            case _:
                await self._learn()
                if not self.threads:
                    await self.refer(wished)

    def _pick(self, wished: Wish) -> str:
        return self.threads[-1 - int(wished.which * len(self.threads))]

    async def _leave(self) -> None:
        page = await self.browser.get("/")
        form = next(f for f in page.forms() if f.action.endswith("/sign-out"))
        await self.browser.send(form, form.buttons[0])
        self._signed_in = False

    async def read_all(self) -> None:
        """Open what has come, to the last message."""
        page = await self.browser.get("/")
        for _ in range(100):
            if not page.path.startswith("/opening"):
                break
            page = await self.browser.get("/opening")

    async def everything(self) -> dict[str, str]:
        """Every referral in the list, with its state in words."""
        found: dict[str, str] = {}
        where: str | None = "/referrals?which=all"
        number = 1
        while where is not None:
            page = await self.browser.get(where)
            for row in page.main.all("tr"):
                for link in row.all("a"):
                    thread = _THREAD.fullmatch(link.get("href"))
                    if thread:
                        found[thread[1]] = row.all("td")[1].text
            number += 1
            following = f"/referrals?which=all&page={number}"
            links = {a.get("href") for a in page.main.all("a")}
            where = following if following in links else None
        return found

    # saying something

    async def write(self, wished: Wish) -> None:
        """Some messages in one referral, one after the other."""
        thread = self._pick(wished)
        for number in range(wished.count):
            # The first below the conversation, the others on the small page.
            where = f"/referral/{thread}" + ("/do/message" if number else "")
            page = await self.browser.get(where)
            form = _form(page, "Send message")
            if form is None:
                return
            entry = self.ledger.begin(self.site.name, NOTE, thread)
            answer = await self.say(
                entry,
                form,
                form.button("Send message"),
                {"text": entry.text},
                again=wished.again and number == 0,
            )
            if answer.where is None:
                return

    async def act(self, wished: Wish) -> None:
        """One of the acts that the referral's page offers."""
        thread = self._pick(wished)
        page = await self.browser.get(f"/referral/{thread}")
        base = f"/referral/{thread}/do/"
        offered = sorted(
            {a.get("href").removeprefix(base) for a in page.main.all("a") if base in a.get("href")}
            - set(_NOT_DONE)
        )
        if not offered:
            return
        code = offered[int(wished.what * len(offered))]
        page = await self.browser.get(base + code)
        forms = [f for f in page.forms() if f.action.endswith(f"/do/{code}")]
        if not forms:
            return  # it moved on meanwhile
        form = forms[0]
        entry = self.ledger.begin(self.site.name, f"{ACT}-{code}", thread)
        typed = self._filled(form, wished, entry)
        answer = await self.say(entry, form, form.buttons[0], typed, again=wished.again)
        if answer.where is not None:
            await self.browser.get(answer.where)

    def _filled(self, form: FoundForm, wished: Wish, entry: Entry) -> dict[str, str]:
        """Every choice made somehow, and the entry's text in the text."""
        typed = {"text": entry.text}
        for name, offered in sorted(form.offered.items()):
            if not form.values.get(name) or form.values[name] == [""]:
                typed[name] = wished.chance.choice([o for o in offered if o] or [""])
        later = self._day(2 + int(wished.what * 3))
        for name, said in {
            "meeting.starts": f"{later}, 09:30",
            "respond_by": f"{later}, 12:00",
            "meeting.confirm_by": f"{self._day(1)}, 18:00",
            "meeting.who": "All of us",
            "meeting.minutes": "45",
        }.items():
            if name in form.free:
                typed[name] = said
        return typed

    def _day(self, days: int) -> str:
        year, month, day = date_of(self.site.clock.now + days * _DAY).split("-")
        return f"{int(day)} {_MONTHS[int(month) - 1]} {year}"

    async def say(
        self,
        entry: Entry,
        form: FoundForm,
        button: Node,
        typed: dict[str, str],
        *,
        again: bool = False,
    ) -> Answered:
        """Press the button that says it, and write down what came of it."""
        entry.outcome = UNKNOWN
        form.fill(typed)
        unsure = False
        try:
            answer = await self.browser.send(form, button)
        except Gone:
            if not again:
                raise
            # The same form once more, as a person who reloads: it must not be said twice.
            await asyncio.sleep(0.5)
            answer = await self.browser.send(form, button)
            again, unsure = False, True
        self._note(entry, answer, unsure=unsure)
        if again and answer.where is not None:
            second = await self.browser.send(form, button)
            if second.where not in (answer.where, None):
                self.ledger.strange.append(f"{self.name}: sent twice, led to {second.where} too")
        if answer.page is not None:
            if answer.status == 401:
                raise SignedOut
            if answer.status not in (409, 422):
                raise Trouble(answer.page)
            said = f"{entry.kind}: {words(answer.page)[:160]}"
            self.refusals[said] = self.refusals.get(said, 0) + 1
        return answer

    def _note(self, entry: Entry, answer: Answered, *, unsure: bool = False) -> None:
        """``unsure``: the form was sent before, and what became of that nobody said: a node that
        was started anew refuses the second one whether or not it took the first."""
        if answer.where is not None:
            entry.outcome, entry.answered_at = SENT, time.monotonic()
            found = _THREAD.search(answer.where)
            if found:
                entry.thread = found[1]
            return
        if entry.outcome == SENT or answer.page is None:
            return
        said = entry.page = words(answer.page)[:300]
        if unsure:
            return
        if answer.status in (401, 409, 422) or "nothing was s" in said:
            entry.outcome = REFUSED

    # a new referral

    async def refer(self, wished: Wish) -> None:
        """The first step of a new referral, and as many of the others as are wished."""
        if len(self.drafts) >= MOST_DRAFTS:
            await self.go_on(wished, self.drafts.pop(0))
            return
        to = self.others[int(wished.what * len(self.others))]
        entry = self.ledger.begin(self.site.name, REFER, None)
        entry.outcome = REFUSED  # until the button is pressed
        page = await self.browser.get("/new")
        who = inputs.WHO | {"name": f"Person {entry.number}", "case_number": f"PT-{entry.number}"}
        place = await self._step(page, GO, who)
        draft = "/".join(place.split("/")[:3])
        await self.go_on(wished, (draft, 1, entry, to))

    async def go_on(self, wished: Wish, at: tuple[str, int, Entry, Site]) -> None:
        """The steps that are left; the draft is put aside again if that is wished."""
        draft, begun, entry, to = at
        if entry.may_be_lost and entry.outcome == UNKNOWN:
            return  # perhaps it was sent before its node was put back: a person would look first
        steps = steps_of(entry)
        number = begun
        try:
            for number in range(begun, len(steps)):
                code, typed = steps[number]
                page = await self.browser.get(f"{draft}/{code}")
                if wished.pause == number:
                    await self._step(page, LATER, typed)
                    self.drafts.append((draft, number + 1, entry, to))
                    return
                await self._step(page, GO, typed)
            number = len(steps)
            await self._choose(draft, to)
            await self._send(draft, entry, to, wished)
        except (Gone, SignedOut):
            if entry.outcome != SENT:  # else it was only the second sending that went wrong
                self.drafts.append((draft, number, entry, to))
            raise
        except Trouble as trouble:
            # It was sent after all, or an older copy of the node never had it.
            known = entry.outcome == UNKNOWN or self.site.discarded
            if trouble.page.status == 404 and known:
                return
            self.drafts.append((draft, number, entry, to))
            raise

    async def _step(self, page: Page, button: str, typed: inputs.Inputs) -> str:
        """Save one step; where it led."""
        form = page.form(button)
        answer = await self.browser.press(form, form.button(button), typed)
        if answer.where is None:
            assert answer.page is not None
            if answer.status == 401:
                raise SignedOut
            raise Trouble(answer.page)
        return answer.where

    async def _choose(self, draft: str, to: Site) -> None:
        page = await self.browser.get(f"/organisation/{to.id.hex()}?draft={draft.split('/')[2]}")
        form = _form(page, f"Choose {to.organisation}")
        if form is not None:
            await self.browser.send(form, form.buttons[0])

    async def _send(self, draft: str, entry: Entry, to: Site, wished: Wish) -> None:
        page = await self.browser.get(f"{draft}/check")
        form = _form(page, f"Send to {to.organisation}")
        if form is None:
            if not self.site.discarded:  # an older copy of the draft may lack steps
                self.ledger.strange.append(f"{self.name}: cannot be sent: {words(page)[-300:]}")
            return
        typed = {"confirm": "yes"} if "confirm" in form.offered else {}
        entry.at = time.monotonic()
        button = form.button(f"Send to {to.organisation}")
        answer = await self.say(entry, form, button, typed, again=wished.again)
        if answer.where is not None and entry.thread is not None:
            self.threads.append(entry.thread)
            await self.browser.get(answer.where)

    async def compare(self, other: Site) -> None:
        """The telephone check before the first referral to another member."""
        page = await self.browser.get(f"/organisation/{other.id.hex()}")
        assert other.fingerprint.split(" ")[0] in page.text
        form = page.form("Save the result")
        typed = {"same": "yes", "spoke_with": "Somebody who is known"}
        answer = await self.browser.press(form, form.button("Save the result"), typed)
        assert answer.where is not None


def _form(page: Page, button: str) -> FoundForm | None:
    """The form with this button, if the page has one."""
    found = [f for f in page.forms() if any(b.text == button for b in f.buttons)]
    return found[0] if found else None
