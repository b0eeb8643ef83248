"""What the pages around a draft have at hand: the draft, the person in it, the organisation chosen.

Law: the person is called by the name to use, else by the name as written. Nothing here writes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from referral_node.exchange import Draft, author
from referral_node.web.fit_words import Wish
from referral_node.web.members import Organisation
from referral_node.web.pages.draft_content import Desk, Recipient, Written, understand
from referral_node.web.visit import Visit
from referral_protocol import codes, forms
from referral_protocol.fit import Wanted, wanted
from referral_ui import names
from referral_ui.parts import Text
from referral_ui.problems import Problem

GONE = "This draft was sent or deleted. What was sent stands on Today."


@dataclass(frozen=True)
class Person:
    """Whom a draft is about. ``call``: the name to use; ``full``: in letters that all can read."""

    call: Text = "the person"
    full: Text = ""
    plain: str = ""
    known: bool = False


@dataclass(frozen=True)
class AtHand:
    """One draft, understood."""

    draft: Draft
    desk: Desk
    written: Written
    person: Person
    recipient: Organisation | None
    regions: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> str:
        """Which files go with it, in their order: compared, never read back."""
        rows = self.written.content.get("files", ())
        return hashlib.sha256(b"".join(row["hash"] for row in rows)).hexdigest()[:32]

    @property
    def wanted(self) -> Wanted:
        """What the fit check compares."""
        return wanted(self.written.content, self.desk.now)

    @property
    def wish(self) -> Wish:
        """What the words of the fit check need."""
        return wish(self.written.content, self.desk.now, self.regions)


def person_of(content: Mapping[str, Any]) -> Person:
    """The person of a content, "the person" while no name was typed."""
    found = forms.summary(content)
    if not found.name:
        return Person()
    lang = found.name_language or None
    full = found.name_latin or found.name
    # The summary falls back on the name as it is written, which not everybody can read.
    called = str(content.get("who", {}).get("name_to_use", "")) or full
    return Person(names.name(called, lang), names.name(full, lang), called, True)


def wish(content: Mapping[str, Any], now: int, regions: Mapping[str, str]) -> Wish:
    """The person's age, and where they live: the town if it is named, else the country."""
    found = forms.summary(content)
    lives = content.get("who", {}).get("lives_in", {})
    place = lives.get("place") if isinstance(lives, Mapping) else None
    country = codes.COUNTRIES.label(found.lives_in) if found.lives_in else ""
    return Wish(forms.age(found.date_of_birth, now), str(place or country), regions)


async def draft_of(visit: Visit, given: str) -> Draft:
    """The draft with this id in hex; a page that says so when it is gone or never was."""
    if len(given) == 32 and not set(given) - set("0123456789abcdef"):
        found = await visit.exchange.drafts.load(visit.vault, bytes.fromhex(given))
        if found is not None:
            return found
    raise Problem(404, "draft-gone", GONE, title="There is no such draft")


def at_hand(visit: Visit, draft: Draft, respond_by: int | None = None) -> AtHand:
    """Everything that the pages of a draft need of it."""
    recipient = None if draft.recipient is None else visit.site.organisation(draft.recipient)
    desk = Desk(
        visit.here,
        visit.now,
        author(visit.actor),
        None if recipient is None else Recipient(recipient.id, recipient.plain, recipient.place),
    )
    written = understand(draft, desk, respond_by)
    towns = visit.site.catalogue().towns
    return AtHand(draft, desk, written, person_of(written.content), recipient, towns)
