"""Files that ask the root keys to sign: they travel by USB stick to a machine without a network.

Law: such a file is believed in nothing. What it asks for is read from the very content that will be
signed; the roots so far come along with their signatures and are verified from entry 0 on, whose
hash is the anchor that everybody has on paper.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from referral_directory.folder import write_private
from referral_directory.trouble import Trouble
from referral_protocol.directory.entries import (
    ACTIVE,
    LOST,
    Entry,
    EntrySignature,
    Root,
    Status,
    Update,
    entry_hash,
    merge_signatures,
    parse_entry,
    parse_leaf,
)
from referral_protocol.directory.rules import (
    Group,
    check_signatures,
    first_root,
    next_root,
    one_of,
)
from referral_protocol.directory.state import Directory, RootVersion
from referral_protocol.errors import ProtocolError

T = TypeVar("T")

MAX_FILE: Final = 8 * 1024 * 1024
MAX_CALLED: Final = 200

Hex = Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{2})+\Z", max_length=64 * 1024)]
Signature = tuple[Hex, Hex]


class _Draft(msgspec.Struct, forbid_unknown_fields=True):
    """What a new directory's machine gives to the machine on which the root keys are made."""

    format: Literal["referral-exchange draft of a first root"]
    origin: str
    log_key: Hex
    registrars: list[Hex]
    registrar_threshold: int


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    """``roots``: (entry, leaf) of every root so far; ``called``: how the directory calls whom the
    content is about, which nobody has signed."""

    format: Literal["referral-exchange request to root keys"]
    roots: list[tuple[int, Hex]]
    content: Hex
    signatures: list[Signature]
    called: Annotated[str, Meta(max_length=MAX_CALLED)] = ""


_DRAFT: Final = "referral-exchange draft of a first root"
_REQUEST: Final = "referral-exchange request to root keys"


class Draft(NamedTuple):
    """A first root that has no root keys yet."""

    origin: str
    log_key: bytes
    registrars: tuple[bytes, ...]
    registrar_threshold: int


class Asked(NamedTuple):
    """A request that was checked: what it asks, who must sign, who has."""

    roots: tuple[tuple[int, bytes], ...]
    before: RootVersion | None
    genesis: bytes
    entry: Entry
    content: bytes
    signatures: tuple[EntrySignature, ...]
    groups: tuple[Group, ...]
    called: str

    def may_sign(self, key: bytes) -> bool:
        """Whether this key has a say here."""
        return any(key in group.keys for group in self.groups)

    def has_signed(self, key: bytes) -> bool:
        """Whether it has signed already."""
        return key in [each.key for each in self.signatures]

    def missing(self) -> list[str]:
        """What is still needed, a line for each threshold that is not reached."""
        signers = [each.key for each in self.signatures]
        # Two versions with the same keys ask them once, for the higher of their thresholds.
        highest: dict[frozenset[bytes], Group] = {}
        for group in self.groups:
            known = highest.get(frozenset(group.keys))
            if known is None or known.least <= group.least:
                highest[frozenset(group.keys)] = group
        return [
            f"{group.least - group.signed_by(signers)} more of the {len(group.keys)} {group.who}"
            for group in highest.values()
            if group.signed_by(signers) < group.least
        ]


def write_draft(path: Path, draft: Draft) -> None:
    """Write what the machine of the root keys needs."""
    _write(
        path,
        _Draft(
            _DRAFT,
            draft.origin,
            draft.log_key.hex(),
            [key.hex() for key in draft.registrars],
            draft.registrar_threshold,
        ),
    )


def read_draft(path: Path) -> Draft:
    """Read it; Trouble if it is something else."""
    found = _read(path, _Draft, "the draft of a first root; `referral directory root prepare`")
    registrars = tuple(bytes.fromhex(key) for key in found.registrars)
    return Draft(found.origin, bytes.fromhex(found.log_key), registrars, found.registrar_threshold)


def write_request(
    path: Path,
    roots: Sequence[tuple[int, bytes]],
    content: bytes,
    signatures: Sequence[EntrySignature] = (),
    called: str = "",
) -> None:
    """Write a request, in place of the file that is there."""
    signed = [(each.key.hex(), each.signature.hex()) for each in merge_signatures(signatures)]
    places = [(index, leaf.hex()) for index, leaf in roots]
    _write(path, _Request(_REQUEST, places, content.hex(), signed, called[:MAX_CALLED]))


def read_request(path: Path) -> Asked:
    """Read and check a request; Trouble in one line if it cannot be signed or published."""
    found = _read(path, _Request, "a request to root keys; `referral directory root rotate`")
    roots = tuple((index, bytes.fromhex(leaf)) for index, leaf in found.roots)
    content = bytes.fromhex(found.content)
    signatures = tuple(
        EntrySignature(bytes.fromhex(key), bytes.fromhex(value)) for key, value in found.signatures
    )
    try:
        entry = parse_entry(content)
        known = _fold(roots)
        before = None if known is None else known.roots[-1]
        groups = _groups(entry, known, content)
        check_signatures(content, signatures)
        if not all(any(s.key in group.keys for group in groups) for s in signatures):
            raise ProtocolError("wrong-key", "signed by a key that has no say here")
        genesis = entry_hash(content) if known is None else known.genesis
    except (ProtocolError, ValueError) as error:
        code = error.code if isinstance(error, ProtocolError) else "bad-value"
        raise Trouble(
            f"{path}: damaged, or altered by somebody ({code}): sign nothing; make it anew"
        ) from None
    return Asked(roots, before, genesis, entry, content, signatures, groups, found.called)


def _fold(roots: Sequence[tuple[int, bytes]]) -> Directory | None:
    """The roots alone, each verified with the one before; None for a first root."""
    if not roots:
        return None
    directory = Directory(entry_hash(parse_leaf(roots[0][1]).content))
    for index, leaf in roots:
        if index < directory.size:
            raise ProtocolError("wrong-value", "roots: not in their order")
        directory.size = index  # the entries between are about members and not needed
        directory.apply(leaf, index)
    return directory


def _groups(entry: Entry, known: Directory | None, content: bytes) -> tuple[Group, ...]:
    """Who must sign, by the rules of the log."""
    body = entry.body
    if known is None:
        if not isinstance(body, Root) or entry.number != 1:
            raise ProtocolError("wrong-value", "request: not a first root")
        return first_root(body).groups
    if entry.genesis != known.genesis:
        raise ProtocolError("wrong-genesis", "request: of another directory")
    newest = known.roots[-1]
    if isinstance(body, Root):
        if (entry.number, entry.previous) != (newest.version + 1, newest.hash):
            raise ProtocolError("broken-chain", "request: does not follow the roots that it shows")
        return next_root(newest.root, body).groups
    if not _decision(body):
        raise ProtocolError("wrong-value", "request: nothing that root keys decide")
    acting = known.root_at(max(entry.at, known.logged)).root
    return (one_of(acting.root_keys, acting.root_threshold, "root keys"),)


def _decision(body: Any) -> bool:
    if isinstance(body, Update):
        return body.reason == LOST
    return isinstance(body, Status) and body.status == ACTIVE


def _write(path: Path, value: _Draft | _Request) -> None:
    write_private(path, msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")


def _read(path: Path, kind: type[T], what: str) -> T:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Trouble(f"{path}: cannot be read ({error.strerror})") from None
    try:
        if len(data) > MAX_FILE:
            raise msgspec.DecodeError
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Trouble(f"{path}: not {what} makes one") from None
