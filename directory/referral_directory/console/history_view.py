"""Entries of the log and acts of registrars as lines of a page. Pure but for what it is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from markupsafe import Markup

from referral_directory.console import words
from referral_directory.console.visit import Visit
from referral_directory.log.history import Told
from referral_directory.log.journal import TERMINAL, Act
from referral_directory.log.roster import Roster
from referral_directory.log.wording import act_words
from referral_directory.registrars import Known
from referral_ui.parts import Text
from referral_ui.times import Times


@dataclass(frozen=True)
class Row:
    """One line: a sentence, when, who."""

    number: int
    text: Text
    when: Text
    who: Text


@dataclass(frozen=True)
class Teller:
    """Writes lines for one reader. ``people``: registrars by their keys."""

    roster: Roster
    people: Mapping[bytes, Known]
    times: Times

    @classmethod
    def of(cls, visit: Visit) -> Self:
        return cls(visit.site.roster, visit.site.people(), visit.times)

    def row(self, told: Told) -> Row:
        """An entry of the log."""
        text: Text = told.text
        if told.member is not None:
            text = Markup("{} {}").format(self._name(told.member), told.text)
        if told.until is not None:
            text = Markup("{}, until {}").format(text, self.times.record(told.until))
        return Row(told.index, text, self.times.record(told.logged), self._signers(told))

    def act(self, act: Act, asked: str = "") -> Row:
        """What a registrar did; ``asked``: what somebody calls itself who is no member (yet)."""
        before, after = act_words(act)
        before = before[:1].upper() + before[1:]
        name: Text = asked
        if act.member is not None and not asked:
            name = self._name(act.member)
        text = Markup("{} {}{}").format(before, name, after) if name else f"{before}{after}"
        return Row(act.number, text, self.times.record(act.at), self.registrar(act.registrar))

    def registrar(self, name: str) -> str:
        """A registrar by the name to sign in with."""
        if name == TERMINAL:
            return "Somebody at the machine’s terminal"
        shown = {each.name: each.display for each in self.people.values()}
        return shown.get(name, name)

    def signer(self, key: bytes) -> str:
        """A registrar by the key."""
        known = self.people.get(key)
        return known.display if known is not None else f"a registrar (key {key.hex()[:8]})"

    def _name(self, member: bytes) -> Text:
        line = self.roster.line(member)
        return Markup('<a class="govuk-link" href="/member/{}">{}</a>').format(
            member.hex(), words.name_of(line, member)
        )

    def _signers(self, told: Told) -> Text:
        if told.member is None:
            count = len(told.signers)
            return f"{count} root keys" if count != 1 else "1 root key"
        named = [self.people[key].display for key in told.signers if key in self.people]
        if named:
            return ", ".join(named)
        return "the member itself" if told.own else "a registrar of an earlier root"
