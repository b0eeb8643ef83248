"""What a statement's own fields must say, and what a thread admits."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol.certificates import CLOCK_AHEAD, DAY
from referral_protocol.chain import Known, Place, admit
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import (
    HEADS,
    MAX_STATEMENT,
    Attachment,
    Head,
    SignedStatement,
    Statement,
    make_statement,
    parse_statement,
    statement_hash,
    verify_statement,
)
from referral_protocol.wire import encode
from referral_tools.conformance.world import (
    LISBON,
    LVIV,
    NOW,
    OPEN_HEAD,
    UTRECHT,
    fixed,
    opener,
    say,
)

OPENER = opener()
NOTE = say(LISBON, UTRECHT, "note", thread=OPENER, after=OPENER)
STATE = say(UTRECHT, LISBON, "state", thread=OPENER, state="received", seen=OPENER.hash)


def changed(signed: SignedStatement, **fields: Any) -> Statement:
    return msgspec.structs.replace(signed.statement, **fields)


@given(st.binary(max_size=500))
def test_the_hash_is_over_the_content_and_not_the_signature(content: bytes) -> None:
    signed = opener(content)
    other = verify_statement(signed.content, signed.signature, LISBON.vault.public)
    assert other == signed
    assert signed.hash == statement_hash(signed.content)
    assert signed.thread == signed.hash
    assert NOTE.thread == OPENER.hash


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (changed(OPENER, suite=2), "unknown-suite"),
        (changed(OPENER, recipient=LISBON.id), "wrong-value"),
        (changed(OPENER, seq=0), "wrong-type"),
        (changed(OPENER, thread=fixed("t")), "bad-thread"),
        (changed(OPENER, previous=fixed("t")), "bad-thread"),
        (changed(OPENER, seen=fixed("t")), "bad-thread"),
        (changed(NOTE, thread=None), "bad-thread"),
        (changed(NOTE, kind="of-tomorrow", thread=None), "bad-thread"),
        (changed(OPENER, expires=NOW), "bad-times"),
        (changed(OPENER, expires=NOW + 30 * DAY + 1), "bad-times"),
        (changed(OPENER, head=Head()), "wrong-value"),
        (changed(OPENER, head=Head("referral", "urgent", None, None)), "wrong-value"),
        (changed(OPENER, head=Head("referral", "urgent", NOW, "received")), "wrong-value"),
        (changed(OPENER, kind="Open"), "wrong-type"),
        (changed(STATE, head=Head()), "wrong-value"),
        (changed(NOTE, head=Head(state="received")), "wrong-value"),
        (changed(NOTE, attachments=(Attachment(fixed("a"), 1),) * 2), "wrong-value"),
        (changed(NOTE, attachments=(Attachment(fixed("a"), 0),)), "wrong-type"),
        (changed(NOTE, commitment=bytes(31)), "wrong-type"),
    ],
    ids=range(19),
)
def test_a_statement_that_contradicts_itself(statement: Statement, code: str) -> None:
    with pytest.raises(ProtocolError, match=code):
        parse_statement(encode(statement))


def test_a_kind_of_tomorrow_is_kept_with_whatever_its_head_says() -> None:
    made = make_statement(LISBON.vault, changed(NOTE, kind="of-tomorrow", head=OPEN_HEAD))
    assert parse_statement(made.content).kind == "of-tomorrow"
    assert "of-tomorrow" not in HEADS


def test_the_largest_statement_fits() -> None:
    full = changed(
        NOTE,
        kind="k" * 32,
        previous=fixed("p"),
        seen=fixed("s"),
        head=Head("t" * 32, "p" * 32, 2**53 - 1, "s" * 32),
        attachments=tuple(Attachment(fixed(n), 2**26) for n in range(10)),
    )
    assert len(make_statement(LISBON.vault, full).content) <= MAX_STATEMENT
    with pytest.raises(ProtocolError, match="too-large"):
        parse_statement(bytes(MAX_STATEMENT + 1))


# --- admission ------------------------------------------------------------------------------------

NOTHING = Known()
WITH_OPENER = Known(opener=OPENER.statement)


def admitted(
    signed: SignedStatement,
    known: Known = NOTHING,
    *,
    us: bytes = UTRECHT.id,
    sender: bytes = LISBON.id,
    has_body: bool = True,
    now: int = NOW,
) -> str:
    return admit(signed, has_body=has_body, us=us, sender=sender, known=known, now=now)


def test_what_is_ahead_or_again_is_held() -> None:
    assert admitted(OPENER) == "held"
    assert admitted(NOTE) == "held"
    assert admitted(NOTE, has_body=False) == "held-without-body"
    again = Known(counter=NOTE.hash, successor=NOTE.hash, opener=OPENER.statement)
    assert admitted(NOTE, again) == "held"


def test_the_last_day_is_of_the_body_only() -> None:
    last = OPENER.statement.expires
    assert admitted(OPENER, now=last) == "held"
    assert admitted(OPENER, now=last + 1, has_body=False) == "held-without-body"
    with pytest.raises(ProtocolError, match="expired"):
        admitted(OPENER, now=last + 1)


def test_held_means_with_all_its_attachments() -> None:
    filed = say(LISBON, UTRECHT, "note", thread=OPENER, attachments=(Attachment(fixed("file"), 1),))
    arguments: dict[str, Any] = {
        "us": UTRECHT.id,
        "sender": LISBON.id,
        "known": WITH_OPENER,
        "now": NOW,
    }
    with pytest.raises(ProtocolError, match="attachment-missing"):
        admit(filed, has_body=True, **arguments)
    assert admit(filed, has_body=True, has_attachments=True, **arguments) == "held"
    assert admit(filed, has_body=False, **arguments) == "held-without-body"


FROM_UTRECHT: dict[str, Any] = {"us": LISBON.id, "sender": UTRECHT.id}
STRANGER = say(LVIV, UTRECHT, "note", thread=OPENER)


@pytest.mark.parametrize(
    ("signed", "known", "more", "code"),
    [
        (OPENER, NOTHING, {"us": LVIV.id}, "not-for-us"),
        (OPENER, NOTHING, {"sender": LVIV.id}, "wrong-sender"),
        (OPENER, NOTHING, {"now": NOW - CLOCK_AHEAD - 1}, "clock"),
        (NOTE, Known(counter=fixed("other")), {}, "counter-reused"),
        (NOTE, Known(successor=fixed("other")), {}, "counter-reused"),
        (NOTE, Known(opener=NOTE.statement), {}, "bad-thread"),
        (STRANGER, WITH_OPENER, {"sender": LVIV.id}, "foreign-thread"),
        (
            say(LISBON, UTRECHT, "state", thread=OPENER, after=OPENER, state="received"),
            WITH_OPENER,
            {},
            "wrong-role",
        ),
        (say(UTRECHT, LISBON, "withdraw", thread=OPENER), WITH_OPENER, FROM_UTRECHT, "wrong-role"),
        (NOTE, Known(previous=Place(fixed("other"), LISBON.id)), {}, "foreign-previous"),
        (NOTE, Known(previous=Place(OPENER.hash, UTRECHT.id)), {}, "foreign-previous"),
        (STATE, Known(seen=Place(fixed("other"), LISBON.id)), FROM_UTRECHT, "foreign-previous"),
        (STATE, Known(seen=Place(OPENER.hash, UTRECHT.id)), FROM_UTRECHT, "foreign-previous"),
    ],
    ids=range(13),
)
def test_what_a_thread_does_not_admit(
    signed: SignedStatement, known: Known, more: dict[str, Any], code: str
) -> None:
    with pytest.raises(ProtocolError, match=code):
        admitted(signed, known, **more)


def test_a_reused_counter_names_what_is_held() -> None:
    with pytest.raises(ProtocolError) as caught:
        admitted(NOTE, Known(counter=fixed("other")))
    assert fixed("other").hex() in caught.value.detail
