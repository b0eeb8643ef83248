"""Checking an evidence bundle (SPEC 8.4): every signature, nothing taken on trust.

Law: a statement is checked against every vault key that the log gives its sender, and which one it
was is said: a key that was later reported as compromised proves little.
"""

from collections.abc import Iterator
from typing import Final

from referral_protocol.certificates import verify_certificate
from referral_protocol.directory.earlier import VaultKey, vault_keys
from referral_protocol.directory.entries import COMPROMISED, anchor_text, entry_hash, parse_leaf
from referral_protocol.directory.notes import Checkpoint, peek_checkpoint, verify_checkpoint
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tree import leaf_hash, verify_inclusion
from referral_protocol.errors import ProtocolError
from referral_protocol.evidence.bundle import EvidenceBundle, Given, Stated, parse_evidence
from referral_protocol.evidence.findings import (
    Findings,
    PartyFinding,
    Problem,
    ReceiptFinding,
    RungFinding,
    StatementFinding,
)
from referral_protocol.forms import content as contents
from referral_protocol.keys import fingerprint
from referral_protocol.ladder import Rung
from referral_protocol.proofs import CONTACT_MADE, proofs
from referral_protocol.receipts import REFUSED, SignedReceipt, verify_receipt
from referral_protocol.statements import (
    OPEN,
    SignedStatement,
    parse_statement,
    statement_hash,
    verify_statement,
)
from referral_protocol.states import ThreadState, in_order, thread_state

CURRENT: Final = "current"
EARLIER: Final = "earlier"


def verify_evidence(data: bytes, now: int, anchor: bytes | None = None) -> Findings:
    """Check a bundle offline. ``anchor``: the genesis hash from paper, if it is at hand.

    Raises ProtocolError for a file that is not a bundle, and where log, proofs, checkpoint or
    anchor do not bear each other out; everything else is told in the findings.
    """
    bundle = parse_evidence(data)
    directory, checkpoint = _read_log(bundle, now, anchor)
    return _Examination(bundle, directory, checkpoint).findings(anchor is not None)


def _read_log(
    bundle: EvidenceBundle, now: int, anchor: bytes | None
) -> tuple[Directory, Checkpoint]:
    indexes = [entry.index for entry in bundle.entries]
    if indexes[0] != 0:
        raise ProtocolError("wrong-genesis", "evidence: entry 0 is missing")
    if sorted(set(indexes)) != indexes:
        raise ProtocolError("wrong-value", "evidence: entries not in ascending order")
    genesis = entry_hash(parse_leaf(bundle.entries[0].leaf).content)
    if anchor is not None and anchor != genesis:
        raise ProtocolError("wrong-genesis", "evidence: of another directory than the anchor's")
    note = bundle.checkpoint.encode("utf-8")
    head = peek_checkpoint(note)
    # Whether an endpoint may be loopback is the business of those who would call it.
    directory = Directory(genesis, allow_loopback=True)
    for entry in bundle.entries:
        verify_inclusion(leaf_hash(entry.leaf), entry.index, head.size, entry.path(), head.root)
        directory.size = entry.index  # the entries between are of others and not needed
        directory.apply(entry.leaf, entry.index)
    return directory, _checkpoint(note, directory, now)


def _checkpoint(note: bytes, directory: Directory, now: int) -> Checkpoint:
    """The checkpoint, by the log key of a root that acted at the checkpoint's own time."""
    refusal = ProtocolError("bad-checkpoint", "evidence: by a root that did not act yet")
    for version in reversed(directory.roots):
        try:
            found = verify_checkpoint(note, version.root.origin, version.root.log_key, now)
        except ProtocolError as error:
            refusal = error
            continue
        if version.acts_from <= found.at:
            return found
    raise refusal


class _Examination:
    """The second half: statements, receipts and contents, against the members' keys."""

    def __init__(
        self, bundle: EvidenceBundle, directory: Directory, checkpoint: Checkpoint
    ) -> None:
        self.bundle = bundle
        self.directory = directory
        self.checkpoint = checkpoint
        self.problems: list[Problem] = []
        self.keys: dict[bytes, str] = {}  # by statement: which of its sender's keys signed
        self.unsigned: list[StatementFinding] = []

    def findings(self, anchored: bool) -> Findings:
        bundle, checkpoint = self.bundle, self.checkpoint
        signed = {s.hash: s for stated in bundle.statements if (s := self._statement(stated))}
        opener = signed.get(bundle.thread)
        if opener is None or opener.statement.kind != OPEN:
            raise ProtocolError("bad-thread", "evidence: without the thread's opening statement")
        between = self._between(opener, signed)
        receipts = [r for given in bundle.receipts if (r := self._receipt(given, opener))]
        disclosed = self._contents(signed)
        state = thread_state(between)
        self._check_counters(between)
        return Findings(
            bundle.thread,
            bundle.made_at,
            bundle.made_by,
            self.directory.genesis,
            anchor_text(self.directory.genesis),
            anchored,
            checkpoint.origin,
            checkpoint.size,
            checkpoint.at,
            tuple(self._parties(opener)),
            tuple(self._statements(between, state, disclosed)),
            tuple(_receipt_finding(r, signed) for r in receipts),
            state,
            tuple(self._rungs(opener, between, state, receipts, disclosed)),
            tuple(self.problems),
        )

    def _refuse(self, error: ProtocolError, subject: bytes | None) -> None:
        self.problems.append(Problem(error.code, error.detail, subject))

    # statements

    def _statement(self, stated: Stated) -> SignedStatement | None:
        """The statement, if one of its sender's vault keys signed it; else a problem."""
        hashed = statement_hash(stated.content)
        try:
            statement = parse_statement(stated.content)
            member = self.directory.known(statement.sender)
        except ProtocolError as error:
            self._refuse(error, hashed)
            return None
        for known in vault_keys(member):
            try:
                signed = verify_statement(stated.content, stated.signature, known.key)
            except ProtocolError:
                continue
            self.keys[hashed] = _standing(known)
            if known.reason == COMPROMISED:
                what = "statement: by a key that was later reported as compromised"
                self.problems.append(Problem("wrong-key", what, hashed))
            elif not known.covers(statement.at):
                what = "statement: by a key that had been replaced before"
                self.problems.append(Problem("wrong-key", what, hashed))
            return signed
        self.problems.append(Problem("bad-signature", "statement: by no key of its sender", hashed))
        s = statement
        self.unsigned.append(
            StatementFinding(hashed, s.sender, s.kind, s.head.state, s.at, None, False, False, None)
        )
        return None

    def _between(
        self, opener: SignedStatement, signed: dict[bytes, SignedStatement]
    ) -> list[SignedStatement]:
        """The statements of this thread between its two sides; others are a problem."""
        pair = {opener.statement.sender, opener.statement.recipient}
        found = []
        for s in signed.values():
            if s.thread != opener.hash or {s.statement.sender, s.statement.recipient} != pair:
                what = "statement: of another thread, or between others"
                self.problems.append(Problem("foreign-thread", what, s.hash))
            else:
                found.append(s)
        return sorted(found, key=lambda s: (s.statement.at, s.statement.epoch, s.statement.seq))

    def _check_counters(self, statements: list[SignedStatement]) -> None:
        taken: dict[tuple[bytes, int, int], bytes] = {}
        for s in statements:
            counter = (s.statement.sender, s.statement.epoch, s.statement.seq)
            if taken.setdefault(counter, s.hash) != s.hash:
                what = "statement: its sender used one counter for two statements"
                self.problems.append(Problem("counter-reused", what, s.hash))

    def _statements(
        self,
        statements: list[SignedStatement],
        state: ThreadState | None,
        disclosed: dict[bytes, bytes],
    ) -> Iterator[StatementFinding]:
        applied = {s.hash for side in _sides(statements) for s in in_order(side)}
        ignored = state.ignored if state is not None else ()
        asked = {content.statement for content in self.bundle.contents}
        for s in statements:
            yield StatementFinding(
                s.hash,
                s.statement.sender,
                s.statement.kind,
                s.statement.head.state,
                s.statement.at,
                self.keys[s.hash],
                s.hash in applied,
                s.hash in ignored,
                s.hash in disclosed if s.hash in asked else None,
            )
        yield from self.unsigned

    # receipts, contents, members

    def _receipt(self, given: Given, opener: SignedStatement) -> SignedReceipt | None:
        """The receipt, if the node of one side made it for the other; else a problem."""
        pair = {opener.statement.sender, opener.statement.recipient}
        refusal = ProtocolError("bad-signature", "receipt: by a node of neither side")
        for member in (self.directory.known(party) for party in sorted(pair)):
            for known in vault_keys(member):
                try:
                    certificate = verify_certificate(given.certificate, member.id, known.key)
                    signed = verify_receipt(given.content, given.signature, certificate.node_key)
                except ProtocolError as error:
                    refusal = error if error.code != "wrong-key" else refusal
                    continue
                parcel = signed.receipt.parcel
                if {signed.receipt.sender, signed.receipt.recipient} != pair or (
                    signed.receipt.recipient != member.id
                ):
                    what = "receipt: not between the two sides"
                    self.problems.append(Problem("wrong-sender", what, parcel))
                    return None
                if known.reason == COMPROMISED:
                    what = "receipt: certified by a key that was later reported as compromised"
                    self.problems.append(Problem("wrong-key", what, parcel))
                return signed
        self._refuse(refusal, None)
        return None

    def _contents(self, signed: dict[bytes, SignedStatement]) -> dict[bytes, bytes]:
        """The disclosed contents that are what a signed statement committed to."""
        found = {}
        for content in self.bundle.contents:
            named = signed.get(content.statement)
            if named is None:
                what = "content: of no statement that is here"
                self.problems.append(Problem("wrong-commitment", what, content.statement))
                continue
            try:
                content.check(named)
            except ProtocolError as error:
                self._refuse(error, content.statement)
                continue
            found[content.statement] = content.content
        return found

    def _parties(self, opener: SignedStatement) -> Iterator[PartyFinding]:
        s = opener.statement
        for role, party in (("referring", s.sender), ("receiving", s.recipient)):
            member = self.directory.known(party)
            yield PartyFinding(
                role,
                party,
                fingerprint(member.vault_key, member.node_key),
                member.joined_at,
                member.status(self.checkpoint.at),
            )

    # the ladder

    def _rungs(
        self,
        opener: SignedStatement,
        statements: list[SignedStatement],
        state: ThreadState | None,
        receipts: list[SignedReceipt],
        disclosed: dict[bytes, bytes],
    ) -> Iterator[RungFinding]:
        """The rungs that were reached, each with the first thing that proves it."""
        receiving = opener.statement.recipient
        yield _rung(Rung.SENT, opener)
        held = [
            receipt
            for signed in receipts
            if (receipt := signed.receipt).recipient == receiving
            and any(a.statement == opener.hash and a.status != REFUSED for a in receipt.answers)
        ]
        if held:
            first = min(held, key=lambda receipt: receipt.at)
            yield RungFinding(Rung.HELD, first.at, None, "receipt", first.parcel)
        found = proofs(statements, state, lambda hashed: _contact(disclosed.get(hashed)))
        for rung in (Rung.OPENED, Rung.ANSWERED, Rung.CONTACTED, Rung.OUTCOME):
            if rung in found:
                yield _rung(rung, found[rung])


def _rung(rung: Rung, proof: SignedStatement) -> RungFinding:
    said = proof.statement.head.state
    return RungFinding(rung, proof.statement.at, said, "statement", proof.hash)


def _contact(content: bytes | None) -> bool:
    """Whether a disclosed content says that the victim was reached."""
    if content is None:
        return False
    try:
        return contents.decode(content).get("step") == CONTACT_MADE
    except ProtocolError:
        return False


def _receipt_finding(
    signed: SignedReceipt, statements: dict[bytes, SignedStatement]
) -> ReceiptFinding:
    receipt = signed.receipt
    answers = tuple(
        (answer.statement, answer.status, answer.code)
        for answer in receipt.answers
        if answer.statement in statements
    )
    return ReceiptFinding(receipt.parcel, receipt.recipient, receipt.at, answers)


def _sides(statements: list[SignedStatement]) -> list[list[SignedStatement]]:
    senders = sorted({s.statement.sender for s in statements})
    return [[s for s in statements if s.statement.sender == sender] for sender in senders]


def _standing(known: VaultKey) -> str:
    """How a key stands: of now, an earlier one, or one that was reported as compromised."""
    if known.until is None:
        return CURRENT
    return COMPROMISED if known.reason == COMPROMISED else EARLIER
