"""What a member sends to the directory: a request to join, an update, its own status
(DIRECTORY 5.3).

A submission is an entry that is ready but for the registrar's signature (a request to join) or
wholly (an update, a status), with the record that it names and, if the member has one, its bundle.

Law: the registrar signs the very bytes that the member signed, so nothing is typed in or copied on
the way, and a submission proves the possession of both keys by itself.
"""

from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from referral_protocol import labels
from referral_protocol.certificates import MAX_BUNDLE, verify_bundle
from referral_protocol.directory.entries import (
    Card,
    Content,
    Entry,
    EntrySignature,
    Leaf,
    Recovery,
    Signatures,
    Status,
    Update,
    make_member_entry,
    make_recovery_entry,
    make_update_entry,
    merge_signatures,
    parse_entry,
    sign_entry,
)
from referral_protocol.directory.records import (
    MAX_TOTAL,
    Records,
    Salted,
    SaltedList,
    check_list,
    check_record,
    record_hashes,
)
from referral_protocol.directory.rules import Member
from referral_protocol.directory.state import Directory, VerifiedEntry
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import member_id
from referral_protocol.suite import SUITE, Signer, digest
from referral_protocol.wire import Code, Time, Wire, decode, encode

MAX_SUBMISSION: Final = MAX_TOTAL + MAX_BUNDLE + 24 * 1024
MAX_REQUEST_STATE: Final = 8 * 1024
MAX_TEXT: Final = 1000

WAITING: Final = "waiting"
ASKED: Final = "asked-again"
APPROVED: Final = "approved"
DECLINED: Final = "declined"


class Submission(Wire, frozen=True):
    """``records`` are those that the entry names and the directory does not have yet."""

    content: Content
    signatures: Signatures
    records: SaltedList
    bundle: Annotated[bytes, Meta(min_length=1, max_length=MAX_BUNDLE)] | None

    def pack(self) -> bytes:
        """The bytes that travel."""
        return encode(self)

    @property
    def id(self) -> bytes:
        """The 16 bytes under which the directory answers how it stands.

        Over the whole content, the records' salted hashes included: nobody else can guess it.
        """
        return request_id(self.content)


class RequestState(Wire, frozen=True):
    """How a request to join stands. ``text`` is the registrar's, for the applicant to read."""

    state: Code
    at: Time
    text: Annotated[str, Meta(max_length=MAX_TEXT)]

    def pack(self) -> bytes:
        """The bytes that are served."""
        return encode(self)


class Join(NamedTuple):
    """A checked request to join: what is missing is the registrar's signature."""

    member: bytes
    card: Card
    entry: Entry
    records: Records
    submission: Submission


class Recover(NamedTuple):
    """A checked request to recover: what is missing is the registrars' signatures."""

    member: bytes
    card: Card
    entry: Entry
    records: Records
    submission: Submission


class Change(NamedTuple):
    """A checked update or status by a member itself, ready to be adopted."""

    verified: VerifiedEntry
    records: Records
    submission: Submission


def request_id(content: bytes) -> bytes:
    """The name of a request, 16 bytes."""
    return digest(labels.REQUEST, content)[:16]


def parse_submission(data: bytes) -> Submission:
    """Parse a submission; nothing in it is checked yet."""
    return decode(data, Submission, MAX_SUBMISSION, "submission")


def asked_card(submission: Submission) -> Card:
    """The card that a request to join or to recover asks for; ``wrong-value`` if it is neither."""
    body = parse_entry(submission.content).body
    if isinstance(body, Recovery):
        return body.card
    if not isinstance(body, Card):
        raise ProtocolError("wrong-value", "request: neither to join nor to recover")
    return body


def parse_request_state(data: bytes) -> RequestState:
    """Parse the answer to ``GET /v1/requests/<id>``."""
    return decode(data, RequestState, MAX_REQUEST_STATE, "request state")


def make_join(
    genesis: bytes,
    vault: Signer,
    node: Signer,
    endpoint: str,
    pins: tuple[bytes, ...],
    records: tuple[Salted, ...],
    bundle: bytes | None,
    now: int,
) -> Submission:
    """A request to join, signed with both keys; ``records`` as :func:`records.salted` gives."""
    hashes = record_hashes(records)
    card = Card((SUITE,), vault.public, node.public, endpoint, tuple(sorted(pins)), hashes)
    content = make_member_entry(genesis, member_id(vault.public), card, now)
    return Submission(content, sign_entry(content, vault, node), records, bundle)


def make_update(
    genesis: bytes,
    member: Member,
    card: Card,
    reason: str,
    signers: tuple[Signer, ...],
    records: tuple[Salted, ...],
    bundle: bytes | None,
    now: int,
) -> Submission:
    """A new card after the member's last entry, with the records that are new in it.

    ``signers``: the vault key and each new key.
    """
    content = make_update_entry(
        genesis, member.id, member.number + 1, member.head, card, reason, now
    )
    return Submission(content, sign_entry(content, *signers), records, bundle)


def make_recovery(
    genesis: bytes,
    member: Member,
    card: Card,
    signers: tuple[Signer, Signer],
    records: tuple[Salted, ...],
    bundle: bytes | None,
    now: int,
) -> Submission:
    """A request to recover a member whose vault key is lost, after its last entry.

    ``signers``: the new vault key, and the node key that the card names; ``records`` those that
    are new in the card; ``bundle`` under the new vault key.
    """
    content = make_recovery_entry(genesis, member.id, member.number + 1, member.head, card, now)
    return Submission(content, sign_entry(content, *signers), records, bundle)


def check_join(submission: Submission, directory: Directory, now: int) -> Join:
    """Check a request to join as far as it can be without the registrar's signature."""
    entry, card = directory.verify_join(submission.content, submission.signatures, now)
    member = member_id(card.vault_key)
    _check_records(submission.records, card, {})
    if submission.bundle is not None:
        verify_bundle(submission.bundle, member, card.vault_key, now)
    return Join(member, card, entry, Records(member, submission.records), submission)


def check_recovery(submission: Submission, directory: Directory, now: int) -> Recover:
    """Check a request to recover as far as it can be without the registrars' signatures."""
    entry = parse_entry(submission.content)
    if not isinstance(entry.body, Recovery):
        raise ProtocolError("wrong-value", "request: not a recovery entry")
    directory.weigh(submission.content, submission.signatures, now)
    member, card = directory.known(entry.member or b""), entry.body.card
    _check_records(submission.records, card, member.records)
    if submission.bundle is not None:
        verify_bundle(submission.bundle, member.id, card.vault_key, now)
    records = Records(member.id, submission.records)
    return Recover(member.id, card, entry, records, submission)


def join_leaf(submission: Submission, registrar: tuple[EntrySignature, ...], logged: int) -> bytes:
    """The leaf of an approved request: the member's signatures and the registrar's."""
    signatures = merge_signatures(submission.signatures, registrar)
    return Leaf(logged, submission.content, signatures).pack()


def check_change(submission: Submission, directory: Directory, now: int) -> Change:
    """Check an update, or a status by the member itself, as the next entry of the log."""
    entry = parse_entry(submission.content)
    if not isinstance(entry.body, Update | Status):
        raise ProtocolError("wrong-value", "submission: not an update or status")
    member = directory.known(entry.member or b"")
    if member.vault_key not in [s.key for s in submission.signatures]:
        raise ProtocolError("missing-signature", "submission: the member's vault key")
    leaf = Leaf(max(now, directory.logged), submission.content, submission.signatures)
    verified = directory.verify(leaf.pack(), directory.size)
    if isinstance(entry.body, Status):
        if submission.records or submission.bundle is not None:
            raise ProtocolError("wrong-value", "submission: a status brings nothing along")
        return Change(verified, Records(member.id, ()), submission)
    card = entry.body.card
    _check_records(submission.records, card, member.records)
    if submission.bundle is not None:
        verify_bundle(submission.bundle, member.id, card.vault_key, now)
    return Change(verified, Records(member.id, submission.records), submission)


def _check_records(records: tuple[Salted, ...], card: Card, held: dict[str, bytes]) -> None:
    """Each record that is sent is named by the card; each that it names is sent or held."""
    check_list(records)
    for record in records:
        check_record(record, card)
    sent = {record.name for record in records}
    for named in card.records:
        if named.name not in sent and held.get(named.name) != named.hash:
            raise ProtocolError("wrong-record", f"record {named.name}: named, but not sent")
