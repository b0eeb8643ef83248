"""A new node key: made here, certified by the vault, told to the directory (SPEC 4).

Law: the certificate in the database says which key is in use; the file follows it. So the one
commit below is the change, and whatever ends the node around it leaves one that works: before it
the new file is a leftover, after it the next start puts it in its place. Peers learn of it from the
certificate that travels with the first parcel or receipt; the directory's card follows.
"""

import asyncio
from typing import Final

import msgspec
import structlog

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.directory.updating import NotJoined, UpdateWaits, Updating
from referral_node.exchange.keys.own import present_signer
from referral_node.exchange.rows import audit
from referral_node.store import Tx
from referral_node.store.facts import CERTIFICATE, NODE_KEY_AT, keep, time_bytes
from referral_node.vault.vault import UnlockedVault
from referral_protocol import labels
from referral_protocol.certificates import MAX_TRANSPORT_PREKEY, Certificate, make_certificate
from referral_protocol.directory.entries import ROUTINE
from referral_protocol.signed import Signed, parse_signed
from referral_protocol.suite import Signer
from referral_protocol.wire import decode

log = structlog.get_logger()

NO_FILE: Final = "this process has no file for the machine's key"


def certified(data: bytes) -> Certificate:
    """Our own certificate, as it was made here."""
    content = parse_signed(data, len(data), "own certificate").content
    return decode(content, Certificate, len(content), "own certificate")


def next_made_at(core: Core) -> int:
    """A time for our next certificate: above the last one's, and the log's, whatever the clock."""
    member = None if core.members.directory is None else core.members.directory.member(core.us)
    named = 0 if member is None else member.node_key_at
    return max(core.clock(), certified(core.certificate).made_at + 1, named + 1)


class Machine:
    """Changes the node key of the running node."""

    def __init__(self, core: Core, updating: Updating, turning: asyncio.Lock) -> None:
        self._core = core
        self._updating = updating
        self._turning = turning

    async def replace(
        self, vault: UnlockedVault, actor: Actor | None, reason: str = ROUTINE
    ) -> None:
        """A new node key, in use when this returns. ``reason`` stands in the directory.

        UpdateWaits while another change of our card is under way, NotJoined while there is none:
        nothing was changed then.
        """
        async with self._turning:
            await self._replace(vault, actor, reason)

    async def _replace(self, vault: UnlockedVault, actor: Actor | None, reason: str) -> None:
        core = self._core
        if core.key_file is None:
            raise RuntimeError(NO_FILE)
        card = await self._updating.own_card()
        if core.vault_key not in (None, card.vault_key):
            raise NotJoined  # the log names another vault key: it does not know us yet, or any more
        if core.key_changes or await self._waits():
            raise UpdateWaits
        node = Signer(core.entropy(32))
        now = core.clock()

        async def work(tx: Tx) -> bytes:
            signer = await present_signer(tx, core, vault)
            certificate = make_certificate(signer, core.us, node.public, next_made_at(core))
            if reason != ROUTINE:  # whoever had the key may have had these too: they lie beside it
                await tx.execute("DELETE FROM transport_prekeys")
            for row in await tx.rows("SELECT id, signed FROM transport_prekeys"):
                signed = _signed_anew(node, bytes(row["signed"]))
                await tx.execute(
                    "UPDATE transport_prekeys SET signed = ? WHERE id = ?", (signed, row["id"])
                )
            await keep(tx, CERTIFICATE, certificate)
            await keep(tx, NODE_KEY_AT, time_bytes(now))
            who = None if actor is None else actor.id
            await audit(tx, now, who, "machine-key-replaced", core.us, reason)
            return certificate

        with core.key_file.changing(node):
            certificate = await core.store.write(work)
            core.node, core.certificate = node, certificate
            core.transport.turn(node)
        await core.transport.upkeep()
        if reason != ROUTINE:
            await core.store.truncate()  # what was destroyed lies in the write-ahead log until then
        log.info("keys.machine-replaced", code=reason)
        await self.tell(vault, actor, reason)

    async def tell(self, vault: UnlockedVault, actor: Actor | None, reason: str) -> None:
        """Let the directory's card follow the key in use, if it names another."""
        core = self._core
        card = await self._updating.own_card()
        if card.node_key == core.node.public:
            return
        changed = msgspec.structs.replace(card, node_key=core.node.public)
        await self._updating.propose(vault, actor, changed, reason=reason, signers=(core.node,))

    async def _waits(self) -> bool:
        status = await self._updating.status()
        return status is not None and status.code is None


def _signed_anew(node: Signer, data: bytes) -> bytes:
    """A transport prekey under another node key; its life stays."""
    content = parse_signed(data, MAX_TRANSPORT_PREKEY, "own prekey").content
    return Signed(content, node.sign(labels.TRANSPORT_PREKEY, content)).pack()
