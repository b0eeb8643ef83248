"""Backup and restore of a federation's members, as the two commands do it."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

from fed_member import CHEAP, Member
from referral_node.backup.copying import copy_database
from referral_node.backup.format import Reader, open_key, read_head
from referral_node.backup.making import Made, back_up
from referral_node.backup.restoring import Restored, restore_node
from referral_node.vault import Kit, SlotKeys


async def back_up_here(member: Member, to: Path, keep: int | None = None) -> Made:
    """What `referral node backup` does beside a running node; this one runs in our process."""
    handlers = member.node.operations().handlers()

    async def do(command: str, arguments: dict[str, Any]) -> Any:
        return await handlers[command](arguments)

    return await back_up(member.folder, to, keep, do, os.urandom)


async def restored(member: Member, file: Path, target: Path, kit: Kit | None = None) -> Restored:
    """What `referral node restore` does, with the member's own kit unless another is given."""
    keys = SlotKeys(CHEAP, os.urandom)
    try:
        return await restore_node(
            file, target, kit or member.kit, keys, member.federation.clock.now
        )
    finally:
        keys.close()


def parts_inside(member: Member, file: Path) -> list[tuple[str, bytes]]:
    """Name and bytes of each part of a backup."""
    with file.open("rb") as handle:
        head = read_head(handle, str(file))
        key = open_key(head, member.kit.backup_pair(), str(file))
        parts = Reader(handle, key, str(file)).parts()
        return [(name, b"".join(pieces)) for name, _, pieces in parts]


def opened(member: Member) -> bytes:
    """The member's master key."""
    return member.vault().master()


async def given_up(member: Member, stop: threading.Event) -> None:
    """A copy that somebody waits for."""
    await asyncio.to_thread(copy_database, member.folder, stop)
