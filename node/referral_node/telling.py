"""Who is told by mail, set by the administrator: addresses, days away, a test; and how it goes.

Law: an address is shown to its owner and to whoever runs the node, and stands in no log. Setting
one lets nobody in: a mail holds counts and times.
"""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from referral_node.config import Config
from referral_node.control import Arguments, Handler
from referral_node.exchange.notices.duty import (
    NotPossible,
    add_absence,
    end_absences,
    keyholders,
    set_address,
    today,
)
from referral_node.mail_settings import WHY, is_address
from referral_node.store import Store
from referral_node.trouble import Trouble
from referral_node.users import present

NONE: Final = "none"
"""In place of an address: take it away."""


class MailArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    address: str


class AwayArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    first: str
    last: str


class BackArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class MailState(msgspec.Struct, frozen=True):
    """How telling goes. ``code``: why the last mail was not taken; None: it was, or none went."""

    keyholders: int
    administrators: int
    waiting: int
    mailed_at: int | None
    failures: int
    next_at: int | None
    code: str | None


async def mail_state(store: Store, config: Config, now: int) -> MailState | None:
    """For `status`; None if this node sends no mail."""
    if config.mail is None:
        return None
    people = await keyholders(store, today(now, config.time_zone))
    going = await store.row("SELECT MAX(mailed_at) AS mailed_at FROM mailings")
    wrong = await store.row("SELECT * FROM mailings WHERE failures > 0 ORDER BY failures DESC")
    waiting = await store.row("SELECT COUNT(*) FROM notices WHERE closed_at IS NULL")
    return MailState(
        len(people),
        len(config.mail.administrators),
        0 if waiting is None else waiting[0],
        None if going is None else going["mailed_at"],
        0 if wrong is None else wrong["failures"],
        None if wrong is None else wrong["next_at"],
        None if wrong is None else wrong["code"],
    )


class Telling:
    """The operations over one open store."""

    def __init__(
        self,
        store: Store,
        config: Config,
        state: Path,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._config = config
        self._state = state
        self._clock = clock
        self._entropy = entropy

    def handlers(self) -> Mapping[str, Handler]:
        """Beside those of Operations."""
        return {
            "users-mail": self.mail,
            "users-away": self.away,
            "users-back": self.back,
            "mail-test": self.test,
        }

    async def mail(self, arguments: Arguments) -> Any:
        """Set where a keyholder is told, or take it away."""
        given = msgspec.convert(arguments, MailArguments)
        address = None if given.address == NONE else given.address.strip()
        if address is not None and not is_address(address):
            raise Trouble("this is no address that mail can go to: write it like ines@example.org")
        user = await present(self._store, given.name)
        await set_address(self._store, user.id, address, None, self._clock())
        return {"name": user.name, "sends": self._config.mail is not None}

    async def away(self, arguments: Arguments) -> Any:
        """Enter days on which a keyholder is away."""
        given = msgspec.convert(arguments, AwayArguments)
        user = await present(self._store, given.name)
        now = self._clock()
        day = today(now, self._config.time_zone)
        first, last = _date(given.first), _date(given.last)
        try:
            await add_absence(self._store, user.id, first, last, None, now, day)
        except NotPossible as reason:
            raise Trouble(f"{given.first} to {given.last}: {reason}") from None
        others = [each for each in await keyholders(self._store, day) if each.id != user.id]
        return {"name": user.name, "others": len(others)}

    async def back(self, arguments: Arguments) -> Any:
        """Take back all days away of a keyholder."""
        given = msgspec.convert(arguments, BackArguments)
        user = await present(self._store, given.name)
        gone = await end_absences(self._store, user.id, None, None, self._clock())
        return {"name": user.name, "gone": gone}

    async def test(self, arguments: Arguments) -> Any:
        """Send a test mail to each administrator; a code for each, or None where it was taken."""
        if arguments or self._config.mail is None:
            raise Trouble(WHY["off"])
        # Only this command needs them, and they take a while to load.
        from referral_node.delivery.mail_text import envelope, trial_letter
        from referral_node.delivery.smtp import MailServer, NotMailed

        settings = self._config.mail
        server = MailServer(settings, self._state)
        answers: list[str | None] = []
        for address in settings.administrators:
            message = envelope(
                trial_letter(None),
                sender=settings.sender,
                to=address,
                now=self._clock(),
                name=self._entropy(20).hex(),
            )
            try:
                await server.send(message)
                answers.append(None)
            except NotMailed as failure:
                answers.append(failure.code)
        return answers


def report_test(codes: list[str | None]) -> None:
    """Say how the test went; Trouble if a mail was not taken."""
    if not codes:
        raise Trouble("[mail] in node.toml names no administrators: there is nobody to mail")
    wrong = [code for code in codes if code is not None]
    if len(wrong) < len(codes):
        taken = len(codes) - len(wrong)
        click.echo(f"The mail server took {taken} of {len(codes)}. Look whether it arrives.")
    for code in dict.fromkeys(wrong):
        raise Trouble(f"the test mail was not taken: {WHY.get(code, code)} ({code})")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Trouble(f"{text[:20]!r} is not a date: write it like 2026-12-24") from None
