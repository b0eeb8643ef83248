"""Since when a member's key stands, who witnessed it, who is awaited (DIRECTORY 7.4).

A witness covers an entry when it cosigned a checkpoint of more entries than came before it. Law:
only the witnesses of the root that acts now count; a quorum is asked only where the root asks one;
and nothing that protects somebody waits for it: suspensions and node certificates never do.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from referral_protocol.directory.entries import Root
from referral_protocol.directory.notes import CLOCK_AHEAD, parse_note, verify_cosignature
from referral_protocol.directory.rules import Member
from referral_protocol.directory.state import Directory
from referral_protocol.errors import ProtocolError


class Cosigned(NamedTuple):
    """A witness (by its key) cosigned a checkpoint of ``size`` entries ``at`` its time."""

    witness: bytes
    size: int
    at: int


class WitnessedBy(NamedTuple):
    """A witness that covers an entry: its name, the member that runs it, its earliest time."""

    name: str
    member: bytes | None
    at: int


class Awaited(NamedTuple):
    """A witness that does not cover an entry yet."""

    name: str
    member: bytes | None


class KeyStanding(NamedTuple):
    """A vault key came into the log as number ``entry`` at ``since``. ``quorum`` 0: none asked."""

    since: int
    entry: int
    witnessed: tuple[WitnessedBy, ...]
    awaited: tuple[Awaited, ...]
    quorum: int

    @property
    def enough(self) -> bool:
        """Whether as many witnesses cover it as the root asks for."""
        return len(self.witnessed) >= self.quorum


def cosignatures(note: bytes, size: int, root: Root, now: int) -> list[Cosigned]:
    """What the root's witnesses say of a checkpoint. One that is ahead of time does not count;
    a line of a witness that does not verify refuses the note: ``bad-signature``."""
    parsed = parse_note(note)
    found: list[Cosigned] = []
    for witness in root.witnesses:
        try:
            at = verify_cosignature(parsed, witness.name, witness.key)
        except ProtocolError as refusal:
            if refusal.code != "missing-signature":
                raise
            continue
        if at <= now + CLOCK_AHEAD:
            found.append(Cosigned(witness.key, size, at))
    return found


def standing(member: Member, root: Root, cosigned: Iterable[Cosigned]) -> KeyStanding:
    """How the present vault key of a member stands, by all cosignatures that are known."""
    first: dict[bytes, int] = {}
    for each in cosigned:
        if each.size > member.vault_index:
            first[each.witness] = min(each.at, first.get(each.witness, each.at))
    by, awaited = _split(root, first)
    return KeyStanding(member.vault_since, member.vault_index, by, awaited, root.quorum)


def _split(
    root: Root, first: dict[bytes, int]
) -> tuple[tuple[WitnessedBy, ...], tuple[Awaited, ...]]:
    by: Sequence[WitnessedBy] = [
        WitnessedBy(w.name, w.member, first[w.key]) for w in root.witnesses if w.key in first
    ]
    awaited = [Awaited(w.name, w.member) for w in root.witnesses if w.key not in first]
    return tuple(sorted(by, key=lambda each: each.at)), tuple(awaited)


def asked_since(directory: Directory, now: int) -> int:
    """Since when a quorum of witnesses has been asked for without a break; ``now`` if none is."""
    since = now
    for version in reversed(directory.roots):
        if version.acts_from > now:
            continue
        if version.root.quorum == 0:
            break
        since = version.acts_from
    return since
