"""A case at the edges: not delivered, lost, refused, unreadable, of a later version, in odd places.

The views are pure, so the threads here are made by hand; the ladder is the protocol's own.
"""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from markupsafe import escape

from referral_node.exchange import MessageView, ThreadView
from referral_node.web import freshness, referral_view, top_lines
from referral_node.web.acts import ACTS
from referral_node.web.case import Case
from referral_node.web.conversation_view import conversation
from referral_node.web.evidence_view import events
from referral_node.web.ladder_view import rungs
from referral_node.web.members import Organisation, organisation
from referral_node.web.offers import allowed, offers
from referral_protocol import profiles
from referral_protocol.examples import LISBON, SENT, UTRECHT, referral
from referral_protocol.ladder import Evidence, ladder
from referral_protocol.states import ThreadState
from referral_protocol.states import allowed as next_states
from referral_ui.times import DAY, HOUR, MINUTE, Place, Times

NOW = SENT + 2 * HOUR
THREAD = b"t" * 32
INES = {"name": "Inês Carvalhal", "role": "point-of-contact"}


def side(name: str, profile: dict[str, Any], status: str = "active") -> Organisation:
    from referral_node.exchange import Member

    read = profiles.decode(profiles.encode(profile))
    return organisation(name.encode() * 2, Member(b"", b"", b"", "", (), status, 0, read))


US, THEM = side("lisboa00", LISBON), side("utrecht0", UTRECHT)


def message(number: int, *, mine: bool, kind: str, **more: Any) -> MessageView:
    """One message that arrived and was read, unless told otherwise."""
    said: dict[str, Any] = {
        "hash": bytes([number]) * 32,
        "mine": mine,
        "kind": kind,
        "state": None,
        "at": SENT + number * MINUTE,
        "content": {"form": kind, "author": INES, "language": "en"},
        "standing": "held" if mine else "imported",
        "code": None,
        "held_at": SENT + number * MINUTE,
        "seen": mine,
        "ignored": False,
        "known": True,
    }
    return MessageView(**(said | more))


def case(
    *messages: MessageView,
    role: str = "referring",
    state: str = "requested",
    withdrawn: bytes | None = None,
    peer: Organisation = THEM,
    now: int = NOW,
    opener: dict[str, Any] | None = None,
    opener_standing: str = "held",
    **evidence: Any,
) -> Case:
    """A thread of the story's referral, seen from one side."""
    content = referral(b"m" * 16) if opener is None else opener
    first = MessageView(
        hash=THREAD,
        mine=role == "referring",
        kind="open",
        state=None,
        at=SENT,
        content=content or None,
        standing=opener_standing,
        code=evidence.get("refused"),
        held_at=SENT,
        seen=False,
        ignored=False,
        known=True,
    )
    stands = ThreadState(state, None, withdrawn, ())
    known = Evidence(
        priority="immediate",
        respond_by=SENT + DAY,
        sent_at=SENT,
        **({"held_at": SENT} | evidence),
    )
    view = ThreadView(
        id=THREAD,
        kind="referral",
        role=role,
        peer=peer.id,
        priority="immediate",
        opened_at=SENT,
        respond_by=SENT + DAY,
        follow_up_at=None,
        opener=content or None,
        opener_withheld=None,
        opener_standing=opener_standing,
        state=stands,
        allowed=next_states(stands) if role == "receiving" else (),
        evidence=known,
        steps=ladder(known, now),
        messages=(first, *messages),
        opened_by=None,
        answered_by=None,
    )
    us = US if peer is THEM or role == "referring" else THEM
    return Case(view, us, peer, Times(now, us.place))


def words(value: object) -> str:
    return " ".join(str(escape(value if value is not None else "").striptags()).split())


def drawn(shown: Case) -> list[tuple[str, str, str]]:
    return [(rung.state, words(rung.title), words(rung.detail)) for rung in rungs(shown)]


def test_before_a_receipt() -> None:
    shown = drawn(case(held_at=None, opener_standing="queued"))
    since = "Since Today 16:05 (17:05 in Utrecht)."
    assert shown[0] == ("now", "Waiting to be delivered", f"{since} Telephone them.")
    assert shown[1] == ("todo", "Held by their node: not yet", "")
    assert [state for state, _, _ in shown[2:]] == ["todo"] * 4


def test_a_delay_says_from_when_to_telephone() -> None:
    """The times are the ladder's: an immediate one warns after a quarter of an hour."""
    soon = drawn(case(held_at=None, opener_standing="queued", now=SENT + MINUTE))
    assert soon[0][2].endswith("If nothing comes by today 16:20, telephone them.")
    late = drawn(case(held_at=None, opener_standing="queued", now=SENT + 2 * DAY))
    assert late[0][1] == "Not delivered"
    assert late[0][2].endswith("We keep trying. Telephone them.")


def test_what_was_sent_just_now_mostly_takes_seconds() -> None:
    for now, hurried in ((SENT + MINUTE, True), (SENT + 2 * MINUTE, False)):
        line = words(top_lines.ask_line(case(held_at=None, opener_standing="queued", now=now)))
        assert line.startswith("It has not reached Steunpunt Dom yet.")
        assert ("Mostly that takes seconds: reload this page." in line) is hurried
        assert line.endswith("It is sent again until it has.")


def test_while_we_are_suspended_what_we_sent_says_why_it_waits() -> None:
    ours = side("lisboa00", LISBON, "suspended")
    shown = replace(case(held_at=None, opener_standing="queued"), us=ours)
    why = "Your organisation is suspended, so it waits here until that ends."
    assert words(top_lines.ask_line(shown)) == f"It has not reached Steunpunt Dom yet. {why}"
    assert drawn(shown)[0][2].endswith(why)


def test_a_town_in_the_name_is_not_said_twice() -> None:
    assert words(US.full) == "Associação Ponte Tejo, Lisbon"
    wien = replace(US, plain="Weisser Ring Wien", name="Weisser Ring Wien")
    wien = replace(wien, place=Place("Europe/Vienna", "Wien"))
    assert words(wien.full) == "Weisser Ring Wien"


def test_a_lost_receipt_is_not_known() -> None:
    left = "Their node may have it; it left today 16:05 (17:05 in Utrecht), and no receipt"
    for now, rest in (
        (SENT + MINUTE, "If nothing comes by today 16:20, telephone them."),
        (NOW, "Telephone them."),
    ):
        lost = case(held_at=None, receipt_lost=True, opener_standing="unknown", now=now)
        assert drawn(lost)[0] == (
            "unknown",
            "Not known",
            f"{left} came back. We keep trying. {rest}",
        )
        assert words(top_lines.ask_line(lost)).endswith("no receipt came back. We keep trying.")


def test_a_lost_receipt_stays_not_known_when_nothing_is_sent_any_more() -> None:
    lost = case(
        held_at=None,
        receipt_lost=True,
        refused="undelivered",
        opener_standing="refused",
        now=SENT + 15 * DAY,
    )
    state, title, detail = drawn(lost)[0]
    assert (state, title) == ("unknown", "Not known")
    assert detail.endswith("It is not sent any more. Telephone them.")
    assert words(top_lines.ask_line(lost)).endswith("It is not sent any more.")


def test_late_evidence_upgrades_what_is_shown() -> None:
    lost = case(held_at=None, receipt_lost=True, opened_at=SENT + HOUR, state="received")
    assert drawn(lost)[:3] == [
        ("done", "Sent", "Today 16:05 (17:05 in Utrecht)"),
        ("done", "Held by their node", "Proved by the next line"),
        ("done", "Opened by a person", "Today 17:05 (18:05 in Utrecht)"),
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("undelivered", "Their node could not be reached for 14 days."),
        ("removed", "They have left the exchange."),
        ("novel-code", "Their node refused it (novel-code)."),
    ],
)
def test_refused_for_good(code: str, said: str) -> None:
    shown = drawn(case(held_at=None, refused=code, opener_standing="refused"))
    assert shown[0] == ("now", "Not delivered", said)
    assert words(top_lines.ask_line(case(held_at=None, refused=code))).startswith(
        "It did not reach Steunpunt Dom"
    )


def test_waiting_for_their_key() -> None:
    shown = case(held_at=None, opener_standing="waiting-for-key")
    assert drawn(shown)[0][:2] == ("now", "Waiting for their key")
    assert "It waits for a key of Steunpunt Dom." in words(top_lines.ask_line(shown))


def test_they_cannot_read_it() -> None:
    ours = message(1, mine=True, kind="note", code="does-not-open", standing="queued", seen=False)
    said = {"form": "unreadable", "statement": b"s" * 32, "sealed": b"b" * 32, "code": "pad"}
    theirs = message(2, mine=False, kind="unreadable", content=said)
    shown = case(ours, theirs)
    (banner,) = top_lines.banners(shown)
    assert banner.title == "They cannot read it"
    lines = conversation(shown, referral_view.reader_of(shown, mine=True))
    assert lines[0].notes == (
        "waiting to be delivered",
        "they could not read it (does-not-open); sealed again",
    )
    assert lines[1].said == "Could not be read"


def test_what_was_sealed_again_for_the_last_time_is_said_to_be_so() -> None:
    """Held, and with a code: they could not read the last one either, and no other is made."""
    ours = message(1, mine=True, kind="note", code="does-not-open", standing="held", seen=False)
    shown = case(ours)
    (banner,) = top_lines.banners(shown)
    assert (banner.title, banner.tone) == ("They cannot read it", "danger")
    assert "Nothing more is sent: telephone them" in words(banner.text)
    lines = conversation(shown, referral_view.reader_of(shown, mine=True))
    assert "they cannot read it (does-not-open); it is not sealed again" in lines[0].notes


def test_we_cannot_read_theirs() -> None:
    shown = case(role="receiving", opener={}, opener_standing="unreadable", peer=US)
    assert "Your node cannot read it." in words(top_lines.ask_line(shown))
    page = referral_view.build(shown, person="Jasmijn de Wit")
    assert page.safe is None
    assert page.parts == ()
    assert page.offer.main is not None


def test_peers_that_are_not_as_they_should_be() -> None:
    for status, title in (("suspended", "Suspended"), ("removed", "Not a member any more")):
        (banner,) = top_lines.banners(case(peer=side("utrecht0", UTRECHT, status)))
        assert banner.title == title
    unknown = organisation(b"\x01" * 16, None)
    page = referral_view.build(case(peer=unknown), person="Inês")
    assert words(page.caption) == "Referral sent to Organisation 01010101"
    assert page.callees == ()


def test_a_kind_and_codes_of_a_later_version_are_shown_as_such() -> None:
    later = message(
        1, mine=False, kind="sing", content={"form": "song", "melody": "C-D-E", "loud": True}
    )
    odd = message(
        2,
        mine=False,
        kind="note",
        content={
            "form": "note",
            "author": INES,
            "language": "qqq",
            "topic": "weather",
            "text": "Rain",
            "mood": "grey",
        },
    )
    shown = case(later, odd)
    first, second = conversation(shown, referral_view.reader_of(shown, mine=True))
    assert first.said == "sing (unknown kind of message)"
    told = words([f.value for r in first.more for f in r.facts])
    assert "C-D-E" in told
    assert second.said == "weather (unknown code)"
    assert second.text == "Rain"
    assert any("grey" in words(f.value) for r in second.more for f in r.facts)


def test_what_counts_for_nothing_says_so() -> None:
    wrong = message(1, mine=False, kind="state", state="completed", ignored=True)
    ahead = message(2, mine=False, kind="note", known=False, content=None, standing="sealed")
    husk = message(3, mine=False, kind="note", content=None, standing="withheld")
    shown = case(wrong, ahead, husk)
    lines = conversation(shown, referral_view.reader_of(shown, mine=True))
    assert [line.notes for line in lines] == [
        ("not possible at that point, so it changes nothing",),
        ("not opened yet", "an earlier message is still missing"),
        ("came without its content",),
    ]
    assert "Something has not arrived" in [b.title for b in top_lines.banners(shown)]


def test_a_field_that_this_version_does_not_know_is_shown() -> None:
    opener = referral(b"m" * 16)
    opener["risk"]["aura"] = "violet"
    opener["weather"] = {"sky": "low"}
    opener["who"]["gender"] = ["not", "text"]
    shown = case(role="receiving", opener=opener, peer=US)
    page = referral_view.build(shown, person="Jasmijn")
    said = {part.title: " ".join(words(f.value) for f in part.facts) for part in page.parts}
    assert "violet" in said["Risk"]
    assert "not" in said["About Oksana"]
    assert any("low" in each for each in said.values())


@pytest.mark.parametrize(
    "broken",
    [
        {"who": "x"},
        {"safe_contact": []},
        {"risk": {"threat": 7, "assessment": 3}},
        {"consent": {"withheld": "all", "until": 3, "given_at": "noon"}},
        {"happened": {"proceedings": {}, "summary": 4}},
        {"needs": {"needs": "help"}},
        {"communication": {"languages": 3}},
        {"answer": 4},
        {"safe_contact": {"ways": [{"way": 3}], "checked_at": "x", "never_contact": 9}},
    ],
)
def test_no_content_stops_a_page(broken: dict[str, Any]) -> None:
    opener = referral(b"m" * 16) | broken
    for role in ("receiving", "referring"):
        shown = case(role=role, opener=opener, peer=US if role == "receiving" else THEM)
        page = referral_view.build(shown, person="Jasmijn")
        assert words(page.caption)


def test_what_each_state_offers() -> None:
    for state, main in (
        ("requested", "accept"),
        ("received", "accept"),
        ("accepted", "reached"),
        ("on-hold", "start"),
        ("in-progress", "reached"),
    ):
        shown = case(role="receiving", state=state, peer=US)
        offer = offers(shown)
        assert offer.main is not None
        assert offer.main.code == main
        for act in (offer.main, *offer.second, *offer.links):
            assert allowed(shown, act)
    for state in ("rejected", "completed", "failed", "cancelled", "entered-in-error"):
        assert offers(case(role="receiving", state=state, peer=US)).empty


def test_a_withdrawn_referral_can_only_be_ended() -> None:
    ours = message(1, mine=False, kind="withdraw", content={"reason": "no-longer-needed"})
    shown = case(ours, role="receiving", state="accepted", withdrawn=ours.hash, peer=US)
    states = {act.state for act in ACTS.values() if act.state and allowed(shown, act)}
    assert states <= {"rejected", "completed", "failed", "cancelled", "entered-in-error"}
    offer = offers(shown)
    assert offer.main is not None
    assert offer.main.code == "cancel"


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (DAY, None),
        (DAY + 1, "Organisations that you know are not affected."),
        (7 * DAY, "Organisations that you know are not affected."),
        (
            7 * DAY + 1,
            "One that you never exchanged anything with cannot be chosen before its fingerprint was"
            " compared by telephone.",
        ),
        (31 * DAY, "Confirm keys by telephone before you send to anybody."),
    ],
)
def test_how_fresh_the_directory_is(age: int, said: str | None) -> None:
    banner = freshness.words(NOW - age, Times(NOW, US.place))
    if said is None:
        assert banner is None
    else:
        assert banner is not None
        assert words(banner.text).endswith(said)


def test_a_directory_that_was_never_reached() -> None:
    banner = freshness.words(None, Times(NOW, US.place))
    assert banner is not None
    assert "has never been reached" in words(banner.text)


def test_every_statement_is_on_the_timeline_with_its_proof() -> None:
    kinds = {
        "held": "Receipt of Steunpunt Dom",
        "refused": "Not delivered: their node refused it (x)",
        "unknown": "not known whether it arrived",
        "queued": "Not delivered yet",
    }
    messages = [
        message(
            number,
            mine=True,
            kind="note",
            standing=standing,
            held_at=SENT if standing == "held" else None,
            code="x" if standing == "refused" else None,
        )
        for number, standing in enumerate(kinds, 1)
    ]
    shown = events(case(*messages))
    assert len(shown) == len(messages) + 1
    for event, proof in zip(shown[1:], kinds.values(), strict=True):
        assert proof in words(event.proof)
    assert {len(event.name) for event in shown} == {64}


def test_who_is_called_first_is_whoever_the_thread_names() -> None:
    contact = {"name": "Femke Bos", "role": "Night desk", "telephone": "+31 30 000 02 99"}
    note = message(
        1, mine=False, kind="note", content={"form": "note", "author": INES, "contact": contact}
    )
    first, second, _ = referral_view.callees(case(note))
    assert (words(first.name), first.role, first.dial) == (
        "Femke Bos",
        "Night desk",
        "+31300000299",
    )
    assert words(second.name) == "Jasmijn de Wit"
    assert words(second.note) == "Closed now. Opens tomorrow 08:00 (09:00 in Utrecht)"


def test_frozen_values_only() -> None:
    """Views are values: what a template is given cannot be changed behind its back."""
    page = referral_view.build(case(), person="Inês")
    with pytest.raises((AttributeError, msgspec.ValidationError)):
        page.base = "/elsewhere"  # type: ignore[misc]  # that is the point
