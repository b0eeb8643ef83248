"""Entries of the log: who the members are and which keys speak for them (DIRECTORY 2).

An entry's *content* is what its authors sign; a *leaf* is what the log holds: the time at which it
was logged, the content, and every signature over it.

Law: the content names the log (genesis hash), the member, a number that grows by one, and the hash
of the member's previous entry; so it can be played again neither in another log nor in another
place of this one. What a content alone can show is checked here; what needs the rest of the log is
in :mod:`rules`.
"""

import base64
import binascii
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from referral_protocol import labels
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SUITE, Signer, check_suite, digest
from referral_protocol.wire import (
    Code,
    Count,
    Hash,
    Id,
    Key,
    Signature,
    Time,
    Wire,
    decode,
    encode,
    typed,
)

MAX_CONTENT: Final = 16 * 1024
MAX_LEAF: Final = 24 * 1024
MAX_SIGNATURES: Final = 40
MAX_PINS: Final = 4
MAX_SUITES: Final = 8
MAX_RECORDS: Final = 8
MAX_REGISTRARS: Final = 16
MAX_ROOT_KEYS: Final = 16
MAX_WITNESSES: Final = 64
WITNESSES_FOR_QUORUM: Final = 4

ROOT: Final = "root"
MEMBER: Final = "member"
UPDATE: Final = "update"
STATUS: Final = "status"
RECOVERY: Final = "recovery"

ROUTINE: Final = "routine"
COMPROMISED: Final = "compromised"
LOST: Final = "lost"

ACTIVE: Final = "active"
SUSPENDED: Final = "suspended"
REMOVED: Final = "removed"

VETO: Final = "veto"
"""Reason of a status by which the vault key that is said to be lost ends a recovery."""
RECOVERY_ENDED: Final = "recovery-ended"
"""Reason of a status by which registrars end a recovery that they announced."""

Number = Annotated[int, Meta(ge=1, le=2**53 - 1)]
SuiteNumber = Annotated[int, Meta(ge=1, le=65535)]
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"\A[a-z0-9][a-z0-9./:_-]*\Z")]
"""A log's origin or a witness's name: a URL without scheme, as C2SP recommends."""
Url = Annotated[str, Meta(min_length=1, max_length=255)]


class Witness(Wire, frozen=True):
    """A cosigner: its name and key, the member that runs it, where it answers."""

    name: Name
    key: Key
    member: Id | None
    url: Url | None


class Root(Wire, frozen=True):
    """Body of ``root``: who may write the log. The entry's number is the root's version."""

    origin: Name
    log_key: Key
    registrars: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=MAX_REGISTRARS)]
    registrar_threshold: Number
    root_keys: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=MAX_ROOT_KEYS)]
    root_threshold: Number
    witnesses: Annotated[tuple[Witness, ...], Meta(max_length=MAX_WITNESSES)]
    quorum: Count


class RecordHash(Wire, frozen=True):
    """The name of a profile record and the hash of it with its salt."""

    name: Code
    hash: Hash


class Card(Wire, frozen=True):
    """Body of ``member``: a member's keys and where its node answers.

    ``pins``: SHA-256 of the TLS public keys (SubjectPublicKeyInfo) that alone count, or none;
    ``records``: the salted hashes of its profile records, by name.
    """

    suites: Annotated[tuple[SuiteNumber, ...], Meta(min_length=1, max_length=MAX_SUITES)]
    vault_key: Key
    node_key: Key
    endpoint: Url
    pins: Annotated[tuple[Hash, ...], Meta(max_length=MAX_PINS)]
    records: Annotated[tuple[RecordHash, ...], Meta(max_length=MAX_RECORDS)]


class Update(Wire, frozen=True):
    """Body of ``update``: the whole new card, and ``routine``, ``compromised`` or ``lost``."""

    card: Card
    reason: Code


class Recovery(Wire, frozen=True):
    """Body of ``recovery``: the card that a member will have, whose vault key is lost."""

    card: Card


class Status(Wire, frozen=True):
    """Body of ``status``. ``until`` only with ``suspended``; ``reason`` is a code, never a text."""

    status: Code
    until: Time | None
    reason: Code


Body = Root | Card | Update | Status | Recovery
BODIES: Final[dict[str, type[Body]]] = {
    ROOT: Root,
    MEMBER: Card,
    UPDATE: Update,
    STATUS: Status,
    RECOVERY: Recovery,
}


class _Head(Wire, frozen=True):
    suite: Count
    kind: Code
    genesis: Hash | None
    member: Id | None
    number: Number
    previous: Hash | None
    at: Time
    body: Any


class Entry(msgspec.Struct, frozen=True):
    """A content's fields in their order; ``genesis`` is nil only in entry 0, ``member`` in root."""

    suite: int
    kind: str
    genesis: bytes | None
    member: bytes | None
    number: int
    previous: bytes | None
    at: int
    body: Body

    def encode(self) -> bytes:
        """The content: what is hashed and signed."""
        return encode(msgspec.structs.astuple(self))


class EntrySignature(Wire, frozen=True):
    """One signature over label and content, and whose it is."""

    key: Key
    signature: Signature


Signatures = Annotated[tuple[EntrySignature, ...], Meta(min_length=1, max_length=MAX_SIGNATURES)]
Content = Annotated[bytes, Meta(min_length=1, max_length=MAX_CONTENT)]


class Leaf(Wire, frozen=True):
    """What the log holds: when it was logged, the content, its signatures by ascending key."""

    logged: Time
    content: Content
    signatures: Signatures

    def pack(self) -> bytes:
        """The bytes that are hashed into the tree."""
        return encode(self)


def entry_hash(content: bytes) -> bytes:
    """The name of an entry, 32 bytes; that of entry 0 is the genesis hash."""
    return digest(labels.ENTRY, content)


def parse_leaf(data: bytes) -> Leaf:
    """Parse a leaf; neither its content nor its signatures are checked yet."""
    return decode(data, Leaf, MAX_LEAF, "leaf")


def parse_entry(content: bytes) -> Entry:
    """Parse a content and check what it alone can show, in the order of DIRECTORY 2."""
    head = decode(content, _Head, MAX_CONTENT, "entry")
    check_suite(head.suite, "entry")
    kind = BODIES.get(head.kind)
    if kind is None:
        raise ProtocolError("wrong-value", "entry: an unknown kind")
    body = typed(head.body, kind, f"{head.kind} entry")
    entry = Entry(
        head.suite,
        head.kind,
        head.genesis,
        head.member,
        head.number,
        head.previous,
        head.at,
        body,
    )
    check_entry(entry)
    return entry


def check_entry(entry: Entry) -> None:
    """The rules that an entry's own fields decide; ``wrong-value`` names the field."""
    if (entry.member is None) != (entry.kind == ROOT):
        raise ProtocolError("wrong-value", "entry: member")
    if (entry.number == 1) != (entry.previous is None):
        raise ProtocolError("wrong-value", "entry: previous")
    if (entry.genesis is None) != (entry.kind == ROOT and entry.number == 1):
        raise ProtocolError("wrong-value", "entry: genesis")
    if entry.kind != ROOT and (entry.number == 1) != (entry.kind == MEMBER):
        raise ProtocolError("wrong-value", "entry: number")
    match entry.body:
        case Root():
            _check_root(entry.body)
        case Card():
            _check_card(entry.body)
        case Update():
            _check_card(entry.body.card)
            if entry.body.reason not in (ROUTINE, COMPROMISED, LOST):
                raise ProtocolError("wrong-value", "update entry: reason")
        case Recovery():
            _check_card(entry.body.card)
        case Status():
            _check_status(entry.body)


def _check_root(root: Root) -> None:
    _check_sorted(root.registrars, "root entry: registrars")
    _check_sorted(root.root_keys, "root entry: root_keys")
    if root.registrar_threshold > len(root.registrars):
        raise ProtocolError("wrong-value", "root entry: registrar_threshold")
    if root.root_threshold > len(root.root_keys):
        raise ProtocolError("wrong-value", "root entry: root_threshold")
    names = [witness.name for witness in root.witnesses]
    _check_sorted(names, "root entry: witnesses")
    if root.origin in names:
        raise ProtocolError("wrong-value", "root entry: a witness of the log's own name")
    count = len(names)
    lowest = count // 2 + 1 if count >= WITNESSES_FOR_QUORUM else 0
    if not lowest <= root.quorum <= (count if lowest else 0):
        raise ProtocolError("wrong-value", "root entry: quorum")
    if len(set(root_keys(root))) != len(root_keys(root)):
        raise ProtocolError("key-in-use", "root entry: one key in two roles")


def root_keys(root: Root) -> tuple[bytes, ...]:
    """Every key that a root names."""
    witnesses = tuple(witness.key for witness in root.witnesses)
    return (root.log_key, *root.registrars, *root.root_keys, *witnesses)


def _check_card(card: Card) -> None:
    _check_sorted(card.suites, "card: suites")
    _check_sorted(card.pins, "card: pins")
    _check_sorted([record.name for record in card.records], "card: records")
    if card.vault_key == card.node_key:
        raise ProtocolError("key-in-use", "card: one key in two roles")


def _check_status(status: Status) -> None:
    if status.status not in (ACTIVE, SUSPENDED, REMOVED):
        raise ProtocolError("wrong-value", "status entry: status")
    if status.until is not None and status.status != SUSPENDED:
        raise ProtocolError("wrong-value", "status entry: until")


def _check_sorted(values: Sequence[Any], what: str) -> None:
    if any(a >= b for a, b in pairwise(values)):
        raise ProtocolError("wrong-value", f"{what}: not in ascending order, or one twice")


def sign_entry(content: bytes, *signers: Signer) -> tuple[EntrySignature, ...]:
    """Sign a content with each key; the signatures in their order on the wire."""
    made = [EntrySignature(s.public, s.sign(labels.ENTRY, content)) for s in signers]
    return merge_signatures(made)


def merge_signatures(
    *groups: Sequence[EntrySignature],
) -> tuple[EntrySignature, ...]:
    """Signatures of several authors as one list, ascending by key."""
    return tuple(sorted((s for group in groups for s in group), key=lambda s: s.key))


def make_root_entry(
    root: Root,
    at: int,
    genesis: bytes | None = None,
    previous: bytes | None = None,
    version: int = 1,
) -> bytes:
    """Content of a ``root``: the first one, or version N+1 with genesis and previous hash."""
    return _checked(Entry(SUITE, ROOT, genesis, None, version, previous, at, root))


def make_member_entry(genesis: bytes, member: bytes, card: Card, at: int) -> bytes:
    """Content of a ``member``, for the vault key, the node key and a registrar to sign."""
    return _checked(Entry(SUITE, MEMBER, genesis, member, 1, None, at, card))


def make_update_entry(
    genesis: bytes, member: bytes, number: int, previous: bytes, card: Card, reason: str, at: int
) -> bytes:
    """Content of an ``update`` that follows the member's entry ``number - 1``."""
    body = Update(card, reason)
    return _checked(Entry(SUITE, UPDATE, genesis, member, number, previous, at, body))


def make_recovery_entry(
    genesis: bytes, member: bytes, number: int, previous: bytes, card: Card, at: int
) -> bytes:
    """Content of a ``recovery`` that follows the member's entry ``number - 1``."""
    body = Recovery(card)
    return _checked(Entry(SUITE, RECOVERY, genesis, member, number, previous, at, body))


def make_status_entry(
    genesis: bytes, member: bytes, number: int, previous: bytes, status: Status, at: int
) -> bytes:
    """Content of a ``status`` that follows the member's entry ``number - 1``."""
    return _checked(Entry(SUITE, STATUS, genesis, member, number, previous, at, status))


def _checked(entry: Entry) -> bytes:
    content = entry.encode()
    parse_entry(content)  # what we make passes what others check, types and limits included
    return content


def anchor_text(genesis: bytes) -> str:
    """The genesis hash as it is given on paper: base32 in thirteen groups of four."""
    text = base64.b32encode(genesis).decode("ascii").rstrip("=")
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def parse_anchor(text: str) -> bytes:
    """The genesis hash from paper; spaces, hyphens and case do not count. ``wrong-genesis``."""
    # 0, 1 and 8 are not in the alphabet: they can only be O, I and B misread from paper.
    folded = "".join(text.split()).replace("-", "").upper()
    folded = folded.replace("0", "O").replace("1", "I").replace("8", "B")
    try:
        genesis = base64.b32decode(folded + "====")
    except (binascii.Error, ValueError):
        raise ProtocolError("wrong-genesis", "anchor: only letters and the digits 2 to 7") from None
    if len(genesis) != 32 or base64.b32encode(genesis).decode("ascii").rstrip("=") != folded:
        raise ProtocolError("wrong-genesis", "anchor: thirteen groups of four characters")
    return genesis
