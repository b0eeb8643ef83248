"""Entries that wait for a second registrar: kept, signed, logged; dropped when late."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from directory_roots import by, change_root, next_root
from directory_server import Client, made
from directory_world import DAY, id_of, signer
from referral_directory.log.office import Refused
from referral_protocol.directory.entries import Status, make_status_entry, sign_entry
from referral_protocol.directory.state import MAX_AGE

SECOND = signer("second registrar")
THIRD = signer("third registrar")


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A directory of three registrars, of whom two must sign, with one member."""
    place = await made(tmp_path / "state")
    async with place.served() as served:
        await served.admit("lisbon")
        keys = (place.registrar().public, SECOND.public, THIRD.public)
        await change_root(served, registrars=tuple(sorted(keys)), registrar_threshold=2)
        yield served


def status_of(client: Client, status: str, until: int | None = None) -> bytes:
    """Content of a status that follows the member's last entry."""
    member = client.running.ledger.directory.known(id_of("lisbon"))
    body = Status(status, until, "test")
    now = client.place.clock()
    return make_status_entry(
        client.place.genesis, member.id, member.number + 1, member.head, body, now
    )


def standing(client: Client) -> str:
    return client.running.ledger.directory.status(id_of("lisbon"), client.place.clock())


async def test_second_registrar_completes_it(client: Client) -> None:
    first = client.place.registrar()
    content = status_of(client, "suspended")
    kept = await client.office.propose(content, by(content, first))
    assert (kept["done"], kept["index"], kept["have"], kept["need"]) == (False, None, 1, 2)
    assert standing(client) == "active"
    (waiting,) = await client.office.proposals()
    assert waiting["proposal"] == kept["proposal"]
    assert (waiting["kind"], waiting["status"], waiting["reason"]) == (
        "status",
        "suspended",
        "test",
    )
    assert (waiting["member"], waiting["content"]) == (id_of("lisbon").hex(), content)
    assert waiting["signed_by"] == [first.public]
    assert waiting["name"]
    done = await client.office.sign(kept["proposal"], by(content, SECOND))
    assert (done["done"], done["index"], done["have"]) == (True, 3, 2)
    assert standing(client) == "suspended"
    assert await client.office.proposals() == []
    assert (await client.replica()).directory.status(id_of("lisbon"), client.place.clock()) == (
        "suspended"
    )


async def test_both_at_once_are_logged_at_once(client: Client) -> None:
    content = status_of(client, "removed")
    done = await client.office.propose(content, by(content, SECOND, THIRD))
    assert done["done"]
    assert await client.office.proposals() == []


async def test_one_alone_suspends_for_seven_days_at_once(client: Client) -> None:
    content = status_of(client, "suspended", client.place.clock() + 7 * DAY)
    assert (await client.office.propose(content, by(content, THIRD)))["done"]
    assert standing(client) == "suspended"


async def test_signing_twice_is_signing_once(client: Client) -> None:
    content = status_of(client, "suspended")
    kept = await client.office.propose(content, by(content, SECOND))
    assert (await client.office.propose(content, by(content, SECOND)))["have"] == 1
    assert (await client.office.sign(kept["proposal"], by(content, SECOND)))["done"] is False
    assert len(await client.office.proposals()) == 1


async def test_it_waits_over_a_restart(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    async with place.served() as client:
        await client.admit("lisbon")
        keys = (place.registrar().public, SECOND.public)
        await change_root(client, registrars=tuple(sorted(keys)), registrar_threshold=2)
        content = status_of(client, "suspended")
        kept = await client.office.propose(content, by(content, SECOND))
    async with place.at_rest() as office:
        (waiting,) = await office.proposals()
        assert waiting["signed_by"] == [SECOND.public]
        signed = by(bytes(waiting["content"]), place.registrar())
        assert (await office.sign(kept["proposal"], signed))["done"]


async def test_what_the_member_itself_does_ends_what_waits(client: Client) -> None:
    content = status_of(client, "suspended")
    kept = await client.office.propose(content, by(content, SECOND))
    own = status_of(client, "suspended")
    signed = sign_entry(own, signer("lisbon vault"))
    await client.office.propose(own, [[s.key, s.signature] for s in signed])
    # At once, before anybody has looked at the list.
    with pytest.raises(Refused, match=r"does not wait .*any more"):
        await client.office.sign(kept["proposal"], by(content, THIRD))
    assert await client.office.proposals() == []


async def test_too_old_to_be_logged(client: Client) -> None:
    content = status_of(client, "suspended")
    kept = await client.office.propose(content, by(content, SECOND))
    client.place.clock.ahead += MAX_AGE + 1000
    assert await client.office.proposals() == []
    with pytest.raises(Refused, match="does not wait"):
        await client.office.sign(kept["proposal"], by(content, THIRD))


async def test_registrar_who_is_one_no_more(client: Client) -> None:
    content = status_of(client, "suspended")
    await client.office.propose(content, by(content, SECOND))
    keys = tuple(sorted((client.place.registrar().public, THIRD.public)))
    await change_root(client, registrars=keys)
    assert await client.office.proposals() == []


async def test_dropped_by_a_registrar(client: Client) -> None:
    content = status_of(client, "removed")
    kept = await client.office.propose(content, by(content, SECOND))
    await client.office.drop(kept["proposal"])
    assert await client.office.proposals() == []
    assert standing(client) == "active"


@pytest.mark.parametrize("wrong", ["stranger", "signature", "root", "nobody", "id"])
async def test_what_is_not_taken(client: Client, wrong: str) -> None:
    content = status_of(client, "suspended")
    cases: dict[str, tuple[Any, str]] = {
        "stranger": (client.office.propose(content, by(content, SECOND, signer("x"))), "wrong-key"),
        "signature": (
            client.office.propose(content, [[SECOND.public, bytes(64)]]),
            "bad-signature",
        ),
        "root": (client.office.propose(next_root(client), by(content, SECOND)), "wrong-value"),
        "nobody": (client.office.sign("00" * 16, by(content, SECOND)), "does not wait"),
        "id": (client.office.sign("lisbon", by(content, SECOND)), "not the id"),
    }
    for name, (asked, expected) in cases.items():
        if name != wrong:
            asked.close()
            continue
        with pytest.raises(Exception, match=expected):
            await asked
    assert await client.office.proposals() == []
    assert standing(client) == "active"
