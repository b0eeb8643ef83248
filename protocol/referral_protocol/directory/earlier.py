"""Vault keys that a member had, and what their signature is still worth (DIRECTORY 3.2).

Law: what is new is signed by the key of now. An earlier key proves only what was said before it was
replaced, and only where that comes back: from whoever held it, or in an evidence bundle. A
statement's hash leaves the signature out, so one that was signed anew is the same statement.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from referral_protocol.certificates import (
    DAY,
    VerifiedCertificate,
    verify_certificate,
)
from referral_protocol.directory.rules import Member
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import SignedStatement, verify_statement

UNHEARD: Final = 7 * DAY
"""How long after its key was replaced a member may not have heard of it, and goes on with it among
those who have not heard of it either. The date is the signer's own word: less protects nobody."""
REPLACED: Final = "wrong-key"
"""Refusal of what a key signed that was replaced since: its owner signs it anew."""


class VaultKey(NamedTuple):
    """One vault key of a member. ``until`` and ``reason``: when and why it was replaced; None: it
    is the key of now."""

    key: bytes
    until: int | None = None
    reason: str | None = None

    def covers(self, at: int) -> bool:
        """Whether a statement of this time may bear it."""
        return self.until is None or at <= self.until + UNHEARD


def vault_keys(member: Member) -> tuple[VaultKey, ...]:
    """Every vault key that the log gives a member, the key of now first, then the newest."""
    earlier = (VaultKey(old.key, old.until, old.reason) for old in reversed(member.earlier))
    return VaultKey(member.vault_key), *earlier


def verify_known(
    content: bytes, signature: bytes, keys: Sequence[VaultKey], without: Collection[bytes] = ()
) -> tuple[SignedStatement, VaultKey]:
    """A statement by one of its sender's vault keys, and by which; by none of ``without``.

    ``wrong-key`` if that key had been replaced before the statement was made, or is not to be
    taken; ``bad-signature`` if none of the keys signed it.
    """
    for known in keys:
        try:
            signed = verify_statement(content, signature, known.key)
        except ProtocolError as refusal:
            if refusal.code != "bad-signature":
                raise
            continue
        if known.key in without or not known.covers(signed.statement.at):
            raise ProtocolError(REPLACED, "statement: by a key that had been replaced before")
        return signed, known
    raise ProtocolError("bad-signature", "statement: by no key of its sender")


def verify_certified(data: bytes, member: bytes, keys: Sequence[VaultKey]) -> VerifiedCertificate:
    """A node certificate by the vault key of now, the first; ``wrong-key`` by an earlier one."""
    try:
        return verify_certificate(data, member, keys[0].key)
    except ProtocolError as refusal:
        if refusal.code != "bad-signature" or not _by_one_of(data, member, keys[1:]):
            raise
    raise ProtocolError(REPLACED, "certificate: by a key that was replaced")


def _by_one_of(data: bytes, member: bytes, keys: Sequence[VaultKey]) -> bool:
    for known in keys:
        try:
            verify_certificate(data, member, known.key)
        except ProtocolError:
            continue
        return True
    return False
