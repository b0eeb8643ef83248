"""Parcels that are wrong: the coded, signed answer of the spec, nothing stored, one line logged."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from directory_world import DAY, id_of, signer
from forge import Forge, contents, flipped, refused
from node_world import Office, Offices
from referral_protocol.certificates import CLOCK_AHEAD, TRANSPORT_PREKEY_KEPT
from referral_protocol.directory.entries import REMOVED, SUSPENDED
from referral_protocol.keys import prekey_id
from referral_protocol.parcels import CLASSES, ParcelContent, parse_head
from referral_protocol.receipts import HELD
from referral_protocol.suite import SEAL_OVERHEAD, Opener
from referral_protocol.wire import encode


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "utrecht", "lisboa", "lviv")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def utrecht(offices: Offices) -> Office:
    return offices["utrecht"]


@pytest.fixture
def lisboa(offices: Offices) -> Forge:
    return Forge("lisboa", offices["utrecht"], offices["lisboa"].id)


async def learn(office: Office, offices: Offices) -> None:
    """Let a node take what the directory has now."""
    world = offices.world
    await office.keeper.take(world.checkpoint(), world.leaves[office.keeper.replica.size :])


async def test_what_the_forge_makes_is_right(lisboa: Forge, utrecht: Office) -> None:
    """Without it every refusal below could be for another reason."""
    message, signed = lisboa.message()
    with capture_logs() as lines:
        answered = await lisboa.send(message)
    assert answered.code is None
    assert answered.receipt.answers[0].statement == signed.hash
    assert answered.receipt.answers[0].status == HELD
    assert [line["event"] for line in lines] == ["parcel.held"]
    assert (await utrecht.exchange.importing.run(utrecht.vault)).imported == 1


# who sends, and to whom


async def test_nobody_knows_the_sender(offices: Offices, utrecht: Office) -> None:
    stranger = Forge("nobody", utrecht, id_of("nobody"))
    message, _ = stranger.message()
    await refused(stranger, await stranger.parcel(message), "unknown-member")


@pytest.mark.parametrize("status", [SUSPENDED, REMOVED])
async def test_the_sender_may_not_send_now(
    offices: Offices, utrecht: Office, lisboa: Forge, status: str
) -> None:
    held, _ = lisboa.message()
    await lisboa.send(held)
    offices.world.log_in(
        offices.world.status_content("lisboa", status), offices.world.registrars[0]
    )
    await learn(utrecht, offices)
    message, _ = lisboa.message()
    await refused(lisboa, await lisboa.parcel(message), status)
    # What came before is opened all the same.
    assert (await utrecht.exchange.importing.run(utrecht.vault)).imported == 1


async def test_it_is_for_another_organisation(offices: Offices, lisboa: Forge) -> None:
    message, _ = lisboa.message()
    await refused(lisboa, await lisboa.parcel(message, recipient=id_of("lviv")), "not-for-us")


async def test_a_member_speaks_for_another(offices: Offices, lisboa: Forge) -> None:
    message, _ = lisboa.message()
    data = await lisboa.parcel(message, sender=id_of("lviv"))
    await refused(lisboa, data, "wrong-key")  # the certificate is Lisbon's


# keys


async def test_the_header_is_signed_with_another_key(lisboa: Forge) -> None:
    message, _ = lisboa.message()
    for key in (signer("lviv node"), lisboa.vault, signer("thief")):
        await refused(lisboa, await lisboa.parcel(message, node=key), "bad-signature")


async def test_the_certificate_is_signed_with_another_key(lisboa: Forge) -> None:
    message, _ = lisboa.message()
    thief = signer("thief")
    forged = lisboa.certificate(thief.public, vault=thief)
    await refused(
        lisboa, await lisboa.parcel(message, node=thief, certificate=forged), "bad-signature"
    )


async def test_an_older_certificate_does_not_bring_an_old_key_back(
    lisboa: Forge, utrecht: Office
) -> None:
    stolen, fresh = signer("stolen node"), signer("fresh node")
    message, _ = lisboa.message()
    old = lisboa.certificate(stolen.public, made_at=lisboa.epoch - DAY)
    await refused(lisboa, await lisboa.parcel(message, node=stolen, certificate=old), "wrong-key")
    new = lisboa.certificate(fresh.public, made_at=lisboa.epoch + 1000)
    answered = await lisboa.post(await lisboa.parcel(message, node=fresh, certificate=new))
    assert answered.code is None  # a newer one takes effect on arrival
    message, _ = lisboa.message()
    await refused(lisboa, await lisboa.parcel(message), "wrong-key")  # and the old one ends there


async def test_a_newer_certificate_whose_key_did_not_sign_changes_nothing(
    lisboa: Forge, utrecht: Office
) -> None:
    message, _ = lisboa.message()
    seen = lisboa.certificate(signer("fresh node").public, made_at=lisboa.epoch + 1000)
    await refused(lisboa, await lisboa.parcel(message, certificate=seen), "bad-signature")
    assert (await lisboa.send(message)).code is None  # with the key that counts


async def test_it_is_sealed_to_a_prekey_that_we_do_not_have(
    offices: Offices, lisboa: Forge
) -> None:
    message, _ = lisboa.message()
    foreign = await Forge("lisboa", offices["lviv"], lisboa.sender).prekey()
    await refused(lisboa, await lisboa.parcel(message, public=foreign), "prekey-unknown")
    made_up = Opener(b"x" * 32).public
    await refused(lisboa, await lisboa.parcel(message, public=made_up), "prekey-unknown")


async def test_it_is_sealed_to_a_prekey_that_is_over(offices: Offices, lisboa: Forge) -> None:
    message, _ = lisboa.message()
    old = await lisboa.prekey()
    offices.clock.now += TRANSPORT_PREKEY_KEPT - 1
    kept = await lisboa.post(await lisboa.parcel(message, public=old))
    assert kept.code is None  # three days long it opens
    offices.clock.now += 1
    message, _ = lisboa.message()
    data = await lisboa.parcel(message, public=old)
    with capture_logs():
        answered = await lisboa.post(data)
    assert answered.code in ("stale-prekey", "prekey-unknown")
    row = await lisboa.office.store.row(
        "SELECT COUNT(*) FROM transport_prekeys WHERE made_at <= ?",
        (offices.clock.now - TRANSPORT_PREKEY_KEPT,),
    )
    assert row is not None
    assert row[0] == 0  # its private half is gone
    assert answered.envelope is not None
    assert answered.envelope.prekey is not None  # and the next one came with the refusal


async def test_it_names_another_prekey_than_it_is_sealed_to(lisboa: Forge) -> None:
    message, _ = lisboa.message()
    right = await lisboa.prekey()
    wrong = Opener(b"y" * 32).public
    data = await lisboa.parcel(message, public=wrong, prekey=prekey_id(right))
    await refused(lisboa, data, "does-not-open")


# time and size


async def test_it_comes_from_the_future(lisboa: Forge) -> None:
    message, _ = lisboa.message()
    ahead = lisboa.now + CLOCK_AHEAD
    await refused(lisboa, await lisboa.parcel(message, at=ahead + 1), "clock")
    assert (await lisboa.post(await lisboa.parcel(message, at=ahead))).code is None


async def test_the_sealed_part_is_not_the_one_that_was_signed_for(lisboa: Forge) -> None:
    message, _ = lisboa.message()
    other = await lisboa.parcel(lisboa.message()[0])
    data = await lisboa.parcel(message)
    size = SEAL_OVERHEAD + CLASSES[0]
    await refused(lisboa, data[:-size] + other[-size:], "wrong-seal")
    await refused(lisboa, data + b"\x00", "trailing")
    await refused(lisboa, data[:-1], "truncated")


@pytest.mark.parametrize("length", [0, 1, SEAL_OVERHEAD + CLASSES[0] + 1, 2**40])
async def test_a_length_that_no_parcel_has(lisboa: Forge, length: int) -> None:
    """Of its head alone, and so before anybody knows who signed: a problem document."""
    message, _ = lisboa.message()
    answered = await lisboa.post(await lisboa.parcel(message, length=length))
    assert (answered.status, answered.code) == (400, "wrong-length")


async def test_a_suite_that_nobody_knows(lisboa: Forge) -> None:
    message, _ = lisboa.message()
    data = await lisboa.parcel(message)
    length = int.from_bytes(data[:2], "big")
    header = parse_head(data[2 : 2 + length]).header
    made = encode(msgspec.structs.replace(header, suite=2))
    answered = await lisboa.post(lisboa.wrap(made, data[2 + length :]))
    assert (answered.status, answered.code) == (400, "unknown-suite")


# what is inside


def padded(inside: bytes, size: int, *, length: int | None = None, pad: bytes = b"") -> bytes:
    """A content with a length before it and a pad behind it that need not be right."""
    head = (len(inside) if length is None else length).to_bytes(4, "big") + inside
    return head + pad + bytes(size - len(head) - len(pad))


Made = Callable[[bytes], dict[str, Any]]
INSIDE: dict[str, tuple[Made, str]] = {
    "larger class": (lambda c: {"padded": padded(c, CLASSES[1])}, "wrong-class"),
    "pad": (lambda c: {"padded": padded(c, CLASSES[0], pad=b"\x01")}, "pad-not-zero"),
    "last byte of the pad": (
        lambda c: {"padded": padded(c, CLASSES[0])[:-1] + b"\x01"},
        "pad-not-zero",
    ),
    "inner length": (
        lambda c: {"padded": padded(c, CLASSES[0], length=CLASSES[0])},
        "bad-length",
    ),
    "not msgpack": (lambda c: {"content": b"\xc1" * 100}, "not-msgpack"),
    "another type": (lambda c: {"content": encode(("a", "b"))}, "wrong-type"),
    "longer integer form": (
        lambda c: {"content": b"\xdc\x00\x02" + c[1:]},
        "not-canonical",
    ),
    "something behind": (lambda c: {"content": c + b"\xc0"}, "trailing"),
    "no message": (lambda c: {"content": encode((None, ()))}, "wrong-type"),
}


@pytest.mark.parametrize("name", INSIDE)
async def test_what_is_inside_is_wrong(lisboa: Forge, name: str) -> None:
    made, code = INSIDE[name]
    message, _ = lisboa.message()
    inside = encode(ParcelContent(None, (message,)))
    changes = made(inside)
    await refused(lisboa, await lisboa.parcel(message, **changes), code)


async def test_the_same_statement_twice_and_too_many(lisboa: Forge) -> None:
    message, signed = lisboa.message()
    again = lisboa.husk(signed)
    twice = encode((None, (message, again)))
    await refused(lisboa, await lisboa.parcel(content=twice), "wrong-value")
    husks = tuple(lisboa.husk(lisboa.sign(lisboa.statement())) for _ in range(257))
    await refused(lisboa, await lisboa.parcel(content=encode((None, husks))), "wrong-type")


async def test_a_parcel_as_large_as_may_be(lisboa: Forge, utrecht: Office) -> None:
    husks = [lisboa.husk(lisboa.sign(lisboa.statement())) for _ in range(256)]
    answered = await lisboa.send(*husks)
    assert len(answered.receipt.answers) == 256
    assert (await contents(utrecht))["messages"] == 256


# one bit


async def test_one_bit_anywhere_is_noticed(lisboa: Forge, utrecht: Office) -> None:
    """Bytes of head, signature, certificate and sealed part: refused, and nothing of it kept."""
    message, _ = lisboa.message()
    data = await lisboa.parcel(message)
    head = 2 + int.from_bytes(data[:2], "big")
    before = await contents(utrecht)
    places = [*range(head), *range(head, len(data), 211), len(data) - 1]
    codes: dict[str, set[str]] = {"head": set(), "sealed part": set()}
    with capture_logs() as lines:
        for number, place in enumerate(places):
            answered = await lisboa.post(flipped(data, place, number % 8))
            assert answered.code is not None, f"bit {number % 8} of byte {place} was not noticed"
            assert answered.signed is not None or answered.status == 400
            codes["head" if place < head else "sealed part"].add(answered.code)
    assert codes["sealed part"] == {"wrong-seal"}
    assert {"bad-signature", "unknown-member", "not-for-us"} <= codes["head"]
    assert await contents(utrecht) == before
    assert {line["event"] for line in lines} == {"parcel.refused"}
    assert (await lisboa.post(data)).code is None  # untouched it is held
