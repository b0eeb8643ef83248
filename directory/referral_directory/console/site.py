"""What all pages of the console share for its whole life. Nothing here belongs to one registrar."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from jinja2 import Environment, Template

from referral_directory import registrars
from referral_directory.console.door import Door
from referral_directory.console.sessions import Sessions
from referral_directory.folder import Folder
from referral_directory.log.endpoints import Endpoints
from referral_directory.log.ledger import Ledger
from referral_directory.log.office import Office
from referral_directory.log.requests import Requests
from referral_directory.log.reviews import Reviews
from referral_directory.log.roster import Roster
from referral_directory.registrars import Known
from referral_directory.sealing import Cost
from referral_ui.http import Origins
from referral_ui.parts import Frame, Link
from referral_ui.times import Place

PRODUCT: Final = "Directory console"
ORGANISATION: Final = "Victim Support Europe: directory"
MENU: Final = (
    Link("Requests to join", "/"),
    Link("Members", "/members"),
    Link("Profiles", "/profiles"),
    Link("Log", "/log"),
    Link("Suspensions", "/suspensions"),
)
FOOT: Final = (
    Link("Lost keys", "/recoveries"),
    Link("Invite a member", "/invite"),
    Link("Who changed what", "/acts"),
    Link("Registrars", "/registrars"),
    Link("Your sign-in", "/you"),
)
FOOT_LINE: Final = (
    "The directory holds keys, contacts and services. It never sees a case, nor who writes to whom."
)
SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"


@dataclass(frozen=True)
class Site:
    """Made once. ``secure``: browsers reach it by TLS; ``address``: where members reach the
    directory, without a slash at the end; ``place``: where the readers' clocks hang."""

    folder: Folder
    ledger: Ledger
    office: Office
    requests: Requests
    reviews: Reviews
    roster: Roster
    endpoints: Endpoints
    sessions: Sessions
    door: Door
    environment: Environment
    origins: Origins
    secure: bool
    address: str
    place: Place
    cost: Cost
    random: Callable[[int], bytes]
    visitor_key: bytes = field(repr=False)
    log: structlog.typing.FilteringBoundLogger = field(default_factory=structlog.get_logger)

    @property
    def cookie(self) -> str:
        """The session cookie's name; the prefix makes browsers keep it to this host and to TLS."""
        return "__Host-console" if self.secure else "console"

    def acting(self) -> frozenset[bytes]:
        """The registrars' keys that sign now."""
        root = self.ledger.directory.root_at(self.ledger.clock()).root
        return frozenset(root.registrars)

    def people(self) -> dict[bytes, Known]:
        """The registrars that this folder knows, by their keys."""
        return {each.public: each for each in registrars.everybody(self.folder)}

    def template(self, name: str) -> Template:
        return self.environment.get_template(name)

    def frame(self, person: str | None, path: str, token: Callable[[str], str]) -> Frame:
        """What surrounds a page; without a person there is no menu, since nothing in it opens."""
        signed_in = person is not None
        public = Link("Public map", f"{self.address}/")
        return Frame(
            product=PRODUCT,
            organisation=ORGANISATION,
            person=None if person is None else titled(person),
            menu=(*MENU, public) if signed_in else (),
            foot=FOOT if signed_in else (),
            current=_entry(path),
            sign_out=SIGN_OUT if signed_in else None,
            foot_line=FOOT_LINE,
            token=token,
        )


def titled(person: str) -> str:
    """ "Ewa Lindqvist, registrar": who is signed in."""
    return person if "registrar" in person.lower() else f"{person}, registrar"


def _entry(path: str) -> str:
    """The menu's entry that a page belongs to."""
    first = path.split("/")[1]
    return {"request": "/", "member": "/members"}.get(first, f"/{first}")
