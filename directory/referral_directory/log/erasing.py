"""Erasing a profile record, say the contacts of a member: a person's name must go.

Law: what is erased is in no table, in no tile that is served, and after the next checkpoint of the
database in no page of its file (``secure_delete``). The log names the hash of it and its salt for
ever, which gives nothing back; so every copy of the log still verifies.
"""

from referral_directory.log import beside
from referral_directory.log.beside import RECORDS, NewTile
from referral_directory.log.store import Tx
from referral_protocol.directory.records import Records, parse_records
from referral_protocol.directory.requests import ASKED, WAITING, parse_submission
from referral_protocol.directory.tiles import TILE_MEMBERS


async def erase_record(tx: Tx, member: bytes, name: str, now: int) -> tuple[bool, list[NewTile]]:
    """Take a record out of everything that is kept: whether it was anywhere, and the new tile.

    A request that still waits is not touched: it says something new, and can be declined.
    """
    found = await erase_from_requests(tx, member, name)
    row = await beside.member_row(tx, member)
    held = parse_records(bytes(row["records"])).records if row["records"] else ()
    kept = tuple(record for record in held if record.name != name)
    if len(kept) == len(held):
        return found, []
    await beside.set_records(tx, Records(member, kept))
    tile = await beside.remake_tile(tx, RECORDS, row["slot"], now)
    # Not for another hour either: whoever has just read the index asks for it again.
    await tx.execute(
        "DELETE FROM tiles WHERE kind = ? AND number = ? AND replaced_at IS NOT NULL",
        (RECORDS, row["slot"] // TILE_MEMBERS),
    )
    return True, [tile]


async def erase_from_requests(tx: Tx, member: bytes, name: str) -> bool:
    """Take a record out of a member's requests that do not wait; whether it was in one."""
    found = False
    rows = await tx.rows(
        "SELECT request, submission FROM requests WHERE member = ? AND state NOT IN (?, ?)",
        (member, WAITING, ASKED),
    )
    for row in rows:
        submission = parse_submission(bytes(row["submission"]))
        kept = tuple(record for record in submission.records if record.name != name)
        if len(kept) != len(submission.records):
            smaller = type(submission)(
                submission.content, submission.signatures, kept, submission.bundle
            )
            await tx.execute(
                "UPDATE requests SET submission = ? WHERE request = ?",
                (smaller.pack(), row["request"]),
            )
            found = True
    return found
