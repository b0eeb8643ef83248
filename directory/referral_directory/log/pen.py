"""What a checkpoint is signed with, and what witnesses have written under it (DIRECTORY 1, 3.1).

Law: a checkpoint bears the lines of every log key that must sign at its time, or it is not made.
Witnesses' lines stand under one text: they stay when it is signed anew, and go when the log grows.
"""

from collections.abc import Callable, Iterable, Sequence

from referral_directory.log.witnesses import Cosigned, cosignatures
from referral_protocol.directory.entries import Witness
from referral_protocol.directory.notes import (
    Note,
    TreeHead,
    make_checkpoint,
    parse_note,
    parse_tree_head,
    peek_time,
    signature_line,
)
from referral_protocol.directory.state import RootVersion, log_keys
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer

ReadKeys = Callable[[], Iterable[Signer]]


class Pen:
    """The log keys that this directory has; ``read`` gives them, and may give more later."""

    def __init__(self, read: ReadKeys) -> None:
        self._read = read
        self._keys = {key.public: key for key in read()}

    def holds(self, roots: Sequence[RootVersion], now: int) -> bool:
        """Whether every key that must sign now is here; one that is not is looked for again."""
        needed = set(log_keys(roots, now))
        if not self._keys.keys() >= needed:
            self._keys = {key.public: key for key in self._read()}
        return self._keys.keys() >= needed

    def sign(self, head: TreeHead, roots: Sequence[RootVersion], now: int) -> bytes:
        """The note; ``missing-signature`` if a root names a log key that is not here."""
        needed = log_keys(roots, now)
        if not self.holds(roots, now):
            raise ProtocolError("missing-signature", "root entry: its log key is not here")
        first, *others = (self._keys[key] for key in needed)
        return make_checkpoint(head, first, now, *others)


def with_lines_of(before: bytes, note: bytes, witnesses: Sequence[Witness]) -> bytes:
    """A new note with what these witnesses wrote under the one before, if it says the same."""
    held = parse_note(before)
    if held.text != parse_note(note).text:
        return note
    # Their times were checked when they came: a clock that was set back must not lose them.
    return _joined(note, cosignatures(held, witnesses, peek_time(before)))


def cosigned(served: bytes, sent: bytes, witnesses: Sequence[Witness], now: int) -> bytes:
    """The note that is served with the lines that a witness sent under the same text.

    ``older-checkpoint`` or ``bad-checkpoint`` if it is another text, ``wrong-key`` without a line
    of a witness, ``bad-signature`` or ``clock`` if a line is not right.
    """
    held, given = parse_note(served), parse_note(sent)
    if given.text != held.text:
        theirs, ours = parse_tree_head(given.text), parse_tree_head(held.text)
        older = theirs.origin == ours.origin and theirs.size < ours.size
        code = "older-checkpoint" if older else "bad-checkpoint"
        raise ProtocolError(code, "cosignature: not of the checkpoint that is served now")
    lines = cosignatures(given, witnesses, now)
    if not lines:
        raise ProtocolError("wrong-key", "cosignature: no line of a witness of this log")
    before = {each.witness.name: each for each in cosignatures(held, witnesses, peek_time(served))}
    newer = {
        each.witness.name: each
        for each in lines
        if each.witness.name not in before or each.at > before[each.witness.name].at
    }
    if not newer:
        return served
    alone = _without(held, witnesses)
    return _joined(alone, (before | newer).values())


def _joined(note: bytes, lines: Iterable[Cosigned]) -> bytes:
    ordered = sorted(lines, key=lambda each: each.witness.name)
    return note + "".join(each.line for each in ordered).encode("utf-8")


def _without(note: Note, witnesses: Sequence[Witness]) -> bytes:
    """The note with the lines of nobody but the log itself."""
    names = {each.name for each in witnesses}
    lines = [signature_line(*each) for each in note.signatures if each.name not in names]
    return f"{note.text}\n{''.join(lines)}".encode()
