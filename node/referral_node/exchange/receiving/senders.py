"""Who sends: a request of another node proves its sender before anything else of it is looked at.

Law: a certificate takes effect on arrival, but only if its key signed what it came with
(SPEC 4, 7.2).
"""

from collections.abc import Callable

from referral_node.exchange.core import Core
from referral_node.exchange.directory.members import REMOVED, Member
from referral_node.store import Tx
from referral_protocol.errors import ProtocolError


async def proved(
    core: Core, sender: bytes, certificate: bytes, verified: Callable[[bytes], None]
) -> Member:
    """The member that this certificate and signature prove; it may be suspended.

    ``verified`` is given the node key and refuses what that key did not sign.
    """
    member = core.members.known(sender)
    if member.status == REMOVED:
        raise ProtocolError("removed", "sender")
    core.members.check_not_doubtful(sender)
    parsed = core.members.certificate_of(member.id, certificate)
    known = core.members.certified(member.id)
    verified(parsed.node_key)
    if core.members.certify(member.id, parsed, certificate):
        await _keep(core, member.id, certificate, parsed.made_at)
    elif known is None and parsed.node_key != core.members.node_key(member.id):
        raise ProtocolError("wrong-key", "certificate")
    return member


async def _keep(core: Core, member: bytes, certificate: bytes, made_at: int) -> None:
    async def work(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO peers (member, certificate, certified_at) VALUES (?, ?, ?) "
            "ON CONFLICT (member) DO UPDATE SET certificate = excluded.certificate, "
            "certified_at = excluded.certified_at, prekey = NULL, prekey_ends = 0",
            (member, certificate, made_at),
        )

    await core.store.write(work)
