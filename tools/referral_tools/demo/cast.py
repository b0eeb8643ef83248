"""Who takes part: three made-up organisations, each with the person who signs in there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from referral_protocol.examples import LISBON, LVIV, UTRECHT

DIRECTORY: Final = "directory"
ORIGIN: Final = "directory.demo.example"
"""Name of the directory's log."""

REGISTRAR: Final = "ewa"
REGISTRAR_NAME: Final = "Ewa Lindqvist"
CONSOLE_HOST: Final = "directory.localhost"


@dataclass(frozen=True)
class Player:
    """One organisation. ``code`` is its short name here: folder, log, host name; ``user`` is what
    its point of contact types to sign in."""

    code: str
    user: str
    profile: Mapping[str, Any]

    @property
    def host(self) -> str:
        """A host name of its own, since cookies do not tell ports apart."""
        return f"{self.code}.localhost"

    @property
    def name(self) -> str:
        return str(self.profile["organisation"]["name"])

    @property
    def readable(self) -> str:
        """The name in Latin letters."""
        return str(self.profile["organisation"].get("name_latin") or self.name)

    @property
    def city(self) -> str:
        organisation = self.profile["organisation"]
        return str(organisation.get("city_latin") or organisation["city"])

    @property
    def country(self) -> str:
        return str(self.profile["organisation"]["country"])

    @property
    def zone(self) -> str:
        return str(self.profile["organisation"]["zone"])

    @property
    def person(self) -> str:
        """The point of contact's name."""
        return str(self.profile["contacts"][0]["name"])


PLAYERS: Final = (
    Player("lisboa", "ines", LISBON),
    Player("utrecht", "jasmijn", UTRECHT),
    Player("lviv", "mariia", LVIV),
)
