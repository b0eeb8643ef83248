"""Signed notes and checkpoints, byte for byte as C2SP writes them (signed-note, tlog-checkpoint,
tlog-cosignature).

Law: nothing of a note's text counts before a signature of a known key over it was verified; a line
of an unknown key is ignored, a line of a known key that does not verify refuses the whole note. A
checkpoint of this log carries two lines of the log key: the note signature (0x01), which any
monitor reads, and a timestamped one (0x04), without which a log that stands still could not be told
from one that is held back.
"""

import base64
import binascii
import hashlib
from typing import Final, NamedTuple

from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer, verify

MAX_NOTE: Final = 16 * 1024
MAX_SIGNATURES: Final = 128
ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
CLOCK_AHEAD: Final = 10 * 60 * 1000
_MARK: Final = "\N{EM DASH} "
_MAX_SIZE: Final = 2**53 - 1


class NoteSignature(NamedTuple):
    """One signature line. ``signature`` is what follows the key id: 64 bytes for Ed25519."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A parsed note. ``text`` ends with a line feed; nothing in it is verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]


class TreeHead(NamedTuple):
    """What a checkpoint's text says, without saying who signed it."""

    origin: str
    size: int
    root: bytes


class Checkpoint(NamedTuple):
    """A checkpoint whose two log signatures were verified. ``at``: the log's time, in ms."""

    origin: str
    size: int
    root: bytes
    at: int
    note: bytes


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes that, with the name, say which key made a line."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([kind]) + public).digest()[:4]


def check_name(name: str) -> None:
    """A key's name: not empty, no white space, no plus, no control character."""
    if not name or "+" in name or any(c.isspace() or ord(c) < 0x20 for c in name):
        raise ProtocolError("bad-checkpoint", "note: a key's name")


def parse_note(data: bytes) -> Note:
    """Split a note into text and signature lines; ``bad-checkpoint`` if it is not one."""
    if len(data) > MAX_NOTE:
        raise ProtocolError("too-large", f"note: at most {MAX_NOTE} bytes")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ProtocolError("not-text", "note: not UTF-8") from None
    if any(ord(c) < 0x20 and c != "\n" for c in whole):
        raise ProtocolError("not-text", "note: a control character")
    middle = whole.rfind("\n\n")
    if middle < 0 or not whole.endswith("\n"):
        raise ProtocolError("bad-checkpoint", "note: no empty line before the signatures")
    lines = whole[middle + 2 : -1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise ProtocolError("too-large", f"note: at most {MAX_SIGNATURES} signatures")
    return Note(whole[: middle + 1], tuple(_parse_line(line) for line in lines))


def _parse_line(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_MARK).partition(" ")
    if not line.startswith(_MARK) or not space:
        raise ProtocolError("bad-checkpoint", "note: a signature line")
    check_name(name)
    value = _unbase64(encoded)
    if len(value) < 5:
        raise ProtocolError("bad-checkpoint", "note: a signature without bytes")
    return NoteSignature(name, value[:4], value[4:])


def _unbase64(text: str) -> bytes:
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise ProtocolError("bad-checkpoint", "note: not base64") from None
    if base64.b64encode(value).decode("ascii") != text:
        raise ProtocolError("bad-checkpoint", "note: not the one base64 of its bytes")
    return value


def signature_line(name: str, identifier: bytes, signature: bytes) -> str:
    """A line for the end of a note, with its line feed."""
    return f"{_MARK}{name} {base64.b64encode(identifier + signature).decode('ascii')}\n"


def sign_note(text: str, name: str, signer: Signer) -> str:
    """The line of an Ed25519 note signature over the text."""
    check_name(name)
    identifier = key_id(name, ED25519, signer.public)
    return signature_line(name, identifier, signer.sign(b"", text.encode("utf-8")))


def verify_note(note: Note, name: str, public: bytes) -> None:
    """Check the Ed25519 line of this key; ``missing-signature`` if there is none."""
    identifier = key_id(name, ED25519, public)
    for line in _lines(note, name, identifier):
        verify(public, b"", note.text.encode("utf-8"), line.signature, "note")


def cosign(text: str, name: str, signer: Signer, at: int) -> str:
    """The line of a timestamped cosignature; ``at`` in milliseconds, kept to the second."""
    check_name(name)
    seconds = at // 1000
    identifier = key_id(name, COSIGNATURE, signer.public)
    signature = signer.sign(b"", _cosigned(text, seconds))
    return signature_line(name, identifier, seconds.to_bytes(8, "big") + signature)


def verify_cosignature(note: Note, name: str, public: bytes) -> int:
    """Check this key's timestamped lines and give the latest time, in milliseconds."""
    identifier = key_id(name, COSIGNATURE, public)
    latest = 0
    for line in _lines(note, name, identifier):
        seconds = int.from_bytes(line.signature[:8], "big")
        if len(line.signature) != 72 or seconds > _MAX_SIZE // 1000:
            raise ProtocolError("bad-checkpoint", "note: a cosignature's length or time")
        verify(public, b"", _cosigned(note.text, seconds), line.signature[8:], "cosignature")
        latest = max(latest, seconds * 1000)
    return latest


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _lines(note: Note, name: str, identifier: bytes) -> list[NoteSignature]:
    lines = [s for s in note.signatures if s.name == name and s.key_id == identifier]
    if not lines:
        raise ProtocolError("missing-signature", "note: no line of this key")
    return lines


def tree_head_text(head: TreeHead) -> str:
    """The text of a checkpoint: origin, size, root, each on its line."""
    root = base64.b64encode(head.root).decode("ascii")
    return f"{head.origin}\n{head.size}\n{root}\n"


def parse_tree_head(text: str) -> TreeHead:
    """Read a checkpoint's text; extension lines are refused, for nobody could audit them."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise ProtocolError("bad-checkpoint", "checkpoint: three lines, no extension")
    origin, decimal, encoded = lines[:3]
    check_name(origin)
    if not decimal.isascii() or not decimal.isdigit() or len(decimal) > 16:
        raise ProtocolError("bad-checkpoint", "checkpoint: the size")
    size = int(decimal)
    if str(size) != decimal or size > _MAX_SIZE:
        raise ProtocolError("bad-checkpoint", "checkpoint: the size")
    root = _unbase64(encoded)
    if len(root) != 32:
        raise ProtocolError("bad-checkpoint", "checkpoint: a root has 32 bytes")
    return TreeHead(origin, size, root)


def make_checkpoint(head: TreeHead, log: Signer, now: int, *others: Signer) -> bytes:
    """Sign a tree head with each log key: one line for monitors, one with the time."""
    text = tree_head_text(head)
    lines = [
        sign_note(text, head.origin, key) + cosign(text, head.origin, key, now)
        for key in (log, *others)
    ]
    return f"{text}\n{''.join(lines)}".encode()


def peek_checkpoint(data: bytes) -> TreeHead:
    """What a note claims, **unverified**: only for deciding what to fetch before verifying."""
    return parse_tree_head(parse_note(data).text)


def peek_time(data: bytes) -> int:
    """The latest time that any cosignature of a note claims, **unverified**; 0 without one."""
    lines = [s.signature for s in parse_note(data).signatures if len(s.signature) == 72]
    seconds = [int.from_bytes(line[:8], "big") for line in lines]
    return max((each * 1000 for each in seconds if each <= _MAX_SIZE // 1000), default=0)


def verify_checkpoint(data: bytes, origin: str, log_key: bytes, now: int) -> Checkpoint:
    """Check a checkpoint of this log, both its lines, and that it is not from the future."""
    note = parse_note(data)
    head = parse_tree_head(note.text)
    if head.origin != origin:
        raise ProtocolError("bad-checkpoint", "checkpoint: of another log")
    verify_note(note, origin, log_key)
    at = verify_cosignature(note, origin, log_key)
    if at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", "checkpoint: its time")
    return Checkpoint(head.origin, head.size, head.root, at, data)
