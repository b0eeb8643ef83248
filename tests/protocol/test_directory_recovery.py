"""A member whose vault key is lost: announced, vetoed, ended, completed; every edge of it."""

import msgspec
import pytest

from directory_world import DAY, START, World, bundle_of, card_of, id_of, records_of, seed, signer
from referral_protocol.directory.entries import (
    Card,
    Leaf,
    Status,
    make_recovery_entry,
    make_status_entry,
    make_update_entry,
    sign_entry,
)
from referral_protocol.directory.records import Salted, record_hashes
from referral_protocol.directory.requests import Submission, check_recovery, make_recovery
from referral_protocol.directory.rules import RECOVERY_DELAY, RECOVERY_LASTS, Member
from referral_protocol.directory.state import Directory
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer

HOUR = 3600 * 1000
OLD, NEW, NODE = signer("a vault"), signer("a vault 2"), signer("a node 2")


@pytest.fixture
def world() -> World:
    """Three registrars, of whom two decide, and two members."""
    made = World(registrars=3, threshold=2)
    made.join("a", "b")
    made.now += HOUR
    return made


def new_card(**changes: object) -> Card:
    fields: dict[str, object] = {"vault_key": NEW.public, "node_key": NODE.public}
    return card_of("a", **(fields | changes))


def recovery(world: World, **changes: object) -> bytes:
    old = world.member("a")
    card = new_card(**changes)
    return make_recovery_entry(world.genesis, old.id, old.number + 1, old.head, card, world.now)


def lost(world: World, **changes: object) -> bytes:
    old = world.member("a")
    return make_update_entry(
        world.genesis, old.id, old.number + 1, old.head, new_card(**changes), "lost", world.now
    )


def status(world: World, value: str, reason: str, until: int | None = None) -> bytes:
    old = world.member("a")
    body = Status(value, until, reason)
    return make_status_entry(world.genesis, old.id, old.number + 1, old.head, body, world.now)


def announced(world: World) -> Member:
    world.log_in(recovery(world), NEW, NODE, *world.registrars[:2])
    return world.member("a")


def vetoed(world: World) -> Member:
    announced(world)
    world.now += HOUR
    world.log_in(status(world, "suspended", "veto"), OLD)
    return world.member("a")


def refused(world: World, code: str, content: bytes, *signers: Signer) -> None:
    before = (world.directory.size, list(world.directory.members()))
    leaf = Leaf(world.now, content, sign_entry(content, *signers)).pack()
    with pytest.raises(ProtocolError) as error:
        world.directory.apply(leaf, world.directory.size)
    assert error.value.code == code, error.value
    assert before == (world.directory.size, list(world.directory.members()))


# announced


def test_an_announcement_changes_no_key(world: World) -> None:
    member = announced(world)
    assert (member.vault_key, member.node_key) == (OLD.public, signer("a node").public)
    assert (member.number, member.earlier) == (2, ())
    assert member.recovery is not None
    assert member.recovery.card == new_card()
    assert (member.recovery.since, member.recovery.index) == (world.now, 3)
    assert member.recovery.acts_from == world.now + RECOVERY_DELAY
    assert member.recovering(world.now)
    assert world.directory.status(id_of("a"), world.now) == "active"


def test_an_announcement_needs_both_registrars_and_both_new_keys(world: World) -> None:
    content = recovery(world)
    for signers in (
        (NEW, NODE, world.registrars[0]),
        (NEW, *world.registrars[:2]),
        (NODE, *world.registrars[:2]),
        world.registrars[:2],
        (OLD, NEW, NODE),
    ):
        refused(world, "missing-signature", content, *signers)
    refused(world, "wrong-key", content, NEW, NODE, OLD, *world.registrars[:2])
    refused(world, "missing-signature", content, NEW, NODE, *world.root_keys)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"vault_key": OLD.public}, "wrong-value"),
        ({"vault_key": signer("b vault").public}, "key-in-use"),
        ({"node_key": signer("b node").public}, "key-in-use"),
        ({"node_key": OLD.public}, "key-in-use"),
        ({"endpoint": "http://a.example.org"}, "bad-endpoint"),
    ],
)
def test_cards_that_cannot_be_announced(
    world: World, changes: dict[str, object], code: str
) -> None:
    content = recovery(world, **changes)
    keys = (OLD, NEW, NODE, signer("b vault"), signer("b node"))
    card = new_card(**changes)
    signers = [key for key in keys if key.public in (card.vault_key, card.node_key)]
    refused(world, code, content, *signers, *world.registrars[:2])


def test_the_node_key_may_stay(world: World) -> None:
    content = recovery(world, node_key=signer("a node").public)
    refused(world, "missing-signature", content, NEW, *world.registrars[:2])
    world.log_in(content, NEW, signer("a node"), *world.registrars[:2])
    world.now += RECOVERY_DELAY
    complete = lost(world, node_key=signer("a node").public)
    world.log_in(complete, *world.registrars[:2])
    assert world.member("a").node_key == signer("a node").public


def test_nobody_else_can_take_the_keys_that_were_announced(world: World) -> None:
    announced(world)
    content = world.member_content("c", node_key=NEW.public)
    refused(world, "key-in-use", content, signer("c vault"), NEW, world.registrars[0])


def test_the_key_before_can_say_nothing_but_its_veto(world: World) -> None:
    announced(world)
    other = signer("a node 3")
    for content, signers in (
        (world.update_content("a", endpoint="https://thief.example.org"), (OLD,)),
        (world.update_content("a", "compromised", node_key=other.public), (OLD, other)),
        (status(world, "removed", "left"), (OLD,)),
        (status(world, "suspended", "holiday"), (OLD,)),
        (status(world, "suspended", "veto", world.now + DAY), (OLD,)),
        (status(world, "active", "veto"), (OLD,)),
        (status(world, "removed", "veto"), (OLD,)),
    ):
        refused(world, "state-not-allowed", content, *signers)


def test_registrars_may_suspend_and_remove_meanwhile(world: World) -> None:
    announced(world)
    until = world.now + DAY
    world.log_in(status(world, "suspended", "keys-lost", until), world.registrars[0])
    assert world.directory.status(id_of("a"), world.now) == "suspended"
    world.now += RECOVERY_DELAY
    world.log_in(lost(world), *world.registrars[:2])
    assert world.member("a").vault_key == NEW.public
    world.log_in(status(world, "removed", "left"), *world.registrars[:2])


# completed


def test_after_72_hours_registrars_complete_it(world: World) -> None:
    began = announced(world)
    world.now += RECOVERY_DELAY - 1
    refused(world, "state-not-allowed", lost(world), *world.registrars[:2])
    world.now += 1
    content = lost(world)
    for signers in (world.registrars[:1], [NEW, NODE], world.root_keys):
        refused(world, "missing-signature", content, *signers)
    refused(world, "wrong-key", content, OLD, *world.registrars[:2])
    world.log_in(content, *world.registrars[1:])
    member = world.member("a")
    assert (member.id, member.vault_key, member.node_key) == (id_of("a"), NEW.public, NODE.public)
    assert (member.vault_since, member.vault_index, member.node_key_at) == (
        world.now,
        4,
        world.now,
    )
    assert [(k.key, k.since, k.until, k.reason) for k in member.earlier] == [
        (OLD.public, START, world.now, "lost")
    ]
    assert member.recovery is None
    assert began.number + 1 == member.number
    again = world.update_content("a", vault_key=NEW.public, node_key=NODE.public)
    refused(world, "missing-signature", again, OLD)
    world.log_in(again, NEW)


def test_only_the_card_that_was_announced(world: World) -> None:
    announced(world)
    world.now += RECOVERY_DELAY
    for changes in ({"endpoint": "https://x.example.org"}, {"node_key": signer("x").public}):
        refused(world, "wrong-value", lost(world, **changes), *world.registrars[:2])


def test_lost_without_an_announcement(world: World) -> None:
    refused(world, "state-not-allowed", lost(world), *world.registrars[:2])
    refused(world, "state-not-allowed", lost(world), OLD, NEW, NODE)


def test_an_announcement_that_nobody_completed_lapses(world: World) -> None:
    announced(world)
    world.now += RECOVERY_LASTS - 1
    refused(world, "state-not-allowed", world.update_content("a"), OLD)
    world.now += 1
    refused(world, "state-not-allowed", lost(world), *world.registrars[:2])
    refused(world, "state-not-allowed", status(world, "suspended", "veto"), OLD)
    world.log_in(world.update_content("a", endpoint="https://back.example.org"), OLD)
    announced(world)  # the same keys again: they were this member's before
    world.now += RECOVERY_DELAY
    world.log_in(lost(world), *world.registrars[:2])
    assert world.member("a").vault_key == NEW.public


def test_a_second_announcement_takes_the_place_of_the_first(world: World) -> None:
    announced(world)
    world.now += 2 * DAY
    other = signer("a vault 3")
    content = recovery(world, vault_key=other.public)
    world.log_in(content, other, NODE, *world.registrars[:2])
    world.now += DAY
    refused(world, "wrong-value", lost(world), *world.registrars[:2])
    refused(world, "state-not-allowed", lost(world, vault_key=other.public), *world.registrars[:2])
    world.now += 2 * DAY
    world.log_in(lost(world, vault_key=other.public), *world.registrars[:2])
    assert world.member("a").vault_key == other.public


def test_keys_announced_in_one_role_are_not_taken_in_the_other(world: World) -> None:
    announced(world)
    content = recovery(world, vault_key=NODE.public, node_key=NEW.public)
    refused(world, "key-in-use", content, NEW, NODE, *world.registrars[:2])


# ended by registrars


def test_registrars_end_what_they_announced(world: World) -> None:
    announced(world)
    content = status(world, "active", "recovery-ended")
    refused(world, "missing-signature", content, world.registrars[0])
    world.log_in(content, *world.registrars[:2])
    assert not world.member("a").recovering(world.now)
    refused(world, "state-not-allowed", status(world, "suspended", "veto"), OLD)
    world.log_in(world.update_content("a"), OLD)
    refused(
        world, "state-not-allowed", status(world, "active", "recovery-ended"), *world.registrars[:2]
    )
    announced(world)
    assert world.member("a").recovering(world.now)


def test_ending_a_recovery_ends_no_suspension(world: World) -> None:
    world.log_in(status(world, "suspended", "test"), *world.registrars[:2])
    announced(world)
    world.log_in(status(world, "active", "recovery-ended"), *world.registrars[:2])
    assert world.directory.status(id_of("a"), world.now) == "suspended"
    announced(world)
    world.log_in(status(world, "active", "resolved"), *world.registrars[:2])
    assert world.directory.status(id_of("a"), world.now) == "active"
    assert world.member("a").recovering(world.now)


# vetoed


def test_a_veto_suspends_until_the_root_keys_decide(world: World) -> None:
    member = vetoed(world)
    assert member.vetoed
    assert world.directory.status(id_of("a"), world.now + 1000 * DAY) == "suspended"
    for content, signers in (
        (world.update_content("a"), [OLD]),
        (status(world, "active", "mine"), [OLD]),
        (status(world, "suspended", "veto"), [OLD]),
        (recovery(world), [NEW, NODE, *world.registrars[:2]]),
        (status(world, "active", "resolved"), world.registrars[:2]),
        (status(world, "active", "recovery-ended"), world.registrars[:2]),
    ):
        refused(world, "state-not-allowed", content, *signers)
    world.now += RECOVERY_DELAY
    refused(world, "missing-signature", lost(world), *world.registrars[:2])
    refused(world, "missing-signature", lost(world), world.root_keys[0])
    refused(world, "missing-signature", status(world, "active", "x"), world.root_keys[0])


def test_root_keys_decide_for_the_key_before(world: World) -> None:
    vetoed(world)
    world.log_in(status(world, "active", "found"), *world.root_keys[:2])
    assert world.directory.status(id_of("a"), world.now) == "active"
    assert world.member("a").vault_key == OLD.public
    world.log_in(world.update_content("a"), OLD)
    refused(world, "key-in-use", recovery(world), NEW, NODE, *world.registrars[:2])


def test_root_keys_decide_for_the_new_one(world: World) -> None:
    vetoed(world)
    refused(world, "state-not-allowed", lost(world), *world.root_keys[:2])  # within its 72 hours
    world.now += RECOVERY_LASTS  # a veto does not lapse
    world.log_in(lost(world), *world.root_keys[:2])
    member = world.member("a")
    assert (member.vault_key, member.vetoed) == (NEW.public, False)
    assert world.directory.status(id_of("a"), world.now) == "active"


def test_registrars_can_remove_whoever_it_is(world: World) -> None:
    vetoed(world)
    world.log_in(status(world, "removed", "left"), *world.registrars[:2])
    assert world.directory.status(id_of("a"), world.now) == "removed"


def test_a_veto_of_nothing(world: World) -> None:
    refused(world, "state-not-allowed", status(world, "suspended", "veto"), OLD)


def test_root_keys_have_no_say_without_a_veto(world: World) -> None:
    world.log_in(status(world, "suspended", "test"), *world.registrars[:2])
    announced(world)
    refused(world, "missing-signature", status(world, "active", "x"), *world.root_keys)
    world.now += RECOVERY_DELAY
    refused(world, "missing-signature", lost(world), *world.root_keys)


def test_two_folds_are_the_same(world: World) -> None:
    vetoed(world)
    world.now += RECOVERY_DELAY
    world.log_in(lost(world), *world.root_keys[1:])
    other = Directory(world.genesis)
    for number, leaf in enumerate(world.leaves):
        other.apply(leaf, number)
    assert list(other.members()) == list(world.directory.members())


# requests


def asked(world: World, **changes: object) -> Submission:
    """A request to recover with new contacts."""
    contacts = Salted("contacts", seed("salt"), b"new contacts")
    kept = tuple(record for record in records_of("a") if record.name != "contacts")
    fields: dict[str, object] = {
        "genesis": world.genesis,
        "member": world.member("a"),
        "card": new_card(records=record_hashes((contacts, *kept))),
        "signers": (NEW, NODE),
        "records": (contacts,),
        "bundle": bundle_of("a", world.now, NEW),
        "now": world.now,
    }
    return make_recovery(**(fields | changes))  # type: ignore[arg-type]  # fields by name


def test_request_to_recover(world: World) -> None:
    found = check_recovery(asked(world), world.directory, world.now)
    assert found.member == id_of("a")
    assert found.card.vault_key == NEW.public
    assert [record.name for record in found.records.records] == ["contacts"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signers": (NEW, signer("a node"))}, "missing-signature"),
        ({"signers": (NEW, NODE, OLD)}, "wrong-key"),
        ({"records": ()}, "wrong-record"),
        ({"records": records_of("a")[:1]}, "wrong-record"),
        ({"bundle": bundle_of("a", START)}, "bad-signature"),
        ({"genesis": bytes(32)}, "wrong-genesis"),
        ({"now": START - 31 * DAY}, "bad-times"),
        ({"card": card_of("a", node_key=NODE.public)}, "wrong-value"),
    ],
)
def test_requests_that_cannot_be(world: World, changes: dict[str, object], code: str) -> None:
    with pytest.raises(ProtocolError) as error:
        check_recovery(asked(world, **changes), world.directory, world.now)
    assert error.value.code == code, error.value


def test_request_of_a_stranger_s_signature(world: World) -> None:
    good = asked(world)
    wrong = tuple(
        msgspec.structs.replace(s, signature=bytes(64)) if s.key == NEW.public else s
        for s in good.signatures
    )
    with pytest.raises(ProtocolError, match="bad-signature"):
        check_recovery(
            Submission(good.content, wrong, good.records, None), world.directory, world.now
        )


def test_request_that_is_none(world: World) -> None:
    content = world.update_content("a")
    update = Submission(content, sign_entry(content, OLD), (), None)
    with pytest.raises(ProtocolError, match="wrong-value"):
        check_recovery(update, world.directory, world.now)
