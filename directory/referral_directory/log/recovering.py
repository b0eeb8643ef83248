"""What the directory keeps of a recovery between its announcement and its end.

Law: the records and the bundle that came with the request stay with the request until the card
acts; nothing of them is served before.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from referral_directory.log.store import Tx
from referral_protocol.directory.entries import (
    ACTIVE,
    LOST,
    RECOVERY_ENDED,
    Status,
    make_status_entry,
    make_update_entry,
    parse_leaf,
)
from referral_protocol.directory.requests import (
    APPROVED,
    Submission,
    parse_submission,
    request_id,
)
from referral_protocol.directory.rules import Announced, Member
from referral_protocol.directory.state import Directory, VerifiedEntry

ANNOUNCED: Final = "announced"
READY: Final = "ready"
VETOED: Final = "vetoed"
FOUND: Final = "found"
"""Reason of the status by which root keys keep the vault key that was said to be lost."""


class OpenRecovery(NamedTuple):
    """A recovery that is not decided. ``complete`` and ``end``: contents to sign now, or None.

    Registrars sign them; after a veto the root keys do.
    """

    member: Member
    recovery: Announced
    state: str
    complete: bytes | None
    end: bytes

    def plain(self) -> dict[str, Any]:
        """What a person sees of it."""
        card = self.recovery.card
        return {
            "state": self.state,
            "announced_at": self.recovery.since,
            "acts_from": self.recovery.acts_from,
            "lapses_at": self.recovery.lapses_at,
            "vetoed_at": self.recovery.vetoed_at,
            "new_endpoint": card.endpoint,
            "new_vault_key": card.vault_key,
            "new_node_key": card.node_key,
            "complete": self.complete,
            "end": self.end,
        }


def open_recoveries(directory: Directory, now: int) -> Iterator[OpenRecovery]:
    """All that are announced or vetoed, in the order in which their members joined."""
    for member in directory.members():
        recovery = member.recovery
        if recovery is None or member.removed_at is not None or not member.recovering(now):
            continue
        chain = (directory.genesis, member.id, member.number + 1, member.head)
        ready = now >= recovery.acts_from
        complete = make_update_entry(*chain, recovery.card, LOST, now) if ready else None
        reason = FOUND if member.vetoed else RECOVERY_ENDED
        end = make_status_entry(*chain, Status(ACTIVE, None, reason), now)
        state = VETOED if member.vetoed else READY if ready else ANNOUNCED
        yield OpenRecovery(member, recovery, state, complete, end)


async def approved(tx: Tx, leaf: bytes, now: int) -> None:
    """The request whose content this leaf holds was granted: it is announced."""
    name = request_id(parse_leaf(leaf).content)
    await tx.execute(
        "UPDATE requests SET state = ?, text = '', changed_at = ? WHERE request = ?",
        (APPROVED, now, name),
    )


async def brought(tx: Tx, before: Member, completed: VerifiedEntry) -> Submission:
    """What the request brought along, now that its card acts; nothing if it is not kept."""
    leaf = parse_leaf(completed.leaf)
    nothing = Submission(leaf.content, leaf.signatures, (), None)
    if before.recovery is None:
        return nothing
    rows = await tx.rows("SELECT leaf FROM entries WHERE number = ?", (before.recovery.index,))
    name = request_id(parse_leaf(bytes(rows[0]["leaf"])).content)
    kept = await tx.rows("SELECT submission FROM requests WHERE request = ?", (name,))
    return parse_submission(bytes(kept[0]["submission"])) if kept else nothing
