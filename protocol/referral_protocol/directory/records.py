"""Profile records: contacts and services, beside the log (DIRECTORY 5.1).

Law: the log holds only a record's hash over a salt of 32 random bytes, so a person's name can be
taken out of a record or the record away, and nothing in the log gives it back. A record counts only
while the log names its hash for its member.
"""

from typing import Annotated, Final

from msgspec import Meta

from referral_protocol import labels
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tiles import parse_tile
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import digest
from referral_protocol.wire import Hash, Id, Wire, decode, encode

MAX_PROFILE: Final = 64 * 1024
MAX_RECORD: Final = MAX_PROFILE + 128

Profile = Annotated[bytes, Meta(min_length=1, max_length=MAX_PROFILE)]


class Record(Wire, frozen=True):
    """A member's profile as canonical bytes, with the salt of its hash."""

    member: Id
    salt: Hash
    profile: Profile

    @property
    def hash(self) -> bytes:
        """What the log names it by."""
        return record_hash(self.salt, self.profile)

    def pack(self) -> bytes:
        """The bytes that are served."""
        return encode(self)


def record_hash(salt: bytes, profile: bytes) -> bytes:
    """SHA-256 over label, salt and profile bytes, 32 bytes."""
    return digest(labels.RECORD, salt, profile)


def parse_record(data: bytes) -> Record:
    """Parse a record; whether the log names it is not checked."""
    return decode(data, Record, MAX_RECORD, "record")


def check_record(record: Record, directory: Directory) -> None:
    """``wrong-record`` unless the log names this record for its member now."""
    if directory.known(record.member).record != record.hash:
        raise ProtocolError("wrong-record", "record: not the one that the log names")


def read_records_tile(
    data: bytes, name: bytes, directory: Directory
) -> tuple[list[Record], list[ProtocolError]]:
    """The records of a tile that the log names, and why each other item was left out."""
    records: list[Record] = []
    refused: list[ProtocolError] = []
    for item in parse_tile(data, name, MAX_RECORD, "records"):
        try:
            record = parse_record(item)
            check_record(record, directory)
        except ProtocolError as error:
            refused.append(error)
        else:
            records.append(record)
    return records, refused
