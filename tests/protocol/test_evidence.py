"""Evidence bundles: what holds is proved, what does not is refused or named."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol.certificates import DAY
from referral_protocol.directory.earlier import UNHEARD
from referral_protocol.directory.entries import COMPROMISED, ROUTINE
from referral_protocol.errors import ProtocolError
from referral_protocol.evidence import (
    EvidenceBundle,
    Findings,
    Stated,
    log_entries,
    make_evidence,
    parse_evidence,
    verify_evidence,
)
from referral_protocol.suite import Signer
from referral_tools.conformance import story
from referral_tools.conformance.log import Log
from referral_tools.conformance.story import HOUR
from referral_tools.conformance.world import LISBON, LVIV, NOW, UTRECHT, fixed, say

TOLD = story.tell()
DATA = story.evidence(TOLD)
BUNDLE = parse_evidence(DATA)
OPENED = TOLD.statements["opened"]


def check(bundle: EvidenceBundle, anchor: bytes | None = TOLD.log.genesis) -> Findings:
    return verify_evidence(bundle.pack(), TOLD.end, anchor)


def codes(found: Findings) -> list[str]:
    return [problem.code for problem in found.problems]


def with_statements(*more: Stated) -> EvidenceBundle:
    return msgspec.structs.replace(BUNDLE, statements=(*BUNDLE.statements, *more))


def test_a_whole_story_is_proved() -> None:
    found = check(BUNDLE)
    assert found.problems == ()
    assert found.anchored
    assert found.state is not None
    assert found.state.state == "completed"
    assert [(r.rung, r.at) for r in found.rungs] == [
        ("sent", NOW),
        ("held", NOW + 60_000),
        ("opened", NOW + HOUR),
        ("answered", NOW + DAY),
        ("outcome", NOW + 8 * DAY),
    ]
    assert [(p.role, p.id, p.status) for p in found.parties] == [
        ("referring", LISBON.id, "active"),
        ("receiving", UTRECHT.id, "active"),
    ]
    assert {s.key for s in found.statements} == {"current"}
    assert all(s.applied and not s.ignored and s.content is None for s in found.statements)
    assert [r.answers for r in found.receipts] == [
        ((OPENED.hash, "held", None),),
        ((TOLD.statements["received"].hash, "held", None),),
    ]
    assert not check(BUNDLE, None).anchored


def test_a_disclosed_content_proves_that_the_victim_was_contacted() -> None:
    note = TOLD.statements["contacted"]
    found = verify_evidence(
        story.evidence(TOLD, story.disclosed(note, story.BODY)), TOLD.end, TOLD.log.genesis
    )
    assert found.problems == ()
    assert [r.subject for r in found.rungs if r.rung == "contacted"] == [note.hash]
    for other in (b"something else", b""):
        found = verify_evidence(story.evidence(TOLD, story.disclosed(note, other)), TOLD.end)
        assert codes(found) == ["wrong-commitment"]
        assert "contacted" not in [r.rung for r in found.rungs]
    nowhere = story.disclosed(say(LISBON, UTRECHT, "note", thread=OPENED), b"")
    assert codes(verify_evidence(story.evidence(TOLD, nowhere), TOLD.end)) == ["wrong-commitment"]


# --- what refuses the whole -----------------------------------------------------------------------


def test_the_anchor_names_the_log() -> None:
    with pytest.raises(ProtocolError, match="wrong-genesis"):
        check(BUNDLE, fixed("another anchor"))
    with pytest.raises(ProtocolError, match="wrong-genesis"):
        check(msgspec.structs.replace(BUNDLE, entries=BUNDLE.entries[1:]))


def test_every_entry_is_proved_to_stand_in_the_log() -> None:
    first, second, *others = BUNDLE.entries
    other_log = Log(UTRECHT, LISBON)
    elsewhere = log_entries(other_log.leaves, other_log.tree, {LISBON.id, UTRECHT.id})
    for entries, code in (
        ((first, msgspec.structs.replace(second, index=2), *others[1:]), "bad-proof"),
        ((first, msgspec.structs.replace(second, proof=b""), *others), "bad-proof"),
        ((first, msgspec.structs.replace(second, proof=second.proof[:-1]), *others), "bad-proof"),
        ((first, msgspec.structs.replace(second, leaf=elsewhere[1].leaf), *others), "bad-proof"),
        ((first, second, second, *others), "wrong-value"),
        ((first, *others, second), "wrong-value"),
    ):
        with pytest.raises(ProtocolError, match=code):
            check(msgspec.structs.replace(BUNDLE, entries=entries))


def test_the_checkpoint_is_signed_by_the_log_and_not_from_the_future() -> None:
    text = TOLD.log.checkpoint(TOLD.end).decode()
    changed = text.replace("\n4\n", "\n5\n")
    assert changed != text
    for note, code in ((changed, "bad-proof"), (text[:-10], "bad-checkpoint")):
        with pytest.raises(ProtocolError, match=code):
            check(msgspec.structs.replace(BUNDLE, checkpoint=note))
    lines = text.split("\n")
    forged = "\n".join([*lines[:4], *(line[:-9] + "AAAAAAAA=" for line in lines[4:6]), ""])
    with pytest.raises(ProtocolError, match=r"bad-|missing-signature"):
        check(msgspec.structs.replace(BUNDLE, checkpoint=forged))
    with pytest.raises(ProtocolError, match="clock"):
        verify_evidence(DATA, TOLD.end - DAY)


def test_without_the_opener_nothing_is_said() -> None:
    rest = tuple(s for s in BUNDLE.statements if s.content != OPENED.content)
    for bundle in (
        msgspec.structs.replace(BUNDLE, statements=rest),
        msgspec.structs.replace(BUNDLE, thread=TOLD.statements["received"].hash),
        msgspec.structs.replace(BUNDLE, thread=fixed("nothing")),
    ):
        with pytest.raises(ProtocolError, match="bad-thread"):
            check(bundle)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_code(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        verify_evidence(data, NOW)


@given(st.integers(0, len(DATA) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_named(place: int, bit: int) -> None:
    flipped = bytearray(DATA)
    flipped[place] ^= 1 << bit
    try:
        found = verify_evidence(bytes(flipped), TOLD.end, TOLD.log.genesis)
    except ProtocolError:
        return
    # Only who made the bundle and when is not signed, and the hashes of what was sealed.
    claims = (found.made_at, found.made_by) != (BUNDLE.made_at, BUNDLE.made_by)
    assert found.problems or claims


# --- what is named as a problem -------------------------------------------------------------------


def test_a_statement_by_no_key_of_its_sender_counts_for_nothing() -> None:
    forged = [Stated(s.content, LVIV.vault.sign(b"", s.content)) for s in BUNDLE.statements[1:]]
    bundle = msgspec.structs.replace(BUNDLE, statements=(BUNDLE.statements[0], *forged))
    found = check(bundle)
    assert codes(found) == ["bad-signature"] * len(forged)
    assert found.state is not None
    assert found.state.state == "requested"
    assert [s.key for s in found.statements] == ["current"] + [None] * len(forged)
    assert [r.rung for r in found.rungs] == ["sent", "held"]


def test_a_statement_of_others_or_of_elsewhere_is_named() -> None:
    elsewhere = say(LISBON, UTRECHT, "open", seq=9, content=b"elsewhere")
    stranger = say(LVIV, LISBON, "note", thread=OPENED)
    found = check(
        with_statements(
            Stated(elsewhere.content, elsewhere.signature),
            Stated(b"\x90", bytes(64)),
        )
    )
    assert codes(found) == ["wrong-type", "foreign-thread"]
    # The log's entries of a third member are not in the bundle.
    found = check(with_statements(Stated(stranger.content, stranger.signature)))
    assert codes(found) == ["unknown-member"]


def test_two_statements_under_one_counter_are_named() -> None:
    twin = say(UTRECHT, LISBON, "state", thread=OPENED, seq=1, state="rejected", at=NOW + DAY)
    found = check(with_statements(Stated(twin.content, twin.signature)))
    assert codes(found) == ["counter-reused"]


def test_a_receipt_of_others_is_named() -> None:
    for by, to, code in ((UTRECHT, LVIV, "wrong-sender"), (LVIV, LISBON, "bad-signature")):
        other = story.receipt(by, to, NOW + 1, OPENED)
        found = check(msgspec.structs.replace(BUNDLE, receipts=(other,)))
        assert codes(found) == [code]
        assert "held" not in [r.rung for r in found.rungs]
    own = story.receipt(UTRECHT, LISBON, NOW + 1, OPENED)
    stolen = msgspec.structs.replace(own, certificate=LISBON.certificate)
    unsigned = msgspec.structs.replace(own, signature=bytes(64))
    for wrong in (stolen, unsigned):
        found = check(msgspec.structs.replace(BUNDLE, receipts=(wrong,)))
        assert codes(found) == ["bad-signature"]


def test_a_gap_is_shown_and_is_no_problem() -> None:
    rest = tuple(
        s for s in BUNDLE.statements if s.content != TOLD.statements["in-progress"].content
    )
    found = check(msgspec.structs.replace(BUNDLE, statements=rest))
    assert found.problems == ()
    assert [s.applied for s in found.statements] == [True, True, True, False, False]
    assert found.state is not None
    assert found.state.state == "accepted"


@pytest.mark.parametrize(
    ("reason", "key", "problems"),
    [(ROUTINE, "earlier", 0), (COMPROMISED, "compromised", 6)],
)
def test_what_an_earlier_key_signed_holds_unless_it_was_compromised(
    reason: str, key: str, problems: int
) -> None:
    told = story.tell()
    log = told.log
    new = Signer(fixed("Utrecht", "second vault"))
    log.now = NOW + 9 * DAY
    content = log.update_content(UTRECHT, reason, vault_key=new.public)
    log.append(log.leaf(content, UTRECHT.vault, new))
    found = verify_evidence(story.evidence(told), told.end, log.genesis)
    assert {s.key for s in found.statements if s.sender == UTRECHT.id} == {key}
    # Its five statements, and the certificate of the node that gave the receipt.
    assert codes(found) == ["wrong-key"] * problems


def test_a_key_does_not_sign_after_it_was_replaced() -> None:
    told = story.tell()
    log = told.log
    new = Signer(fixed("Utrecht", "second vault"))
    log.now = NOW + 2 * DAY - UNHEARD
    content = log.update_content(UTRECHT, ROUTINE, vault_key=new.public)
    log.append(log.leaf(content, UTRECHT.vault, new))
    found = verify_evidence(story.evidence(told), told.end, log.genesis)
    assert codes(found) == ["wrong-key", "wrong-key"]
    late = {told.statements["contacted"].hash, told.statements["completed"].hash}
    assert {problem.subject for problem in found.problems} == late


def test_a_bundle_is_of_one_thread() -> None:
    other = say(LISBON, UTRECHT, "open", seq=9, content=b"other")
    with pytest.raises(ProtocolError, match="bad-thread"):
        make_evidence(
            made_by=LISBON.id,
            now=NOW,
            checkpoint=TOLD.log.checkpoint(),
            entries=BUNDLE.entries,
            statements=[OPENED, other],
            receipts=(),
        )
