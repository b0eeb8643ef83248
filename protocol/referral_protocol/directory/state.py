"""The directory: the verified fold of all entries of the log (DIRECTORY 3).

Law: an entry alters the fold only after every check has passed, in the documented order; a refusal
leaves it as it was. Two folds over the same leaves are the same, whoever makes them and whenever:
the only clock in here is the log's own, which never runs backwards.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from referral_protocol.directory.entries import (
    LOST,
    ROOT,
    Card,
    Entry,
    EntrySignature,
    Leaf,
    Recovery,
    Root,
    Update,
    entry_hash,
    parse_entry,
    parse_leaf,
)
from referral_protocol.directory.recovery import (
    announce_recovery,
    complete_recovery,
    recovery_status,
)
from referral_protocol.directory.rules import (
    ROOT_DELAY,
    Member,
    Outcome,
    Place,
    change_status,
    check_signatures,
    check_signers,
    first_root,
    new_member,
    next_root,
    update_member,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import member_id

CLOCK_AHEAD: Final = 10 * 60 * 1000
LOG_KEY_LASTS: Final = 24 * 3600 * 1000
"""How long a log key goes on signing beside the one that has taken its place."""
MAX_AGE: Final = 30 * 24 * 3600 * 1000
"""Oldest content that is still logged, by its author's time."""


class RootVersion(NamedTuple):
    """One version of the root: it acts from ``acts_from`` until the next one does."""

    root: Root
    version: int
    hash: bytes
    logged: int
    acts_from: int


def log_keys(roots: Sequence[RootVersion], now: int) -> tuple[bytes, ...]:
    """The log keys that must sign a checkpoint of this time.

    A root's log key signs from when that root was logged until a day after the next one acts, so
    that whoever knows of only one of the two can go on.
    """
    keys: list[bytes] = []
    for number, version in enumerate(roots):
        after = roots[number + 1] if number + 1 < len(roots) else None
        if after is None or now < after.acts_from + LOG_KEY_LASTS:
            keys.append(version.root.log_key)
    return tuple(dict.fromkeys(keys))


class VerifiedEntry(msgspec.Struct, frozen=True):
    """An entry that passed every check, ready to be adopted in its place. Made by Directory."""

    index: int
    leaf: bytes
    entry: Entry
    hash: bytes
    logged: int
    change: Member | Root
    keys: tuple[bytes, ...]


class Weighed(NamedTuple):
    """An entry that waits: how many of those who decide have signed, and how many must."""

    entry: Entry
    have: int
    need: int


class Directory:
    """Members, keys and roots after ``size`` entries of the log with this genesis hash."""

    __slots__ = ("_keys", "_members", "allow_loopback", "genesis", "logged", "roots", "size")

    def __init__(self, genesis: bytes, allow_loopback: bool = False) -> None:
        self.genesis = genesis
        self.allow_loopback = allow_loopback
        self.size = 0
        self.logged = 0
        """When the last entry was logged."""
        self.roots: tuple[RootVersion, ...] = ()
        self._members: dict[bytes, Member] = {}
        self._keys: set[bytes] = set()

    def copy(self) -> "Directory":
        """A fold of its own that holds the same."""
        other = Directory(self.genesis, self.allow_loopback)
        other.size, other.logged, other.roots = self.size, self.logged, self.roots
        other._members = dict(self._members)
        other._keys = set(self._keys)
        return other

    # what it says

    def member(self, member: bytes) -> Member | None:
        """A member by id, removed ones included; None if the log has none."""
        return self._members.get(member)

    def known(self, member: bytes) -> Member:
        """A member by id; ``unknown-member`` if the log has none."""
        found = self._members.get(member)
        if found is None:
            raise ProtocolError("unknown-member", "a member that the log does not have")
        return found

    def members(self) -> Iterator[Member]:
        """All members in the order in which they joined, removed ones included."""
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    def status(self, member: bytes, now: int) -> str:
        """``active``, ``suspended`` or ``removed``; ``unknown-member`` if there is none."""
        return self.known(member).status(now)

    def root_at(self, now: int) -> RootVersion:
        """The root that acts at this time: a new one is visible for 72 hours before."""
        for version in reversed(self.roots):
            if version.acts_from <= now:
                return version
        return self.roots[0]

    def uses(self, key: bytes) -> bool:
        """Whether any entry has ever named this key, in any role."""
        return key in self._keys

    # how it grows

    def verify(self, leaf: bytes, index: int, *, signatures: bool = True) -> VerifiedEntry:
        """Check a leaf as entry ``index``, which must be the next; nothing changes.

        ``signatures=False`` skips the arithmetic of the signatures, for leaves that this machine
        verified before it stored them: who signed is checked all the same.
        """
        if index != self.size:
            raise ValueError("entries are verified in their order")
        parsed = parse_leaf(leaf)
        entry = parse_entry(parsed.content)
        self._check_times(entry, parsed.logged)
        outcome = self._outcome(entry, parsed)
        self._check_keys(outcome)
        check_signers(parsed.signatures, outcome.groups)
        if signatures:
            check_signatures(parsed.content, parsed.signatures)
        hashed = entry_hash(parsed.content)
        return VerifiedEntry(
            index, leaf, entry, hashed, parsed.logged, outcome.change, outcome.keys
        )

    def verify_join(
        self, content: bytes, signatures: Sequence[EntrySignature], now: int
    ) -> tuple[Entry, Card]:
        """Check a ``member`` entry that still lacks its registrar, as if logged now."""
        entry = parse_entry(content)
        if not isinstance(entry.body, Card):
            raise ProtocolError("wrong-value", "request: not a member entry")
        check_signers(signatures, self._unsigned(entry, content, signatures, now).groups[:-1])
        check_signatures(content, signatures)
        return entry, entry.body

    def weigh(self, content: bytes, signatures: Sequence[EntrySignature], now: int) -> Weighed:
        """Check an entry that may still lack some of those who decide, as if logged now.

        All who must sign besides them have signed, and nobody who has no say.
        """
        entry = parse_entry(content)
        *others, deciding = self._unsigned(entry, content, signatures, now).groups
        check_signers(signatures, (*others, deciding._replace(least=0)))
        check_signatures(content, signatures)
        have = deciding.signed_by([s.key for s in signatures])
        return Weighed(entry, have, deciding.least)

    def _unsigned(
        self, entry: Entry, content: bytes, signatures: Sequence[EntrySignature], now: int
    ) -> Outcome:
        """What an entry would change, all but its signatures checked, as if logged now."""
        logged = max(now, self.logged)
        self._check_times(entry, logged)
        outcome = self._outcome(entry, Leaf(logged, content, tuple(signatures)))
        self._check_keys(outcome)
        return outcome

    def adopt(self, verified: VerifiedEntry) -> None:
        """Take in an entry that :meth:`verify` passed for this very place."""
        if verified.index != self.size:
            raise ValueError("verified for another place")
        if isinstance(verified.change, Member):
            self._members[verified.change.id] = verified.change
        self.roots = self.roots_with(verified)
        self._keys.update(verified.keys)
        self.logged = verified.logged
        self.size += 1

    def roots_with(self, verified: VerifiedEntry) -> tuple[RootVersion, ...]:
        """The roots as they will be when this entry has been adopted."""
        if isinstance(verified.change, Member):
            return self.roots
        acts_from = verified.logged + (ROOT_DELAY if self.roots else 0)
        version = RootVersion(
            verified.change, verified.entry.number, verified.hash, verified.logged, acts_from
        )
        return (*self.roots, version)

    def apply(self, leaf: bytes, index: int, *, signatures: bool = True) -> VerifiedEntry:
        """Verify a leaf and take it in."""
        verified = self.verify(leaf, index, signatures=signatures)
        self.adopt(verified)
        return verified

    # the checks, in the order of DIRECTORY 3

    def _check_times(self, entry: Entry, logged: int) -> None:
        if logged < self.logged:
            raise ProtocolError("bad-times", "leaf: logged before the entry that precedes it")
        if entry.at > logged + CLOCK_AHEAD:
            raise ProtocolError("bad-times", "entry: made after it was logged")
        if entry.at < logged - MAX_AGE:
            raise ProtocolError("bad-times", "entry: made more than 30 days before it was logged")

    def _outcome(self, entry: Entry, leaf: Leaf) -> Outcome:
        hashed = entry_hash(leaf.content)
        place = Place(self.size, hashed, entry.number, entry.at, leaf.logged)
        if self.size == 0:
            return self._genesis(entry, hashed)
        if entry.genesis != self.genesis:
            raise ProtocolError("wrong-genesis", "entry: genesis")
        if isinstance(entry.body, Root):
            newest = self.roots[-1]
            _check_chain(entry, newest.version, newest.hash)
            return next_root(newest.root, entry.body)
        acting = self.root_at(leaf.logged).root
        who = entry.member or b""
        if isinstance(entry.body, Card):
            if member_id(entry.body.vault_key) != who:
                raise ProtocolError("wrong-id", "member entry: member")
            old = self._members.get(who)
            if old is not None:
                raise ProtocolError("old-number", "member entry: has joined already")
            return new_member(who, entry.body, acting, place, self.allow_loopback)
        old = self.known(who)
        if old.removed_at is not None:
            raise ProtocolError("removed", "entry: of a member that was removed")
        _check_chain(entry, old.number, old.head)
        if isinstance(entry.body, Recovery):
            return announce_recovery(old, entry.body.card, acting, place, self.allow_loopback)
        if isinstance(entry.body, Update) and entry.body.reason == LOST:
            return complete_recovery(old, entry.body, acting, place)
        if isinstance(entry.body, Update):
            return update_member(old, entry.body, place, self.allow_loopback)
        signers = [s.key for s in leaf.signatures]
        about_recovery = recovery_status(old, entry.body, acting, place, signers)
        return about_recovery or change_status(old, entry.body, acting, place, signers)

    def _genesis(self, entry: Entry, hashed: bytes) -> Outcome:
        if entry.kind != ROOT or not isinstance(entry.body, Root):
            raise ProtocolError("wrong-genesis", "entry 0: not a root")
        if hashed != self.genesis:
            raise ProtocolError("wrong-genesis", "entry 0: not the one that the anchor names")
        if entry.number != 1:
            raise ProtocolError("counter-gap", "entry 0: not version 1")
        return first_root(entry.body)

    def _check_keys(self, outcome: Outcome) -> None:
        if not self._keys.isdisjoint(outcome.keys):
            raise ProtocolError("key-in-use", "entry: a key that the log knows already")


def _check_chain(entry: Entry, number: int, head: bytes) -> None:
    if entry.number <= number:
        raise ProtocolError("old-number", "entry: number")
    if entry.number > number + 1:
        raise ProtocolError("counter-gap", "entry: number")
    if entry.previous != head:
        raise ProtocolError("broken-chain", "entry: previous")
