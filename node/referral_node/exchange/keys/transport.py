"""Transport prekeys: made by the running node, usable for a day, gone after three (SPEC 4).

Law: the private half never enters a backup and is deleted on time: what was sealed to it cannot be
opened afterwards, by anyone. A new one is made when half of the current one's life is over, so that
a receipt always hands out a fresh one.
"""

from collections.abc import Callable
from typing import Final

from referral_node.store import Store, Tx
from referral_protocol.certificates import (
    TRANSPORT_PREKEY_KEPT,
    TRANSPORT_PREKEY_LIFE,
    make_transport_prekey,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import prekey_id
from referral_protocol.suite import Opener, Signer

_FRESH: Final = TRANSPORT_PREKEY_LIFE // 2


class TransportKeys:
    """The node's own transport prekeys, the current one first."""

    def __init__(
        self,
        us: bytes,
        node: Signer,
        store: Store,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._us = us
        self._node = node
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._openers: dict[bytes, tuple[int, Opener]] = {}
        self._current: tuple[int, bytes] | None = None

    def turn(self, node: Signer) -> None:
        """The machine has another key: what is handed out from now on bears it."""
        self._node = node
        self._current = None

    async def upkeep(self) -> bytes:
        """Delete what is too old, make one if needed; returns the current signed prekey."""
        now = self._clock()
        over = any(now >= made_at + TRANSPORT_PREKEY_KEPT for made_at, _ in self._openers.values())
        if self._current is not None and not over and now < self._current[0] + _FRESH:
            return self._current[1]
        seed = self._entropy(32)
        opener = Opener(seed)
        key_id = prekey_id(opener.public)
        fresh = make_transport_prekey(self._node, self._us, opener.public, now)

        gone = 0

        async def work(tx: Tx) -> list[tuple[bytes, bytes, bytes, int]]:
            nonlocal gone
            gone = await tx.execute(
                "DELETE FROM transport_prekeys WHERE made_at <= ?", (now - TRANSPORT_PREKEY_KEPT,)
            )
            rows = await tx.rows(
                "SELECT id, seed, signed, made_at FROM transport_prekeys ORDER BY made_at DESC"
            )
            kept = [(bytes(r[0]), bytes(r[1]), bytes(r[2]), int(r[3])) for r in rows]
            if kept and now < kept[0][3] + _FRESH:
                return kept
            await tx.execute(
                "INSERT INTO transport_prekeys (id, seed, signed, made_at, ends) "
                "VALUES (?, ?, ?, ?, ?)",
                (key_id, seed, fresh, now, now + TRANSPORT_PREKEY_LIFE),
            )
            return [(key_id, seed, fresh, now), *kept]

        rows = await self._store.write(work)
        self._openers = {key: (made_at, Opener(bytes(seed))) for key, seed, _, made_at in rows}
        self._current = (rows[0][3], rows[0][2])
        if gone:
            await self._store.truncate()  # until then it lies in the write-ahead log
        return self._current[1]

    def opener(self, key_id: bytes) -> Opener:
        """The private half named by a parcel; ``prekey-unknown`` or ``stale-prekey`` if gone."""
        found = self._openers.get(key_id)
        if found is None:
            raise ProtocolError("prekey-unknown", "parcel header: prekey")
        made_at, opener = found
        if self._clock() >= made_at + TRANSPORT_PREKEY_KEPT:
            raise ProtocolError("stale-prekey", "parcel header: prekey")
        return opener
