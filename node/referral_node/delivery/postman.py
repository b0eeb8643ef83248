"""The postman: mails what is to be told, to whom, when it may.

Law: a person gets one mail for all that has piled up, not more often than `every_minutes`, and in
quiet hours none; what is immediate breaks both. A mail that was taken by the server is never made
again; one that was not is tried again until it is, or until there is nothing to tell any more.
Whatever happens here holds up nothing else.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import time
from pathlib import Path
from typing import Final

import msgspec
import structlog

from referral_node.delivery.ending import end
from referral_node.delivery.mail_text import Letter, envelope, letter, trial_letter
from referral_node.delivery.smtp import MailServer, NotMailed
from referral_node.exchange.core import Core
from referral_node.exchange.notices.duty import (
    ADMINISTRATOR,
    CONTACT,
    DEPUTY,
    Person,
    administrators,
    keyholders,
    today,
    told,
)
from referral_node.exchange.notices.finding import Notices, Told, Waits
from referral_node.exchange.notices.judging import IMMEDIATE, Finding
from referral_node.exchange.notices.quiet import QuietHours
from referral_node.exchange.notices.troubles import DISK
from referral_node.mail_settings import Mail
from referral_node.store import StoreError
from referral_protocol.certificates import DAY

EVERY: Final = 20.0
"""Seconds between two rounds."""
MINUTE: Final = 60_000
GATHER: Final = MINUTE
"""What comes within a minute goes in one mail; what is immediate does not wait for it."""
URGENT_PAUSE: Final = 2 * MINUTE
"""Between two mails to one person if something immediate waits."""
LONGEST: Final = 10 * MINUTE
"""Between two tries while the server does not take mail."""
LONGEST_REFUSED: Final = 60 * MINUTE
"""The same while it does not take this one address."""
TEST_PAUSE: Final = MINUTE
"""Between two tests, whoever asks for them."""
AUDIENCES: Final = (CONTACT, DEPUTY, ADMINISTRATOR)

log = structlog.get_logger()


class Mailing(msgspec.Struct, frozen=True):
    """How mailing one person goes. Times in ms."""

    mailed_at: int | None = None
    failures: int = 0
    next_at: int = 0


def ready_at(waits: Waits, mailing: Mailing, now: int, every: int, quiet: QuietHours | None) -> int:
    """When the next mail to a person may go (ms); ``waits`` holds at least one notice."""
    before = None if mailing.mailed_at is None else min(mailing.mailed_at, now)
    at = (waits.since or 0) + GATHER
    if before is not None:
        at = max(at, before + every)
    if quiet is not None:
        at = quiet.over(max(at, now))
    if waits.urgent_since is not None:
        at = min(at, max(waits.urgent_since, 0 if before is None else before + URGENT_PAUSE))
    return max(at, mailing.next_at)


class Postman:
    """Mails for one node. ``link``: where keyholders sign in."""

    def __init__(self, core: Core, settings: Mail, state: Path, zone: str, link: str) -> None:
        self.notices = Notices(core)
        self._core = core
        self._settings = settings
        self._server = MailServer(settings, state)
        self._zone = zone
        self._link = settings.link or link
        self._quiet = None
        if settings.quiet is not None:
            start, end_ = (
                time.fromisoformat(t) for t in (settings.quiet.start, settings.quiet.end)
            )
            self._quiet = QuietHours(start, end_, zone)
        self._task: asyncio.Task[None] | None = None
        self._disk_told_at: int | None = None
        self._tested_at: int | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="postman")

    async def stop(self) -> None:
        if self._task is not None:
            await end([self._task])

    async def _run(self) -> None:
        while True:
            try:
                await self.round()
            except StoreError as error:
                log.error("mail.store", code=error.code)
                if error.code == DISK:
                    await self._disk_alone()
            except Exception as error:  # noqa: BLE001 - a fault here must not end all telling
                log.error("mail.fault", kind=type(error).__name__)
            await asyncio.sleep(EVERY)

    async def round(self) -> int:
        """Look for what is new and mail what may go now; how many mails went."""
        now = self._core.clock()
        people = await keyholders(self._core.store, today(now, self._zone))
        people += administrators(self._settings.administrators)
        if not people:
            return 0  # found when somebody has given an address
        await self.notices.look()
        standing: list[Told] | None = None
        sent = 0
        for person in people:
            audiences = [each for each in AUDIENCES if person in told(people, each)]
            if not audiences or not await self._may_go(person, audiences, now):
                continue
            if standing is None:
                standing = await self.notices.standing()
            before = await self.notices.told_to(person.id)
            mine = [t for t in standing if t.audience in audiences and t.number not in before]
            if not mine:
                continue
            try:
                await self._mail(person, mine, now)
            except NotMailed as failure:
                await self._missed(person, failure, now)
                if not failure.person:
                    break  # the others would fare the same
            else:
                sent += 1
        if sent:
            for each in AUDIENCES:
                ids = [person.id for person in told(people, each)]
                if ids or each == DEPUTY:  # without a deputy the points of contact were told
                    await self.notices.close(each, ids)
        return sent

    async def test(self, address: str, *, administrator: bool = False) -> str | None:
        """Send a test mail at once; None if the server took it, else the code of why not."""
        now = self._core.clock()
        if self._tested_at is not None and 0 <= now - self._tested_at < TEST_PAUSE:
            return "too-soon"
        self._tested_at = now
        made = trial_letter(None if administrator else self._link)
        try:
            await self._send(made, address, now, self._core.entropy(16).hex())
        except NotMailed as failure:
            log.warning("mail.failed", code=failure.code)
            return failure.code
        log.info("mail.sent", messages=1, kind="test")
        return None

    async def _may_go(self, person: Person, audiences: Sequence[str], now: int) -> bool:
        waits = await self.notices.waits(person.id, audiences)
        if waits.since is None:
            return False
        mailing = await self._mailing(person)
        every = self._settings.every_minutes * MINUTE
        return now >= ready_at(waits, mailing, now, every, self._quiet)

    async def _mailing(self, person: Person) -> Mailing:
        row = await self._core.store.row(
            "SELECT mailed_at, failures, next_at FROM mailings WHERE person = ?", (person.id,)
        )
        if row is None:
            return Mailing()
        return Mailing(row["mailed_at"], row["failures"], row["next_at"])

    async def _mail(self, person: Person, mine: Sequence[Told], now: int) -> None:
        link = None if person.role == ADMINISTRATOR else self._link
        made = letter((each.finding for each in mine), now, self._zone, link)
        numbers = sorted(each.number for each in mine)
        # The same notices make the same name: if we stop between the server's yes and our commit,
        # the second copy can be known as one.
        parts = (self._core.us, person.id, repr(numbers).encode())
        name = hashlib.sha256(b"".join(parts)).hexdigest()[:40]
        await self._send(made, person.address, now, name)
        await self.notices.was_told(person.id, numbers, now)
        log.info("mail.sent", messages=len(numbers), kind=person.role)

    async def _send(self, made: Letter, address: str, now: int, name: str) -> None:
        await self._server.send(
            envelope(made, sender=self._settings.sender, to=address, now=now, name=name)
        )

    async def _missed(self, person: Person, failure: NotMailed, now: int) -> None:
        """Try again later: a minute, then twice as long each time."""
        failures = (await self._mailing(person)).failures + 1
        longest = LONGEST_REFUSED if failure.person else LONGEST
        next_at = now + min(MINUTE << min(failures - 1, 10), longest)
        await self.notices.missed(person.id, failures, next_at, failure.code)
        log.warning("mail.failed", code=failure.code, failures=failures, kind=person.role)

    async def _disk_alone(self) -> None:
        """Nothing can be stored any more: tell the administrators that, and remember it here."""
        now = self._core.clock()
        if self._disk_told_at is not None and now - self._disk_told_at < DAY:
            return
        made = letter([Finding(DISK, b"", 0, IMMEDIATE)], now, self._zone, None)
        for person in administrators(self._settings.administrators):
            try:
                await self._send(made, person.address, now, self._core.entropy(20).hex())
            except NotMailed as failure:
                log.warning("mail.failed", code=failure.code, kind=person.role)
            else:
                self._disk_told_at = now
