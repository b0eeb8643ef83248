"""What an administrator has to be told: the node cannot deliver, back up or reach the directory.

Law: counted from the store's clear rows; an episode is told once, and anew when it ended and began
again. Which organisation it is stands in `status`, never in a mail.
"""

from typing import Final

from referral_node.backup.age import backups
from referral_node.exchange.core import Core
from referral_node.exchange.notices.judging import IMMEDIATE, Finding
from referral_node.store.facts import CHECKED_AT, DIRECTORY_URL, RECOVERY_OURS, fact, time_of
from referral_protocol.certificates import DAY
from referral_protocol.directory.coming import coming

UNREACHABLE: Final = "unreachable"
STOPPED: Final = "stopped"
DISK: Final = "disk"
BACKUP_OLD: Final = "backup-old"
BACKUP_FAILED: Final = "backup-failed"
DIRECTORY: Final = "directory"
FORKED: Final = "forked"
KEPT_BACK: Final = "kept-back"
RECOVERY: Final = "recovery"
NEW_ROOT: Final = "new-root"
OUT_OF_REACH: Final = DAY
"""How long a peer or the directory is not reached before anybody is told."""
_PRIORITY: Final = "routine"


async def troubles(core: Core, now: int) -> list[Finding]:
    """All that is amiss now."""
    found = [*await _peers(core, now), *await _stopped(core), *await _backups(core, now)]
    if not core.room():
        found.append(Finding(DISK, b"", 0, IMMEDIATE))
    url, checked = await fact(core.store, DIRECTORY_URL), await fact(core.store, CHECKED_AT)
    if url is not None and checked is not None and now - time_of(checked) >= OUT_OF_REACH:
        found.append(Finding(DIRECTORY, b"", time_of(checked), _PRIORITY))
    return [*found, *await _views(core, now), *await _recovery(core, now), *_roots(core, now)]


def _roots(core: Core, now: int) -> list[Finding]:
    """A new root that does not act yet: it is seen so early in order that somebody asks."""
    return [
        Finding(NEW_ROOT, b"", each.version, _PRIORITY, each.acts_from)
        for each in coming(core.members.roots, now)
    ]


async def _recovery(core: Core, now: int) -> list[Finding]:
    """Somebody has VSE give our organisation a new key, and nobody here said that this is right."""
    directory = core.members.directory
    member = None if directory is None else directory.member(core.us)
    found = None if member is None else member.recovery
    if member is None or found is None or not found.open(now):
        return []
    ours = await fact(core.store, RECOVERY_OURS)
    if member.vault_key != core.vault_key or ours == found.index.to_bytes(8, "big"):
        return []
    return [Finding(RECOVERY, core.us, found.index, IMMEDIATE)]


async def _views(core: Core, now: int) -> list[Finding]:
    """Two versions of the directory's log; or more of it with others than anybody gives us."""
    forks = await core.store.rows("SELECT proof, found_at FROM forks WHERE settled_at IS NULL")
    ahead = await core.store.row("SELECT MIN(since) FROM ahead WHERE since <= ?", (now - DAY,))
    found = [Finding(FORKED, bytes(r["proof"]), r["found_at"], IMMEDIATE) for r in forks]
    if ahead is not None and ahead[0] is not None:
        found.append(Finding(KEPT_BACK, b"", ahead[0], _PRIORITY))
    return found


async def _peers(core: Core, now: int) -> list[Finding]:
    """Members for whom something waits and whose node was not reached for a day."""
    rows = await core.store.rows(
        "SELECT o.peer, COALESCE(p.reached_at, 0) AS reached, MIN(o.queued_at) AS oldest "
        "FROM outbox o JOIN peers p ON p.member = o.peer "
        "WHERE o.code IS NULL AND p.failures > 0 AND COALESCE(p.reached_at, 0) <= ? "
        "GROUP BY o.peer HAVING MIN(o.queued_at) <= ?",
        (now - OUT_OF_REACH, now - OUT_OF_REACH),
    )
    return [Finding(UNREACHABLE, bytes(r["peer"]), r["reached"], _PRIORITY) for r in rows]


async def _stopped(core: Core) -> list[Finding]:
    """Members for whom something will not be tried again; each new one is another occasion."""
    rows = await core.store.rows(
        "SELECT peer, MAX(message) AS newest FROM outbox WHERE code IS NOT NULL GROUP BY peer"
    )
    return [Finding(STOPPED, bytes(r["peer"]), r["newest"], _PRIORITY) for r in rows]


async def _backups(core: Core, now: int) -> list[Finding]:
    """A backup that failed, or that did not come; a node that never made one is not asked."""
    known = await backups(core.store)
    since = known.at or 0  # one episode from the last good one on, however often it fails again
    if known.failed_at is not None:
        return [Finding(BACKUP_FAILED, b"", since, _PRIORITY)]
    return [Finding(BACKUP_OLD, b"", since, _PRIORITY)] if known.late(now) else []
