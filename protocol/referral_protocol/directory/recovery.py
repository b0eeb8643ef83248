"""Recovery of a member whose vault key is lost (DIRECTORY 3.3).

Registrars announce the card to come, which the new keys have signed too; after 72 hours registrars
complete it. Until then the key that is said to be lost can veto, and then only the root keys decide
which of the two is the member.

Law: an announcement changes no key. While one is open the key before may say nothing but its veto,
so that a thief of it can neither hide the recovery nor make it impossible.
"""

from collections.abc import Sequence

import msgspec

from referral_protocol.directory.endpoints import parse_endpoint
from referral_protocol.directory.entries import (
    ACTIVE,
    LOST,
    RECOVERY_ENDED,
    SUSPENDED,
    VETO,
    Card,
    Root,
    Status,
    Update,
)
from referral_protocol.directory.rules import (
    Announced,
    EarlierKey,
    Group,
    Member,
    Outcome,
    Place,
    one_of,
)
from referral_protocol.errors import ProtocolError


def announce_recovery(old: Member, card: Card, root: Root, place: Place, loopback: bool) -> Outcome:
    """Registrars say that a member's vault key is lost: nothing changes yet."""
    parse_endpoint(card.endpoint, loopback)
    if old.vetoed:
        raise ProtocolError("state-not-allowed", "recovery entry: the one before was vetoed")
    if card.vault_key == old.vault_key:
        raise ProtocolError("wrong-value", "recovery entry: the vault key is not new")
    # What an announcement named that came to nothing may be announced again.
    before = old.card if old.recovery is None else old.recovery.card
    keys = [] if card.vault_key == before.vault_key else [card.vault_key]
    if card.node_key not in (old.node_key, before.node_key):
        keys.append(card.node_key)
    groups = (
        one_of((card.vault_key,), 1, "new vault key"),
        one_of((card.node_key,), 1, "node key"),
        _registrars(root),
    )
    announced = Announced(card, place.logged, place.index)
    member = msgspec.structs.replace(old, number=place.number, head=place.hash, recovery=announced)
    return Outcome(member, tuple(keys), groups)


def complete_recovery(old: Member, update: Update, root: Root, place: Place) -> Outcome:
    """The announced card takes effect: registrars decide, or the root keys after a veto."""
    announced = old.recovery
    if announced is None or not old.recovering(place.logged):
        raise ProtocolError("state-not-allowed", "update entry: lost, but no recovery is announced")
    if update.card != announced.card:
        raise ProtocolError("wrong-value", "update entry: lost, but not the card announced")
    if place.logged < announced.acts_from:
        raise ProtocolError("state-not-allowed", "update entry: lost, within its 72 hours")
    past = EarlierKey(old.vault_key, old.vault_since, place.logged, LOST)
    member = msgspec.structs.replace(
        old,
        card=update.card,
        vault_since=place.logged,
        vault_index=place.index,
        node_key_at=place.at,
        earlier=(*old.earlier, past),
        number=place.number,
        head=place.hash,
        recovery=None,
    )
    return Outcome(member, (), (_root_keys(root) if old.vetoed else _registrars(root),))


def recovery_status(
    old: Member, status: Status, root: Root, place: Place, signers: Sequence[bytes]
) -> Outcome | None:
    """What a status says of a recovery: a veto, its end, the root keys' word; None if nothing."""
    member = msgspec.structs.replace(old, number=place.number, head=place.hash)
    if old.vault_key in signers:
        if not old.recovering(place.logged) and status.reason != VETO:
            return None
        vetoed = _vetoed(member, status, place.logged)
        return Outcome(vetoed, (), (one_of((old.vault_key,), 1, "vault key"),))
    by_root = not set(root.root_keys).isdisjoint(signers)
    if old.vetoed and status.status == ACTIVE and by_root:
        return Outcome(msgspec.structs.replace(member, recovery=None), (), (_root_keys(root),))
    if status.reason == RECOVERY_ENDED:
        ended = _ended(member, status, place.logged)
        return Outcome(ended, (), (_registrars(root),))
    return None


def _vetoed(member: Member, status: Status, logged: int) -> Member:
    """The key that is said to be lost speaks: all that it may say now is that it is not."""
    announced = member.recovery
    veto = (status.status, status.until, status.reason) == (SUSPENDED, None, VETO)
    if not veto or announced is None or not announced.open(logged):
        raise ProtocolError("state-not-allowed", "status entry: only a veto, of a recovery")
    vetoed = msgspec.structs.replace(announced, vetoed_at=logged)
    return msgspec.structs.replace(member, recovery=vetoed)


def _ended(member: Member, status: Status, logged: int) -> Member:
    announced = member.recovery
    if status.status != ACTIVE or announced is None or not announced.open(logged):
        raise ProtocolError("state-not-allowed", "status entry: no recovery to end")
    ended = msgspec.structs.replace(announced, ended_at=logged)
    return msgspec.structs.replace(member, recovery=ended)


def _registrars(root: Root) -> Group:
    return one_of(root.registrars, root.registrar_threshold, "registrars")


def _root_keys(root: Root) -> Group:
    return one_of(root.root_keys, root.root_threshold, "root keys")
