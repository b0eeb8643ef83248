"""Profile records: organisation, contacts, services, beside the log (DIRECTORY 5.1).

Law: the log holds only each record's hash over a salt of 32 random bytes, so one of them, say the
contacts, can be erased and nothing in the log gives a person's name back, while the others still
count. A record counts only while the log names its hash for its member.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final

from msgspec import Meta

from referral_protocol import labels
from referral_protocol.directory.entries import MAX_RECORDS, Card, RecordHash
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tiles import parse_tile
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import digest
from referral_protocol.wire import Code, Hash, Id, Wire, decode, encode

MAX_TOTAL: Final = 128 * 1024
"""Most bytes of all records of one member together."""
MAX_ITEM: Final = MAX_TOTAL + 1024


class Salted(Wire, frozen=True):
    """One record: its name (``organisation``, ``contacts``, ``services``), salt and bytes."""

    name: Code
    salt: Hash
    content: Annotated[bytes, Meta(min_length=1, max_length=MAX_TOTAL)]

    @property
    def hash(self) -> bytes:
        """What the log names it by."""
        return record_hash(self.salt, self.content)


SaltedList = Annotated[tuple[Salted, ...], Meta(max_length=MAX_RECORDS)]


class Records(Wire, frozen=True):
    """What there is of a member's records, ascending by name."""

    member: Id
    records: SaltedList

    def pack(self) -> bytes:
        """The bytes that are served."""
        return encode(self)

    def contents(self) -> dict[str, bytes]:
        """The records' bytes by name, as :mod:`referral_protocol.profiles` takes them."""
        return {record.name: record.content for record in self.records}


def record_hash(salt: bytes, content: bytes) -> bytes:
    """SHA-256 over label, salt and the record's bytes, 32 bytes."""
    return digest(labels.RECORD, salt, content)


def salted(contents: Mapping[str, bytes], salts: Mapping[str, bytes]) -> tuple[Salted, ...]:
    """Records by name with fresh salts by name (32 random bytes each), in their order."""
    return tuple(Salted(name, salts[name], contents[name]) for name in sorted(contents))


def record_hashes(records: Iterable[Salted]) -> tuple[RecordHash, ...]:
    """What a card says of these records."""
    return tuple(RecordHash(record.name, record.hash) for record in records)


def parse_records(data: bytes) -> Records:
    """Parse a member's records; whether the log names them is not checked."""
    records = decode(data, Records, MAX_ITEM, "records")
    check_list(records.records)
    return records


def check_list(records: tuple[Salted, ...]) -> None:
    """``wrong-value`` unless ascending by name; ``too-large`` if too much together."""
    names = [record.name for record in records]
    if names != sorted(set(names)):
        raise ProtocolError("wrong-value", "records: not ascending by name, or one twice")
    if sum(len(record.content) for record in records) > MAX_TOTAL:
        raise ProtocolError("too-large", f"records: at most {MAX_TOTAL} bytes together")


def check_record(record: Salted, card: Card) -> None:
    """``wrong-record`` unless the card names this record."""
    if RecordHash(record.name, record.hash) not in card.records:
        raise ProtocolError("wrong-record", f"record {record.name}: not the one that the log names")


def held_records(records: Records, directory: Directory) -> tuple[Records, list[ProtocolError]]:
    """Those of a member's records that the log names now, and why each other one is left out."""
    card = directory.known(records.member).card
    held: list[Salted] = []
    refused: list[ProtocolError] = []
    for record in records.records:
        try:
            check_record(record, card)
        except ProtocolError as error:
            refused.append(error)
        else:
            held.append(record)
    return Records(records.member, tuple(held)), refused


def read_records_tile(
    data: bytes, name: bytes, directory: Directory
) -> tuple[list[Records], list[ProtocolError]]:
    """What a tile holds of each member and the log names, and why each other thing is left out."""
    found: list[Records] = []
    refused: list[ProtocolError] = []
    for item in parse_tile(data, name, MAX_ITEM, "records"):
        try:
            held, left_out = held_records(parse_records(item), directory)
        except ProtocolError as error:
            refused.append(error)
        else:
            found.append(held)
            refused.extend(left_out)
    return found, refused
