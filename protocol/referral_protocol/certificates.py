"""Who may speak for a member, and what may be sealed to it (SPEC 4).

A *node certificate* is the vault key's word that a node key acts for the member. A *transport
prekey* is signed by the node key and seals parcels for a day. A *bundle* is the vault-signed list
of all case prekeys of a member, which seal bodies.

Law: a case prekey counts only inside a bundle that the member's vault key signed, so that whoever
breaks into a running node cannot put a key of his own in its place. Of two certificates or bundles
the one made later counts, never the one that arrived later.
"""

from typing import Annotated, Final

from msgspec import Meta
from msgspec.structs import astuple

from referral_protocol import labels
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import prekey_id
from referral_protocol.signed import Signed, parse_signed, sign
from referral_protocol.suite import KEM_PUBLIC_SIZE, SUITE, Signer, check_suite
from referral_protocol.wire import Count, Id, KemKey, Key, Time, Wire, decode

DAY: Final = 24 * 3600 * 1000

CASE_PREKEY_LIFE: Final = 30 * DAY
CASE_PREKEY_LEAD: Final = 7 * DAY
"""Earliest start after its making, so that a nightly backup holds it (the first ones excepted)."""
CASE_PREKEY_KEPT: Final = 45 * DAY
"""How long after its end a case prekey still opens."""
TRANSPORT_PREKEY_LIFE: Final = DAY
TRANSPORT_PREKEY_KEPT: Final = 3 * DAY
"""How long after it was made a transport prekey still opens."""
CLOCK_AHEAD: Final = 10 * 60 * 1000
"""How far another clock may run ahead of ours."""

MAX_CERTIFICATE: Final = 256
MAX_TRANSPORT_PREKEY: Final = 1536
MAX_BUNDLE: Final = 16 * 1024
MAX_BUNDLE_PREKEYS: Final = 12


class Certificate(Wire, frozen=True):
    """Content of a node certificate. ``made_at`` orders a member's certificates."""

    suite: Count
    member: Id
    node_key: Key
    made_at: Time


class TransportPrekey(Wire, frozen=True):
    """Content of a transport prekey: usable for sealing from ``made_at`` until ``ends``."""

    suite: Count
    member: Id
    public: KemKey
    made_at: Time
    ends: Time


class CasePrekey(Wire, frozen=True):
    """One prekey of a bundle: current from ``starts`` until ``ends``.

    A bundle may hold prekeys of suites that its reader does not have yet; so the size of ``public``
    is the suite's affair, 1,216 bytes in suite 1.
    """

    suite: Count
    public: Annotated[bytes, Meta(min_length=32, max_length=4096)]
    made_at: Time
    starts: Time
    ends: Time

    @property
    def id(self) -> bytes:
        return prekey_id(self.public)


class Bundle(Wire, frozen=True):
    """Content of a bundle: all case prekeys of a member, by start."""

    suite: Count
    member: Id
    made_at: Time
    prekeys: Annotated[tuple[CasePrekey, ...], Meta(max_length=MAX_BUNDLE_PREKEYS)]

    def current(self, now: int) -> CasePrekey | None:
        """The prekey to seal to at ``now``, or None: then messages wait for a key."""
        usable = [k for k in self.prekeys if k.suite == SUITE and k.starts <= now < k.ends]
        return max(usable, key=lambda k: k.starts, default=None)


class VerifiedCertificate(Certificate, frozen=True):
    """A certificate whose signature was checked. Made only by :func:`verify_certificate`."""


class VerifiedTransportPrekey(TransportPrekey, frozen=True):
    """A checked transport prekey. Made only by :func:`verify_transport_prekey`."""


class VerifiedBundle(Bundle, frozen=True):
    """A checked bundle. Made only by :func:`verify_bundle`."""


def make_certificate(vault: Signer, member: bytes, node_key: bytes, now: int) -> bytes:
    """Sign a node key for a member with its vault key."""
    return sign(vault, labels.CERTIFICATE, Certificate(SUITE, member, node_key, now)).pack()


def verify_certificate(data: bytes, member: bytes, vault_key: bytes) -> VerifiedCertificate:
    """Check a certificate of this member; ``wrong-key`` if it is about another one."""
    signed = parse_signed(data, MAX_CERTIFICATE, "certificate")
    certificate = decode(signed.content, Certificate, MAX_CERTIFICATE, "certificate")
    check_suite(certificate.suite, "certificate")
    if certificate.member != member:
        raise ProtocolError("wrong-key", "certificate: of another member")
    signed.check(vault_key, labels.CERTIFICATE, "certificate")
    return VerifiedCertificate(*astuple(certificate))


def make_transport_prekey(node: Signer, member: bytes, public: bytes, now: int) -> bytes:
    """Sign the public half of a transport prekey with the node key."""
    prekey = TransportPrekey(SUITE, member, public, now, now + TRANSPORT_PREKEY_LIFE)
    return sign(node, labels.TRANSPORT_PREKEY, prekey).pack()


def verify_transport_prekey(
    data: bytes, member: bytes, node_key: bytes, now: int
) -> VerifiedTransportPrekey:
    """Check a transport prekey of this member; ``stale-prekey`` when it has ended."""
    what = "transport prekey"
    signed = parse_signed(data, MAX_TRANSPORT_PREKEY, what)
    prekey = decode(signed.content, TransportPrekey, MAX_TRANSPORT_PREKEY, what)
    check_suite(prekey.suite, what)
    if prekey.member != member:
        raise ProtocolError("wrong-key", f"{what}: of another member")
    signed.check(node_key, labels.TRANSPORT_PREKEY, what)
    if not prekey.made_at < prekey.ends <= prekey.made_at + TRANSPORT_PREKEY_LIFE:
        raise ProtocolError("bad-prekey", f"{what}: ends")
    if prekey.made_at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", f"{what}: made_at")
    if now >= prekey.ends:
        raise ProtocolError("stale-prekey", what)
    return VerifiedTransportPrekey(*astuple(prekey))


def make_bundle(vault: Signer, bundle: Bundle) -> bytes:
    """Check the rules for a bundle and sign it with the vault key."""
    _check_bundle(bundle)
    return sign(vault, labels.BUNDLE, bundle).pack()


def verify_bundle(data: bytes, member: bytes, vault_key: bytes, now: int) -> VerifiedBundle:
    """Check a bundle of this member, its signature and every date in it."""
    signed = parse_signed(data, MAX_BUNDLE, "bundle")
    bundle = decode(signed.content, Bundle, MAX_BUNDLE, "bundle")
    check_suite(bundle.suite, "bundle")
    if bundle.member != member:
        raise ProtocolError("wrong-key", "bundle: of another member")
    signed.check(vault_key, labels.BUNDLE, "bundle")
    _check_bundle(bundle)
    if bundle.made_at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", "bundle: made_at")
    return VerifiedBundle(*astuple(bundle))


def _check_bundle(bundle: Bundle) -> None:
    ended = 0
    for number, key in enumerate(bundle.prekeys):
        what = f"bundle: prekey {number}"
        if not key.starts < key.ends <= key.starts + CASE_PREKEY_LIFE:
            raise ProtocolError("bad-prekey", f"{what}: ends")
        if key.starts < ended:
            raise ProtocolError("bad-prekey", f"{what}: starts before the previous one ends")
        # A member's first prekeys are current at once: there is no backup yet that could lack
        # them. They are known by being made with, or before, everything else in the bundle.
        first = key.starts == key.made_at and number == 0
        if key.starts < key.made_at + CASE_PREKEY_LEAD and not first:
            raise ProtocolError("bad-prekey", f"{what}: starts too soon after it was made")
        if key.made_at > bundle.made_at:
            raise ProtocolError("bad-prekey", f"{what}: made after its bundle")
        if key.suite == SUITE and len(key.public) != KEM_PUBLIC_SIZE:
            raise ProtocolError("bad-key", f"{what}: a public key of suite 1 has 1,216 bytes")
        ended = key.ends
    if len({key.public for key in bundle.prekeys}) != len(bundle.prekeys):
        # The same key in two terms would live longer than one term.
        raise ProtocolError("bad-prekey", "bundle: the same prekey twice")


__all__ = [
    "Bundle",
    "CasePrekey",
    "Certificate",
    "Signed",
    "TransportPrekey",
    "VerifiedBundle",
    "VerifiedCertificate",
    "VerifiedTransportPrekey",
    "make_bundle",
    "make_certificate",
    "make_transport_prekey",
    "verify_bundle",
    "verify_certificate",
    "verify_transport_prekey",
]
