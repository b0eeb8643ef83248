"""All that is published, read from a directory's folder, whether it runs or not.

Law: nothing is written, no lock is taken: the database is opened for reading alone, and what is
read is one state of it. What is published is decided as :mod:`published` decides it.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from referral_directory.log.store import translated
from referral_directory.public.published import ACTIVE, Public
from referral_directory.trouble import Trouble
from referral_protocol import profiles
from referral_protocol.directory.entries import entry_hash, parse_leaf
from referral_protocol.directory.records import held_records, parse_records
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.state import Directory
from referral_protocol.errors import ProtocolError
from referral_protocol.profiles import Profile


def published_in(database: Path, now: int, *, allow_loopback: bool) -> list[Public]:
    """Published profiles of active members, by name; Trouble if the folder cannot be read."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            leaves = [bytes(x[0]) for x in connection.execute(_LEAVES)]
            note = bytes(connection.execute("SELECT note FROM checkpoint").fetchone()[0])
            packed = [bytes(x[0]) for x in connection.execute(_RECORDS)]
        genesis = entry_hash(parse_leaf(leaves[0]).content)
        directory = Replica.restore(genesis, note, leaves, now, allow_loopback).directory
        found = [each for data in packed if (each := _public(data, directory, now)) is not None]
    except sqlite3.Error as error:
        raise Trouble(str(translated(error, str(database)))) from None
    except (ProtocolError, TypeError, IndexError):
        raise Trouble(
            f"{database}: its log cannot be read; a start of the directory says why"
        ) from None
    return sorted(found, key=_order)


_LEAVES = "SELECT leaf FROM entries ORDER BY number"
_RECORDS = "SELECT records FROM members WHERE records IS NOT NULL"


def _public(data: bytes, directory: Directory, now: int) -> Public | None:
    held, _ = held_records(parse_records(data), directory)
    if directory.status(held.member, now) != ACTIVE:
        return None
    try:
        profile: Profile | None = profiles.published(profiles.unpack(held.contents()))
    except ProtocolError:
        return None  # of a version that this one cannot read, or without an organisation
    return None if profile is None else Public(held.member, profile)


def _order(each: Public) -> tuple[str, bytes]:
    said = each.profile.organisation
    return (said.name_latin or said.name).casefold(), each.id
