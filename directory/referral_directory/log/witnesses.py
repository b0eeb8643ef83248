"""Cosignatures: what the witnesses of a root have said of a checkpoint (DIRECTORY 1, 4).

Law: a line counts only for a witness that the root names, by name and key, and only if it verifies;
a line of anybody else is ignored, and one of a witness that does not verify refuses the whole note.
"""

from collections.abc import Sequence
from typing import NamedTuple

from referral_protocol.directory.entries import Witness
from referral_protocol.directory.notes import (
    CLOCK_AHEAD,
    COSIGNATURE,
    Note,
    key_id,
    signature_line,
    verify_cosignature,
)
from referral_protocol.errors import ProtocolError


class Cosigned(NamedTuple):
    """A witness's verified word: that it saw this checkpoint extend what it had, and when."""

    witness: Witness
    at: int
    line: str


def cosignatures(note: Note, witnesses: Sequence[Witness], now: int) -> tuple[Cosigned, ...]:
    """What each witness said last of this note, in the root's order; ``clock`` if from ahead."""
    found = []
    for witness in witnesses:
        identifier = key_id(witness.name, COSIGNATURE, witness.key)
        lines = [s for s in note.signatures if (s.name, s.key_id) == (witness.name, identifier)]
        if not lines:
            continue
        at = verify_cosignature(note, witness.name, witness.key)
        if at > now + CLOCK_AHEAD:
            raise ProtocolError("clock", "cosignature: its time")
        last = max(lines, key=lambda line: line.signature[:8])
        found.append(Cosigned(witness, at, signature_line(*last)))
    return tuple(found)
