"""The members as this node knows them: the verified directory, their profiles and prekeys.

Law: keys come from the verified log and from certificates that its vault keys signed, never from
anywhere else. Profiles and prekeys are optional beside them; without a usable prekey a message
waits, and says so.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from referral_protocol.certificates import CasePrekey, VerifiedBundle, VerifiedCertificate
from referral_protocol.directory.replica import Freshness, Replica, freshness
from referral_protocol.directory.state import Directory
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import fingerprint
from referral_protocol.profiles import Profile
from referral_protocol.suite import SealKey

ACTIVE: Final = "active"
SUSPENDED: Final = "suspended"
REMOVED: Final = "removed"


class Member(msgspec.Struct, frozen=True):
    """One member at one moment. ``since``: when its present vault key came into the log."""

    id: bytes
    vault_key: bytes
    node_key: bytes
    endpoint: str
    pins: tuple[bytes, ...]
    status: str
    since: int
    profile: Profile | None

    @property
    def fingerprint(self) -> str:
        """Sixty digits over both keys, in twelve groups."""
        return fingerprint(self.vault_key, self.node_key)


class Certified(msgspec.Struct, frozen=True):
    """The newest node certificate seen of a member, with its exact bytes."""

    data: bytes
    certificate: VerifiedCertificate


class MemberBook:
    """The replica in memory. ``adopt`` swaps the log's copy for a newer verified one."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.replica: Replica | None = None
        self.checkpoint: str | None = None
        self.checked_at: int | None = None
        """When the directory last answered."""
        self._profiles: dict[bytes, Profile] = {}
        self._bundles: dict[bytes, VerifiedBundle] = {}
        self._certified: dict[bytes, Certified] = {}
        self._seal_keys: dict[bytes, SealKey] = {}

    # what it says

    @property
    def directory(self) -> Directory | None:
        """The members and roots of the log; None before the first copy."""
        return None if self.replica is None else self.replica.directory

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
            profile=self._profiles.get(member),
        )

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

    def node_key(self, member: bytes) -> bytes:
        """The key that speaks for the member's machine: the later of log and certificate."""
        if self.directory is None:
            raise ProtocolError("unknown-member", "no copy of the directory yet")
        entry = self.directory.known(member)
        certified = self._certified.get(member)
        if certified is not None and certified.certificate.made_at > entry.node_key_at:
            return certified.certificate.node_key
        return entry.card.node_key

    def current_prekey(self, member: bytes) -> CasePrekey | None:
        """The case prekey to seal to now, or None: the message waits for a key."""
        bundle = self._bundles.get(member)
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
        return self._bundles.get(member)

    def certified(self, member: bytes) -> Certified | None:
        return self._certified.get(member)

    # how it grows

    def adopt(self, replica: Replica, checkpoint: str) -> None:
        """A newer verified copy of the log, already stored."""
        self.replica = replica
        self.checkpoint = checkpoint

    def set_profile(self, member: bytes, profile: Profile | None) -> None:
        if profile is None:
            self._profiles.pop(member, None)
        else:
            self._profiles[member] = profile

    def set_bundle(self, member: bytes, bundle: VerifiedBundle) -> bool:
        """Take a newer bundle; False if the one held was made later or is the same."""
        held = self._bundles.get(member)
        if held is not None and held.made_at >= bundle.made_at:
            return False
        self._bundles[member] = bundle
        return True

    def certify(self, member: bytes, certificate: VerifiedCertificate, data: bytes) -> bool:
        """Take a certificate that counts now; ``wrong-key`` if a later one is known.

        Returns True if it is new here. What the log says later than the certificate outweighs it.
        """
        if self.directory is None:
            raise ProtocolError("unknown-member", "no copy of the directory yet")
        entry = self.directory.known(member)
        held = self._certified.get(member)
        if held is not None and held.certificate == certificate:
            return False
        current = self.node_key(member)
        newest = max(entry.node_key_at, held.certificate.made_at if held else 0)
        if certificate.made_at <= newest:
            if certificate.node_key == current:
                return False
            raise ProtocolError("wrong-key", "certificate: a later one is known")
        self._certified[member] = Certified(data, certificate)
        return True


def _name(member: Member) -> str:
    return "" if member.profile is None else member.profile.organisation.name
