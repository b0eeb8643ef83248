"""Case prekeys: made ahead, published in one vault-signed bundle, destroyed on time (SPEC 4).

Law: a prekey is destroyed 45 days after its end and never before its successor has stood on the
board as long; until then a message sealed to it opens. A new one is current only from seven days
after it was made, so that a nightly backup holds it; the first ones of a member are the exception.
"""

from typing import Final

from referral_node.exchange.core import Core
from referral_node.exchange.keys.own import present_signer
from referral_node.exchange.rows import audit
from referral_node.store import Tx
from referral_node.store.facts import BUNDLE, keep
from referral_node.vault.vault import UnlockedVault
from referral_protocol.certificates import (
    CASE_PREKEY_KEPT,
    CASE_PREKEY_LEAD,
    CASE_PREKEY_LIFE,
    DAY,
    Bundle,
    CasePrekey,
    make_bundle,
)
from referral_protocol.suite import SUITE

AHEAD: Final = 4
"""Prekeys that lie ready, the current one included: four months without anyone signing in."""


class CaseKeys:
    """The upkeep of our own case prekeys, done while a keyholder is signed in."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def upkeep(self, vault: UnlockedVault) -> bytes | None:
        """Make what is missing and destroy what is over; the new bundle if there is one."""
        core = self._core
        if core.key_changes:
            return None  # what is published changes with the key: after that
        now = core.clock()
        rows = await core.store.rows("SELECT MAX(ends) FROM case_prekeys")
        last_end = int(rows[0][0] or 0)
        wanted_until = now + (AHEAD - 1) * CASE_PREKEY_LIFE
        over = await core.store.row(_IS_OVER, _over(now))
        if last_end >= wanted_until and over is None:
            return None
        fresh = []
        starts = max(last_end, now + CASE_PREKEY_LEAD)
        while starts < wanted_until + DAY:
            name, public, seed = vault.seal_prekey(core.entropy(32))
            fresh.append((name, seed, public, now, starts, starts + CASE_PREKEY_LIFE))
            starts += CASE_PREKEY_LIFE

        async def work(tx: Tx) -> bytes:
            await tx.many(
                "INSERT INTO case_prekeys (id, seed, public, made_at, starts, ends) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                fresh,
            )
            await tx.execute(_DESTROY, _over(now))
            bundle = await _bundle(tx, core.us, now)
            packed = make_bundle(await present_signer(tx, core, vault), bundle)
            await keep(tx, BUNDLE, packed)
            await audit(tx, now, None, "prekeys-made", None)
            return packed

        packed = await core.store.write(work)
        await core.store.truncate()  # what was destroyed lies in the write-ahead log until then
        return packed


# What ended 45 days ago, if a successor was made at least as long ago.
_IS_OVER: Final = (
    "SELECT 1 FROM case_prekeys WHERE ends <= ? AND EXISTS (SELECT 1 FROM case_prekeys later "
    "WHERE later.starts >= case_prekeys.ends AND later.made_at <= ?)"
)
_DESTROY: Final = (
    "DELETE FROM case_prekeys WHERE ends <= ? AND EXISTS (SELECT 1 FROM case_prekeys later "
    "WHERE later.starts >= case_prekeys.ends AND later.made_at <= ?)"
)


def _over(now: int) -> tuple[int, int]:
    return now - CASE_PREKEY_KEPT, now - CASE_PREKEY_KEPT


async def _bundle(tx: Tx, us: bytes, now: int) -> Bundle:
    rows = await tx.rows(
        "SELECT public, made_at, starts, ends FROM case_prekeys WHERE ends > ? ORDER BY starts",
        (now,),
    )
    prekeys = tuple(
        CasePrekey(SUITE, bytes(r["public"]), r["made_at"], r["starts"], r["ends"]) for r in rows
    )
    return Bundle(SUITE, us, now, prekeys)
