"""Whether our own organisation may not exchange anything now, as our copy of the log has it. Pure.

Law: what others see of us, our own people are told as well; nothing here waits for the directory.
"""

from typing import Final

import msgspec

from referral_protocol.directory.entries import REMOVED, STATUS, SUSPENDED, parse_entry, parse_leaf
from referral_protocol.directory.rules import Member
from referral_protocol.directory.state import Directory

WAITS: Final = "Your organisation is suspended, so it waits here until that ends."
"""What is said of something that was to be sent."""


class Stopped(msgspec.Struct, frozen=True):
    """``status``: suspended or removed; ``since`` and ``until`` in ms UTC, ``until`` None when
    there is no end; ``vetoed``: two claim to be us, and the root keys must decide."""

    status: str
    since: int
    until: int | None = None
    vetoed: bool = False


def stopped(member: Member | None, now: int) -> Stopped | None:
    """How a member is stopped at this time; None while it is not, or is none."""
    if member is None:
        return None
    if member.removed_at is not None:
        return Stopped(REMOVED, member.removed_at)
    if member.recovery is not None and member.recovery.vetoed_at is not None:
        return Stopped(SUSPENDED, member.recovery.vetoed_at, vetoed=True)
    held = [s for s in (member.suspension, member.own_suspension) if s is not None and s.holds(now)]
    if not held:
        return None
    ends = [each.until for each in held if each.until is not None]
    until = max(ends) if len(ends) == len(held) else None
    return Stopped(SUSPENDED, min(each.since for each in held), until)


def stopped_in(
    leaves: list[bytes], genesis: bytes, member: bytes, now: int, *, allow_loopback: bool
) -> Stopped | None:
    """The same of a stored log, whose signatures were verified before it was stored."""
    if not any(_status_of(leaf, member) for leaf in leaves):
        return None  # nearly always: a whole log takes seconds to fold
    directory = Directory(genesis, allow_loopback)
    for index, leaf in enumerate(leaves):
        directory.apply(leaf, index, signatures=False)
    return stopped(directory.member(member), now)


def _status_of(leaf: bytes, member: bytes) -> bool:
    if member not in leaf:
        return False
    entry = parse_entry(parse_leaf(leaf).content)
    return entry.kind == STATUS and entry.member == member
