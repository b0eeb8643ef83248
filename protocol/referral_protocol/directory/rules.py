"""What each kind of entry demands of the log before it, and what it changes (DIRECTORY 3).

Law: a rule reads the log's state and never alters it. It gives the new state of the one member or
root that the entry is about, the keys that the entry brings in, and who must have signed: nothing
of it holds until :class:`~referral_protocol.directory.state.Directory` has checked the signatures.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from referral_protocol import labels
from referral_protocol.directory.endpoints import parse_endpoint
from referral_protocol.directory.entries import (
    ACTIVE,
    COMPROMISED,
    REMOVED,
    SUSPENDED,
    Card,
    EntrySignature,
    Root,
    Status,
    Update,
    root_keys,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import verify

DAY: Final = 24 * 3600 * 1000
ROOT_DELAY: Final = 3 * DAY
"""How long a new root is visible before it acts."""
LONE_SUSPENSION: Final = 7 * DAY
"""Longest suspension that one registrar below the threshold can decide."""
LONE_AGAIN: Final = 30 * DAY
"""Earliest next one by a lone registrar, counted from the beginning of the last."""
RECOVERY_DELAY: Final = 3 * DAY
"""How long a recovery is visible, and can be vetoed, before its keys can act."""
RECOVERY_LASTS: Final = 30 * DAY
"""A recovery that was not completed by then has come to nothing."""


class Suspension(msgspec.Struct, frozen=True):
    """``until`` is None when it has no end; ``lone``: by fewer registrars than the threshold."""

    since: int
    until: int | None
    reason: str
    lone: bool

    def holds(self, now: int) -> bool:
        """Whether it is in force."""
        return self.until is None or now < self.until


class EarlierKey(msgspec.Struct, frozen=True):
    """A vault key that a member had from ``since`` to ``until``, and why it was changed."""

    key: bytes
    since: int
    until: int
    reason: str


class Announced(msgspec.Struct, frozen=True):
    """A recovery that was announced: the card to come. ``vetoed_at`` by the key before,
    ``ended_at`` by registrars."""

    card: Card
    since: int
    index: int
    vetoed_at: int | None = None
    ended_at: int | None = None

    @property
    def acts_from(self) -> int:
        """Earliest time at which it can be completed."""
        return self.since + RECOVERY_DELAY

    @property
    def lapses_at(self) -> int:
        """When it comes to nothing, unless a veto keeps it for the root keys to decide."""
        return self.since + RECOVERY_LASTS

    def open(self, now: int) -> bool:
        """Whether it is announced still: the key before may do nothing now but veto."""
        return self.vetoed_at is None and self.ended_at is None and now < self.lapses_at


class Member(msgspec.Struct, frozen=True):
    """A member as the log has it. Times are when the log took the entry in, but ``node_key_at``,
    which is the author's and is compared with ``made_at`` of node certificates."""

    id: bytes
    card: Card
    joined_at: int
    vault_since: int
    vault_index: int
    node_key_at: int
    earlier: tuple[EarlierKey, ...]
    number: int
    head: bytes
    own_suspension: Suspension | None = None
    suspension: Suspension | None = None
    last_lone: int | None = None
    removed_at: int | None = None
    recovery: Announced | None = None

    @property
    def vault_key(self) -> bytes:
        return self.card.vault_key

    @property
    def node_key(self) -> bytes:
        return self.card.node_key

    @property
    def endpoint(self) -> str:
        return self.card.endpoint

    @property
    def pins(self) -> tuple[bytes, ...]:
        return self.card.pins

    @property
    def suites(self) -> tuple[int, ...]:
        return self.card.suites

    @property
    def records(self) -> dict[str, bytes]:
        """The hashes of the profile records that count now, by name."""
        return {record.name: record.hash for record in self.card.records}

    @property
    def vetoed(self) -> bool:
        """Whether two claim to be this member, so that the root keys must decide."""
        return self.recovery is not None and self.recovery.vetoed_at is not None

    def recovering(self, now: int) -> bool:
        """Whether a recovery is announced or vetoed: its own key alone decides nothing then."""
        return self.recovery is not None and (self.vetoed or self.recovery.open(now))

    def status(self, now: int) -> str:
        """``active``, ``suspended`` or ``removed`` at this time."""
        if self.removed_at is not None:
            return REMOVED
        if self.vetoed:
            return SUSPENDED
        held = (self.own_suspension, self.suspension)
        return SUSPENDED if any(s is not None and s.holds(now) for s in held) else ACTIVE


class Group(NamedTuple):
    """At least ``least`` of these keys must have signed."""

    keys: frozenset[bytes]
    least: int
    who: str

    def signed_by(self, signers: Sequence[bytes]) -> int:
        """How many of the group are among these keys."""
        return len(self.keys.intersection(signers))


class Outcome(NamedTuple):
    """What an entry changes, once all groups have signed; the last group is who decides."""

    change: Member | Root
    keys: tuple[bytes, ...]
    groups: tuple[Group, ...]


class Place(msgspec.Struct, frozen=True):
    """Where an entry stands: its index and hash, its author's time and the log's."""

    index: int
    hash: bytes
    number: int
    at: int
    logged: int


def one_of(keys: Sequence[bytes], least: int, who: str) -> Group:
    """A group of which ``least`` must sign."""
    return Group(frozenset(keys), least, who)


def check_signers(signatures: Sequence[EntrySignature], groups: Sequence[Group]) -> None:
    """Whether the right keys have signed; their signatures are verified afterwards."""
    signers = [s.key for s in signatures]
    if any(a >= b for a, b in pairwise(signers)):
        raise ProtocolError("wrong-value", "signatures: not in ascending order, or one twice")
    for group in groups:
        if group.signed_by(signers) < group.least:
            raise ProtocolError("missing-signature", f"{group.who}: {group.least} needed")
    allowed = frozenset[bytes]().union(*(group.keys for group in groups))
    if not allowed.issuperset(signers):
        raise ProtocolError("wrong-key", "signatures: by a key that has no say here")


def check_signatures(content: bytes, signatures: Sequence[EntrySignature]) -> None:
    """Verify every signature of an entry."""
    for signature in signatures:
        verify(signature.key, labels.ENTRY, content, signature.signature, "entry")


def first_root(root: Root) -> Outcome:
    """Entry 0: signed by its own root keys; the anchor has said that it is the right one."""
    group = one_of(root.root_keys, root.root_threshold, "root keys")
    return Outcome(root, root_keys(root), (group,))


def next_root(old: Root, root: Root) -> Outcome:
    """Version N+1: signed by the thresholds of N and N+1."""
    if root.origin != old.origin:
        raise ProtocolError("wrong-value", "root entry: the origin never changes")
    groups = (
        one_of(old.root_keys, old.root_threshold, "root keys of the version before"),
        one_of(root.root_keys, root.root_threshold, "root keys"),
    )
    kept = set(root_keys(old))
    return Outcome(root, tuple(k for k in root_keys(root) if k not in kept), groups)


def new_member(member: bytes, card: Card, root: Root, place: Place, loopback: bool) -> Outcome:
    """A member joins: one registrar, and both keys as proof that they are held."""
    parse_endpoint(card.endpoint, loopback)
    joined = Member(
        member, card, place.logged, place.logged, place.index, place.at, (), 1, place.hash
    )
    groups = (
        one_of((card.vault_key,), 1, "vault key"),
        one_of((card.node_key,), 1, "node key"),
        one_of(root.registrars, 1, "registrar"),
    )
    return Outcome(joined, (card.vault_key, card.node_key), groups)


def update_member(old: Member, update: Update, place: Place, loopback: bool) -> Outcome:
    """A member changes its card: its vault key signs, and every key that is new."""
    card = update.card
    parse_endpoint(card.endpoint, loopback)
    if old.recovering(place.logged):
        raise ProtocolError("state-not-allowed", "update entry: while a recovery is announced")
    keys: list[bytes] = []
    groups = [one_of((old.vault_key,), 1, "vault key")]
    changes: dict[str, object] = {}
    if card.vault_key != old.vault_key:
        keys.append(card.vault_key)
        groups.append(one_of((card.vault_key,), 1, "new vault key"))
        past = EarlierKey(old.vault_key, old.vault_since, place.logged, update.reason)
        changes = {
            "earlier": (*old.earlier, past),
            "vault_since": place.logged,
            "vault_index": place.index,
        }
    if card.node_key != old.node_key:
        keys.append(card.node_key)
        groups.append(one_of((card.node_key,), 1, "new node key"))
    if update.reason == COMPROMISED and not keys:
        raise ProtocolError("wrong-value", "update entry: compromised, but no key changes")
    member = msgspec.structs.replace(
        old, card=card, node_key_at=place.at, number=place.number, head=place.hash, **changes
    )
    return Outcome(member, tuple(keys), tuple(groups))


def change_status(
    old: Member, status: Status, root: Root, place: Place, signers: Sequence[bytes]
) -> Outcome:
    """Suspend, lift or remove: by the member's vault key for itself, or by registrars."""
    following = msgspec.structs.replace(old, number=place.number, head=place.hash)
    if status.until is not None and status.until <= place.logged:
        raise ProtocolError("bad-times", "status entry: until")
    if old.vault_key in signers:
        groups = (one_of((old.vault_key,), 1, "vault key"),)
        return Outcome(_own_status(following, status, place.logged), (), groups)
    lone = len(set(root.registrars).intersection(signers)) < root.registrar_threshold
    alone = lone and _lone_may(old, status, place.logged)
    least = 1 if alone else root.registrar_threshold
    groups = (one_of(root.registrars, least, "registrars"),)
    return Outcome(_registrars_status(following, status, place.logged, alone), (), groups)


def _own_status(member: Member, status: Status, logged: int) -> Member:
    replace = msgspec.structs.replace
    if status.status == REMOVED:
        return replace(member, removed_at=logged)
    if status.status == SUSPENDED:
        own = Suspension(logged, status.until, status.reason, False)
        return replace(member, own_suspension=own)
    if member.own_suspension is None or not member.own_suspension.holds(logged):
        raise ProtocolError("state-not-allowed", "status entry: not suspended by itself")
    return replace(member, own_suspension=None)


def _lone_may(old: Member, status: Status, logged: int) -> bool:
    """Whether one registrar below the threshold may do this alone."""
    held = old.suspension if old.suspension and old.suspension.holds(logged) else None
    if status.status == ACTIVE:
        return held is None or held.lone
    if status.status == REMOVED or status.until is None or held is not None:
        return False
    again = old.last_lone is None or logged >= old.last_lone + LONE_AGAIN
    return again and status.until <= logged + LONE_SUSPENSION


def _registrars_status(member: Member, status: Status, logged: int, lone: bool) -> Member:
    replace = msgspec.structs.replace
    if status.status == REMOVED:
        return replace(member, removed_at=logged)
    if status.status == SUSPENDED:
        suspension = Suspension(logged, status.until, status.reason, lone)
        last = logged if lone else member.last_lone
        return replace(member, suspension=suspension, last_lone=last)
    if member.suspension is None or not member.suspension.holds(logged):
        raise ProtocolError("state-not-allowed", "status entry: not suspended by registrars")
    return replace(member, suspension=None)
