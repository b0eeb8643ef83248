"""What all pages of a node share for its whole life: the exchange, the templates, the frame.

Law: nothing here belongs to one person or one case.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import structlog
from jinja2 import Environment, Template

from referral_node.config import Config
from referral_node.exchange import Exchange
from referral_node.vault import Sessions, SignIn
from referral_node.vault.vault import UnlockedVault
from referral_node.web import key_alerts
from referral_node.web.alerts import alerts
from referral_node.web.catalogue import Catalogue
from referral_node.web.members import Organisation, organisation, unjoined
from referral_ui.http import Origins
from referral_ui.parts import Frame, Link
from referral_ui.times import Times

PRODUCT: Final = "Referral exchange"
MENU: Final = (
    Link("Today", "/"),
    Link("New referral", "/new"),
    Link("Find a service", "/find"),
    Link("All referrals", "/referrals"),
    Link("Settings", "/settings"),
)
FOOT: Final = (Link("Record of access", "/access"), Link("Notifications", "/notifications"))
FOOT_LINE: Final = "Case data stays with the two organisations in the referral."
SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
TryMail = Callable[[str], Awaitable[str | None]]
"""Sends a test mail to an address; None if the server took it, else the code of why not."""


class Joins(Protocol):
    """What the pages ask of whoever speaks to a directory for this node. Raises Trouble."""

    async def join(
        self, url: str, anchor: str, profile: bytes, vault: UnlockedVault, *, anew: bool
    ) -> None:
        """Ask a directory to admit us, and follow it from then on."""

    async def answers(self) -> str:
        """Whether our endpoint answers with our keys; a code of ``Joining.answers``."""


@dataclass(frozen=True)
class Site:
    """Made once by ``build_app``. ``secure``: browsers reach it by TLS."""

    exchange: Exchange
    sessions: Sessions
    sign_in: SignIn
    config: Config
    environment: Environment
    origins: Origins
    secure: bool
    visitor_key: bytes = field(repr=False)
    log: structlog.typing.FilteringBoundLogger = field(default_factory=structlog.get_logger)
    shelf: list[Catalogue] = field(default_factory=list, repr=False)
    """The catalogue of now, if one was asked for."""
    try_mail: TryMail | None = None
    joins: Joins | None = None

    @property
    def cookie(self) -> str:
        """The session cookie's name; the prefix makes browsers keep it to this host and to TLS.

        A cookie knows no port: with the member in its name, nodes of one host keep theirs apart.
        """
        name = f"session-{self.exchange.us.hex()[:8]}"
        return f"__Host-{name}" if self.secure else name

    def us(self) -> Organisation:
        """Our own organisation, as the directory knows it or else as configured."""
        us = self.exchange.us
        member = self.exchange.members.get(us)
        if member is None or member.profile is None:
            ours = unjoined(us, self.config.name, self.config.time_zone)
            return ours if member is None else replace(ours, status=member.status)
        return organisation(us, member)

    def organisation(self, id: bytes) -> Organisation:
        """Any organisation, for a page."""
        return organisation(id, self.exchange.members.get(id))

    def catalogue(self) -> Catalogue:
        """All services of the others, as the directory has them now; made anew when it changes."""
        book = self.exchange.members
        if not self.shelf or self.shelf[0].version != book.version:
            self.shelf[:] = [Catalogue(book, self.exchange.us)]
        return self.shelf[0]

    def template(self, name: str) -> Template:
        return self.environment.get_template(name)

    def frame(
        self, us: Organisation, person: str | None, path: str, token: Callable[[str], str]
    ) -> Frame:
        """What surrounds a page; without a person there is no menu, since nothing in it opens."""
        signed_in = person is not None
        times = Times(self.exchange.clock(), us.place)
        return Frame(
            product=PRODUCT,
            organisation=us.full,
            person=person,
            menu=MENU if signed_in else (),
            foot=FOOT if signed_in else (),
            current=_entry(path),
            sign_out=SIGN_OUT if signed_in else None,
            foot_line=FOOT_LINE,
            alerts=(
                *key_alerts.alerts(self.exchange.keys, times),
                *alerts(self.exchange, times),
            ),
            token=token,
        )


def _entry(path: str) -> str:
    """The menu's entry that a page belongs to: an organisation is found under Find a service, a
    referral among all of them, a group of Today on Today."""
    if path.startswith("/organisation/"):
        return "/find"
    if path.startswith("/referral/"):
        return "/referrals"
    if path.startswith("/today/"):
        return "/"
    if path.startswith("/settings/") or path == "/notifications":
        return "/settings"
    return "/new" if path.startswith("/new/") else path
