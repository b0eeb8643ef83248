"""The witness: cosigns each newer checkpoint that this node verified (DIRECTORY 7.4).

Law: it never signs what does not extend what it signed before; what it signs is on disk before it
leaves, so that no restart can make it forget. While the log is in doubt it signs nothing. A
directory that does not take the line holds up nothing: it is offered again at the next look.
"""

from collections.abc import Callable
from typing import Final

import structlog

from referral_node.delivery.http import Http, Unreachable
from referral_node.exchange.core import Core
from referral_node.store import StoreError
from referral_node.store.facts import COSIGNED, fact, keep
from referral_node.trouble import Trouble
from referral_node.witness import WitnessKey
from referral_protocol.directory.notes import COSIGNATURE, MAX_NOTE, cosign, key_id, parse_note
from referral_protocol.directory.paths import COSIGNATURES
from referral_protocol.directory.replica import Replica

NOTE_TYPE: Final = "text/plain"

log = structlog.get_logger()


class Cosigner:
    """Cosigns for one directory. ``key`` gives the node's witness key, or None."""

    def __init__(self, core: Core, http: Http, url: str, key: Callable[[], WitnessKey | None]):
        self._core = core
        self._http = http
        self._url = url
        self._key = key

    def acts(self) -> WitnessKey | None:
        """Our witness key, if the acting root names it."""
        directory = self._core.members.directory
        if directory is None or not directory.roots:
            return None
        witnesses = directory.root_at(self._core.clock()).root.witnesses
        try:
            key = self._key() if witnesses else None
        except Trouble:
            log.warning("witness.failed", code="key")
            return None
        named = key is not None and any(
            w.name == key.name and w.key == key.signer.public for w in witnesses
        )
        return key if named else None

    async def run(self) -> bool:
        """Offer our line for what is held, unless it stands there; True if it was taken now."""
        core, key = self._core, self.acts()
        replica = core.members.replica
        if key is None or replica is None or core.members.forked_at is not None:
            return False
        held = replica.checkpoint
        if held is None or _signed(held.note, key):
            return False
        try:
            if not await self._remember(replica):
                log.error("witness.refused", code="forked-log")
                return False
            text = parse_note(held.note).text
            line = cosign(text, key.name, key.signer, core.clock())
            answer = await self._http.request(
                "PUT",
                self._url + COSIGNATURES,
                data=f"{text}\n{line}".encode(),
                content_type=NOTE_TYPE,
                limit=MAX_NOTE,
            )
        except Unreachable as error:
            log.warning("witness.failed", code=error.code)
            return False
        except StoreError as error:
            log.warning("witness.failed", code=f"store-{error.code}")
            return False
        if answer.status not in (200, 204):
            log.warning("witness.failed", code=f"http-{answer.status}")
            return False
        log.info("witness.cosigned", entries=held.size)
        return True

    async def _remember(self, replica: Replica) -> bool:
        """Store what is about to be signed; False if it does not extend what was signed last."""
        held = replica.checkpoint
        if held is None:
            return False
        last = await fact(self._core.store, COSIGNED)
        if last is not None:
            size, root = int.from_bytes(last[:8], "big"), last[8:]
            if size > held.size or replica.tree.root(size) != root:
                return False
            if size == held.size:
                return True
        value = held.size.to_bytes(8, "big") + held.root
        await self._core.store.write(lambda tx: keep(tx, COSIGNED, value))
        return True


def _signed(note: bytes, key: WitnessKey) -> bool:
    """Whether our line stands under a checkpoint."""
    name = key_id(key.name, COSIGNATURE, key.signer.public)
    return any(s.name == key.name and s.key_id == name for s in parse_note(note).signatures)
