"""The members as this node knows them: the verified directory, their profiles and prekeys.

Law: keys come from the verified log and from certificates that its vault keys signed, never from
anywhere else. Profiles and prekeys are optional beside them; without a usable prekey a message
waits, and says so.
"""

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Final

import msgspec

from referral_protocol.certificates import CasePrekey, VerifiedBundle, VerifiedCertificate
from referral_protocol.directory.earlier import VaultKey, vault_keys, verify_certified
from referral_protocol.directory.entries import ROUTINE
from referral_protocol.directory.replica import Freshness, Replica, freshness
from referral_protocol.directory.state import Directory, RootVersion
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import fingerprint
from referral_protocol.profiles import Profile
from referral_protocol.suite import SealKey

ACTIVE: Final = "active"
SUSPENDED: Final = "suspended"
REMOVED: Final = "removed"

_PACK: Final = msgspec.msgpack.Encoder().encode
_UNPACK: Final = msgspec.msgpack.Decoder(Profile).decode


class Member(msgspec.Struct, frozen=True):
    """One member at one moment. ``since``: when its present vault key came into the log;
    ``earlier``: those that it had before, the newest first."""

    id: bytes
    vault_key: bytes
    node_key: bytes
    endpoint: str
    pins: tuple[bytes, ...]
    status: str
    since: int
    profile: Profile | None
    earlier: tuple[VaultKey, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Sixty digits over both keys, in twelve groups."""
        return fingerprint(self.vault_key, self.node_key)


class Certified(msgspec.Struct, frozen=True):
    """The newest node certificate seen of a member, its exact bytes, and by which vault key."""

    data: bytes
    certificate: VerifiedCertificate
    by: bytes


class MemberBook:
    """The replica in memory. ``adopt`` swaps the log's copy for a newer verified one."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.replica: Replica | None = None
        self.checkpoint: str | None = None
        self.checked_at: int | None = None
        """When the directory last answered."""
        # Packed: read, those of 10,000 members take 130 MB instead of 24; reading one takes 7 µs.
        self._profiles: dict[bytes, bytes] = {}
        self._bundles: dict[bytes, tuple[VerifiedBundle, bytes]] = {}
        self._certified: dict[bytes, Certified] = {}
        self.version = 0
        """Another one whenever a member or a profile may have changed."""
        self._seal_keys: dict[bytes, SealKey] = {}
        self.forked_at: int | None = None
        """From which entry on another log was shown, while nobody has settled that."""
        self.doubtful: frozenset[bytes] = frozenset()
        """Members whose key may stand in one of the two logs only, and was never in use here."""
        self.compared: dict[bytes, bytes] = {}
        """Vault keys whose fingerprint was compared by telephone and found the same, by member."""
        self.witnessed: Callable[[bytes], bool] = lambda _member: True
        """Whether enough witnesses cover a member's vault key, as the root asks (DIRECTORY 7.4)."""
        self.behind: Callable[[], None] = lambda: None
        """Called when a member speaks with a key that this copy of the log does not have."""

    # what it says

    @property
    def directory(self) -> Directory | None:
        """The members and roots of the log; None before the first copy."""
        return None if self.replica is None else self.replica.directory

    @property
    def roots(self) -> tuple[RootVersion, ...]:
        """All roots of the log, those that do not act yet included."""
        return () if self.directory is None else self.directory.roots

    @property
    def dated(self) -> int | None:
        """Of when this copy is: the time of its newest checkpoint, ms UTC (DIRECTORY 4.4).

        Not when the directory answered: one that answers with an old checkpoint hides what is new.
        """
        held = None if self.replica is None else self.replica.checkpoint
        return None if held is None else held.at

    @property
    def freshness(self) -> Freshness:
        """How old this copy is, and so what may be done with keys that come from it alone."""
        return Freshness.LOST if self.dated is None else freshness(self.dated, self._clock())

    def get(self, member: bytes) -> Member | None:
        """A member by id, suspended and removed ones included."""
        if self.directory is None:
            return None
        found = self.directory.member(member)
        if found is None:
            return None
        return Member(
            id=member,
            vault_key=found.vault_key,
            node_key=self.node_key(member),
            endpoint=found.card.endpoint,
            pins=tuple(found.card.pins),
            status=found.status(self._clock()),
            since=found.vault_since,
            profile=self.profile(member),
            earlier=vault_keys(found)[1:],
        )

    def profile(self, member: bytes) -> Profile | None:
        """What a member says of itself, as far as this node could read it."""
        packed = self._profiles.get(member)
        return None if packed is None else _UNPACK(packed)

    def known(self, member: bytes) -> Member:
        """A member by id; ``unknown-member`` if the directory has none."""
        found = self.get(member)
        if found is None:
            raise ProtocolError("unknown-member", "not in this node's copy of the directory")
        return found

    def all(self) -> list[Member]:
        """All members but those that left, by name."""
        if self.directory is None:
            return []
        found = [self.known(member.id) for member in self.directory.members()]
        present = [member for member in found if member.status != REMOVED]
        return sorted(present, key=lambda m: (_name(m), m.id))

    def vault_keys(self, member: bytes) -> tuple[VaultKey, ...]:
        """Every vault key that the log gives a member, the present one first."""
        if self.directory is None:
            raise ProtocolError("unknown-member", "no copy of the directory yet")
        return vault_keys(self.directory.known(member))

    def certificate_of(self, member: bytes, data: bytes) -> VerifiedCertificate:
        """A node certificate by the member's present vault key.

        ``wrong-key`` if an earlier one signed it. If neither did, our copy of the log may be the
        older one: the directory is asked soon, and whoever sent it comes back.
        """
        try:
            return verify_certified(data, member, self.vault_keys(member))
        except ProtocolError as refusal:
            if refusal.code == "bad-signature":
                self.behind()
            raise

    def profiles(self) -> Iterator[tuple[bytes, Profile]]:
        """Every profile of a member that did not leave, with its member's id, in no order."""
        if self.directory is not None:
            for member in self.directory.members():
                profile = None if member.removed_at is not None else self.profile(member.id)
                if profile is not None:
                    yield member.id, profile

    def node_key(self, member: bytes) -> bytes:
        """The key that speaks for the member's machine: the later of log and certificate."""
        if self.directory is None:
            raise ProtocolError("unknown-member", "no copy of the directory yet")
        entry = self.directory.known(member)
        certified = self.certified(member)
        if certified is not None and certified.certificate.made_at > entry.node_key_at:
            return certified.certificate.node_key
        return entry.card.node_key

    def node_key_since(self, member: bytes) -> int:
        """Since when that key speaks, as its owner says: ms UTC."""
        if self.directory is None:
            raise ProtocolError("unknown-member", "no copy of the directory yet")
        entry = self.directory.known(member)
        certified = self.certified(member)
        made_at = 0 if certified is None else certified.certificate.made_at
        return max(entry.node_key_at, made_at)

    def current_prekey(self, member: bytes) -> CasePrekey | None:
        """The case prekey to seal to now, or None: the message waits for a key."""
        if member in self.doubtful or self.unwitnessed(member):
            return None
        bundle = self.bundle(member)
        return None if bundle is None else bundle.current(self._clock())

    def seal_key(self, public: bytes) -> SealKey:
        """A parsed public key; parsing costs a third of a seal, so it is kept."""
        found = self._seal_keys.get(public)
        if found is None:
            if len(self._seal_keys) > 4096:
                self._seal_keys.clear()
            found = self._seal_keys[public] = SealKey(public)
        return found

    def bundle(self, member: bytes) -> VerifiedBundle | None:
        """The newest bundle of a member; None after its vault key was lost or compromised, until
        there is one of the new key: nothing is sealed to what somebody else may open."""
        found = self._bundles.get(member)
        if found is None or self.directory is None:
            return None if found is None else found[0]
        return found[0] if found[1] in self.sealing_keys(member) else None

    def sealing_keys(self, member: bytes) -> tuple[bytes, ...]:
        """The vault keys whose bundle may still be sealed to: the present one, and those before it
        that were replaced as a matter of routine only."""
        present, *earlier = self.vault_keys(member)
        kept = takewhile(lambda known: known.reason == ROUTINE, earlier)
        return present.key, *(known.key for known in kept)

    def certified(self, member: bytes) -> Certified | None:
        """The newest node certificate seen of a member, by its present vault key: whoever had an
        earlier one could have made any, of any date."""
        found = self._certified.get(member)
        if found is None or self.directory is None:
            return found
        return found if found.by == self.directory.known(member).vault_key else None

    def unwitnessed(self, member: bytes) -> bool:
        """Whether too few witnesses cover this member's vault key, and nobody here has compared
        its fingerprint: nothing is sealed to it before one of the two has happened."""
        if self.witnessed(member):
            return False
        known = self.get(member)
        return known is None or self.compared.get(member) != known.vault_key

    def check_not_doubtful(self, member: bytes) -> None:
        """``unknown-member`` while the log is in doubt and this member's key with it."""
        if member in self.doubtful:
            raise ProtocolError("unknown-member", "the log forked before this key came into it")

    # how it grows

    def doubt(self, since: int | None, doubtful: frozenset[bytes]) -> None:
        """Another log was shown that differs from this entry on; None: all is settled."""
        self.forked_at = since
        self.doubtful = doubtful

    def adopt(self, replica: Replica, checkpoint: str) -> None:
        """A newer verified copy of the log, already stored."""
        self.version += 1
        self.replica = replica
        self.checkpoint = checkpoint

    def set_profile(self, member: bytes, profile: Profile | None) -> None:
        packed = None if profile is None else _PACK(profile)
        if packed == self._profiles.get(member):
            return  # read again, as at each start: nothing that was put in order is stale
        self.version += 1
        if packed is None:
            self._profiles.pop(member, None)
        else:
            self._profiles[member] = packed

    def set_bundle(self, member: bytes, bundle: VerifiedBundle, by: bytes) -> bool:
        """Take a newer bundle, by this vault key; False if the one held was made later, or is the
        same."""
        held = self.bundle(member)
        if held is not None and held.made_at >= bundle.made_at:
            return False
        self._bundles[member] = (bundle, by)
        return True

    def certify(self, member: bytes, certificate: VerifiedCertificate, data: bytes) -> bool:
        """Take a certificate that counts now; ``wrong-key`` if a later one is known.

        Returns True if it is new here. What the log says later than the certificate outweighs it.
        """
        if self.directory is None:
            raise ProtocolError("unknown-member", "no copy of the directory yet")
        entry = self.directory.known(member)
        held = self.certified(member)
        if held is not None and held.certificate == certificate:
            return False
        current = self.node_key(member)
        newest = max(entry.node_key_at, held.certificate.made_at if held else 0)
        if certificate.made_at <= newest:
            if certificate.node_key == current:
                return False
            raise ProtocolError("wrong-key", "certificate: a later one is known")
        self._certified[member] = Certified(data, certificate, entry.vault_key)
        return True


def _name(member: Member) -> str:
    return "" if member.profile is None else member.profile.organisation.name
