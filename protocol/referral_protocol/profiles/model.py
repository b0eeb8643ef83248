"""The profile as typed values, for whoever reads it.

Law: a struct has exactly the fields of its table, with absent ones as None, "" or (). They are made
from bytes that were checked, and never carry more than those say.
"""

from msgspec import Struct

Codes = tuple[str, ...]


class Hours(Struct, frozen=True, rename={"starts": "from", "ends": "to"}):
    """Open on ``days`` from "HH:MM" to "HH:MM", in the organisation's zone."""

    days: Codes
    starts: str
    ends: str


class Closure(Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Closed from the first to the last day ("YYYY-MM-DD"); ``last`` "" is one day."""

    first: str
    last: str = ""
    name: str = ""


class Helpline(Struct, frozen=True):
    """A number for victims; ``when`` in words."""

    number: str
    when: str = ""


class MassEvents(Struct, frozen=True):
    """Whether it helps when many are harmed at once."""

    responds: bool
    duty_line: str = ""
    note: str = ""


class Staff(Struct, frozen=True):
    """None: not stated."""

    paid: int | None = None
    volunteers: int | None = None
    training_hours: int | None = None
    training: str = ""


class Assured(Struct, frozen=True):
    """As the member says it; the registrar's own word is the member's entry in the log."""

    on: str
    by: str


class Organisation(Struct, frozen=True):
    """The part ``organisation``."""

    name: str
    name_language: str
    country: str
    city: str
    zone: str
    languages: Codes = ()
    hours: tuple[Hours, ...] = ()
    name_latin: str = ""
    about: str = ""
    about_language: str = ""
    region: str = ""
    city_latin: str = ""
    website: str = ""
    telephone: str = ""
    email: str = ""
    holidays: tuple[Closure, ...] = ()
    emergency_line: Helpline | None = None
    mass_events: MassEvents | None = None
    staff: Staff | None = None
    financing: Codes = ()
    financing_note: str = ""
    assured: Assured | None = None
    publish: bool = False


class Contact(Struct, frozen=True):
    """One person of the part ``contacts``."""

    role: str
    name: str
    telephone: str
    languages: Codes = ()
    name_latin: str = ""
    email: str = ""


class Service(Struct, frozen=True):
    """One service. None, "" and () are "not stated"."""

    name: str
    language: str
    needs: Codes
    forms: Codes
    name_english: str = ""
    about: str = ""
    served: Codes = ()
    witnesses: str = ""
    age_from: int | None = None
    age_to: int | None = None
    children_up_to: int | None = None
    eligibility: str = ""
    lives_in: Codes = ()
    lives_in_regions: Codes = ()
    harmed_in: Codes = ()
    languages: Codes = ()
    interpreter_languages: Codes = ()
    interpreters: str = ""
    how_to_reach: str = ""
    accessibility: Codes = ()
    cost: str = ""
    cost_note: str = ""
    documents: str = ""
    capacity: str = ""
    capacity_note: str = ""
    capacity_on: str = ""
    wait_days: int | None = None
    answer_days: int | None = None
    publish: bool = False


class Profile(Struct, frozen=True):
    """All that a member says of itself. ``contacts`` is () when they were erased."""

    organisation: Organisation
    contacts: tuple[Contact, ...] = ()
    services: tuple[Service, ...] = ()

    def contact(self, role: str) -> Contact | None:
        """The first contact of that role ("point-of-contact", "deputy")."""
        return next((each for each in self.contacts if each.role == role), None)
