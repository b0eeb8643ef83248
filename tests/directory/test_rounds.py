"""Asking members' endpoints once a day: who is asked when, and what is kept."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory_server import Client, made
from directory_world import DAY, id_of
from referral_directory.log.endpoints import Endpoints
from referral_directory.server.probe import GOOD, SILENT
from referral_directory.server.rounds import EVERY, JITTER, Rounds
from referral_protocol.directory.entries import Card


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    place = await made(tmp_path / "state")
    async with place.served() as served:
        await served.admit("lisbon", "utrecht")
        yield served


async def test_each_member_once_a_day(client: Client) -> None:
    asked: Counter[str] = Counter()
    answers = {"https://lisbon.invalid": GOOD, "https://utrecht.invalid": SILENT}

    async def ask(card: Card, _member: bytes) -> str:
        asked[card.endpoint] += 1
        return answers[card.endpoint]

    store, clock = client.running.ledger.store, client.place.clock
    await store.write(lambda tx: tx.execute("DELETE FROM endpoints"))
    rounds, endpoints = Rounds(client.running.ledger, ask), Endpoints(store)
    assert await rounds.go() == 2
    began = clock()
    assert await rounds.go() == 0
    clock.ahead += EVERY - JITTER - 60_000
    assert await rounds.go() == 0
    clock.ahead += JITTER + 60_000
    answers["https://lisbon.invalid"] = "tls"
    assert await rounds.go() == 2
    assert asked == {"https://lisbon.invalid": 2, "https://utrecht.invalid": 2}
    seen = await endpoints.of([id_of("lisbon"), id_of("utrecht"), bytes(16)])
    assert seen.keys() == {id_of("lisbon"), id_of("utrecht")}
    lisbon, utrecht = seen[id_of("lisbon")], seen[id_of("utrecht")]
    assert (lisbon.answer, utrecht.answer, utrecht.good_at) == ("tls", SILENT, None)
    assert lisbon.good_at is not None
    assert lisbon.good_at <= began < lisbon.asked_at


async def test_who_is_not_active_is_not_asked(client: Client) -> None:
    """And what an endpoint said when its member asked to join counts as the first answer."""
    seen = await Endpoints(client.running.ledger.store).of([id_of("lisbon")])
    assert all(each.asked_at <= client.place.clock() for each in seen.values())

    async def ask(card: Card, _member: bytes) -> str:
        raise AssertionError(card.endpoint)

    client.place.clock.ahead += 2 * DAY
    directory = client.running.ledger.directory
    for member in list(directory.members()):
        directory._members[member.id] = member.__class__(
            **{f: getattr(member, f) for f in member.__struct_fields__} | {"removed_at": 1}
        )
    assert await Rounds(client.running.ledger, ask).go() == 0
