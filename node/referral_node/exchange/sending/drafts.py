"""Drafts: a referral while it is being written, sealed under a key of its own.

Law: what was typed is kept as it was typed, valid or not; two windows on one draft never overwrite
each other silently: the later one is told that its copy is old.
"""

from typing import Any, Final

import msgspec
import structlog

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.files.filing import discard_in
from referral_node.exchange.rows import audit
from referral_node.store import Tx
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import UnlockedVault

log = structlog.get_logger()


class Draft(msgspec.Struct, frozen=True):
    """A draft. ``typed`` keeps, by step, fields that could not be understood as they stand;
    ``follows`` is the thread that it goes on from."""

    id: bytes
    content: dict[str, Any] = {}
    typed: dict[str, dict[str, list[str]]] = {}
    recipient: bytes | None = None
    kind: str = "referral"
    step: str = ""
    done: tuple[str, ...] = ()
    version: int = 0
    saved_at: int = 0
    follows: bytes | None = None


_EMPTY: Final = Draft(b"")


class StaleDraft(Exception):
    """The draft was saved in another window meanwhile. ``current`` is what is stored now."""

    def __init__(self, current: Draft) -> None:
        self.current = current
        super().__init__("this draft was changed in another window")


class DraftGone(Exception):
    """The draft was sent or discarded."""


class Drafts:
    """The drafts of this node."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(
        self, vault: UnlockedVault, actor: Actor, kind: str = "referral", filled: Draft = _EMPTY
    ) -> bytes:
        """An empty draft, or one with what ``filled`` has; returns its id, 16 random bytes."""
        core = self._core
        draft = msgspec.structs.replace(
            filled, id=core.entropy(16), kind=kind, version=1, saved_at=core.clock()
        )
        key = core.entropy(32)

        async def work(tx: Tx) -> None:
            wrapped = vault.wrap_case_key(draft.id, key)
            sealed = vault.case_key(draft.id, wrapped).seal(_pack(draft), _place(draft))
            await tx.execute(
                "INSERT INTO drafts (id, case_key, sealed, version, saved_at, actor) "
                "VALUES (?, ?, ?, 1, ?, ?)",
                (draft.id, wrapped, sealed, draft.saved_at, actor.id),
            )
            await audit(tx, draft.saved_at, actor.id, "draft-begun", draft.id)

        await core.store.write(work)
        return draft.id

    async def load(self, vault: UnlockedVault, draft: bytes) -> Draft | None:
        """A draft by id, or None if it was sent or discarded."""
        row = await self._core.store.row(
            "SELECT id, case_key, sealed, version FROM drafts WHERE id = ?", (draft,)
        )
        return None if row is None else _read(vault, row)

    async def all(self, vault: UnlockedVault) -> list[Draft]:
        """All drafts that can be read, the last saved first."""
        rows = await self._core.store.rows(
            "SELECT id, case_key, sealed, version FROM drafts ORDER BY saved_at DESC"
        )
        found = []
        for row in rows:
            try:
                found.append(_read(vault, row))
            except Unsealable:
                log.error("draft.damaged", code="damaged")  # the list is not lost with it
        return found

    async def save(self, vault: UnlockedVault, actor: Actor, draft: Draft) -> Draft:
        """Store a changed draft; returns it with its new version and time.

        Raises StaleDraft if another version was stored since ``draft.version``, DraftGone if it
        was sent or discarded.
        """
        core = self._core
        following = msgspec.structs.replace(draft, version=draft.version + 1, saved_at=core.clock())

        async def work(tx: Tx) -> Draft | None:
            row = await tx.row(
                "SELECT id, case_key, sealed, version FROM drafts WHERE id = ?", (draft.id,)
            )
            if row is None:
                raise DraftGone("this draft was sent or discarded")
            if row["version"] != draft.version:
                return _read(vault, row)
            key = vault.case_key(draft.id, bytes(row["case_key"]))
            await tx.execute(
                "UPDATE drafts SET sealed = ?, version = ?, saved_at = ?, actor = ? WHERE id = ?",
                (
                    key.seal(_pack(following), _place(following)),
                    following.version,
                    following.saved_at,
                    actor.id,
                    draft.id,
                ),
            )
            return None

        stale = await core.store.write(work)
        if stale is not None:
            raise StaleDraft(stale)
        return following

    async def discard(self, actor: Actor, draft: bytes) -> None:
        """Delete a draft and its key."""
        core = self._core

        async def work(tx: Tx) -> None:
            if await tx.execute("DELETE FROM drafts WHERE id = ?", (draft,)):
                await discard_in(tx, draft)
                await audit(tx, core.clock(), actor.id, "draft-discarded", draft)

        await core.store.write(work)


def _pack(draft: Draft) -> bytes:
    return msgspec.msgpack.encode(draft)


def _place(draft: Draft) -> tuple[str, bytes, int]:
    return "drafts", draft.id, draft.version


def _read(vault: UnlockedVault, row: Any) -> Draft:
    name = bytes(row["id"])
    key = vault.case_key(name, bytes(row["case_key"]))
    plain = key.unseal(bytes(row["sealed"]), ("drafts", name, int(row["version"])))
    return msgspec.msgpack.decode(plain, type=Draft)
