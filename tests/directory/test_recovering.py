"""A lost vault key at a real directory: asked for, announced, vetoed, completed; what is served."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory_roots import CONTACTS, NEW, OLD, asked, by, change_root, root_keys
from directory_server import Client, made, records_of
from directory_world import DAY, id_of, signer
from referral_directory.log.office import Plain
from referral_protocol.directory import paths
from referral_protocol.directory.board import read_board_tile
from referral_protocol.directory.entries import Status, make_status_entry, sign_entry
from referral_protocol.directory.records import Records, read_records_tile
from referral_protocol.directory.requests import Submission, parse_request_state
from referral_protocol.directory.rules import RECOVERY_DELAY, Member
from referral_protocol.directory.tiles import parse_index


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    place = await made(tmp_path / "state")
    async with place.served() as served:
        await served.admit("lisbon", "utrecht")
        yield served


def member(client: Client) -> Member:
    return client.running.ledger.directory.known(id_of("lisbon"))


async def announced(client: Client) -> Submission:
    submission = asked(client)
    await client.request(submission)
    signed = by(submission.content, client.place.registrar())
    assert (await client.office.approve(submission.id.hex(), signed))["done"]
    return submission


async def open_one(client: Client) -> Plain:
    (found,) = await client.office.recoveries()
    return found


async def state_of(client: Client, submission: Submission) -> str:
    return parse_request_state(await client.body(paths.request_path(submission.id))).state


async def lisbon_served(client: Client) -> tuple[Records | None, bool]:
    """Lisbon's records, and whether a bundle that verifies stands on the board."""
    directory, now = (await client.replica()).directory, client.place.clock()
    records: list[Records] = []
    bundles: list[bytes] = []
    for tile in parse_index(await client.body(paths.RECORDS)).tiles:
        data = await client.body(paths.records_tile_path(tile))
        records += read_records_tile(data, tile, directory)[0]
    for tile in parse_index(await client.body(paths.BOARD)).tiles:
        data = await client.body(paths.board_tile_path(tile))
        bundles += [posted.member for posted in read_board_tile(data, tile, directory, now)[0]]
    mine = [each for each in records if each.member == id_of("lisbon")]
    return (mine[0] if mine else None), id_of("lisbon") in bundles


async def test_from_the_request_to_the_new_key(client: Client) -> None:
    submission = asked(client)
    await client.request(submission)
    (request,) = await client.office.requests()
    assert (request["kind"], request["member"]) == ("recovery", id_of("lisbon").hex())
    assert request["hindrance"] is None
    # The number to call is the one known before; what the request brings stands beside it.
    assert request["contact"] != request["asked"]["contact"]
    assert request["vault_key"] == NEW.public
    signed = by(submission.content, client.place.registrar())
    done = await client.office.approve(submission.id.hex(), signed)
    assert (done["done"], done["index"]) == (True, 3)
    assert await state_of(client, submission) == "approved"
    assert await client.office.requests() == []

    found = await open_one(client)
    assert (found["state"], found["complete"]) == ("announced", None)
    assert found["id"] == id_of("lisbon").hex()
    assert member(client).vault_key == OLD.public
    records, bundle = await lisbon_served(client)
    assert records == Records(id_of("lisbon"), records_of("lisbon"))
    assert bundle

    client.place.clock.ahead += RECOVERY_DELAY + 1
    found = await open_one(client)
    assert found["state"] == "ready"
    content = bytes(found["complete"])
    assert (await client.office.propose(content, by(content, client.place.registrar())))["done"]
    assert member(client).vault_key == NEW.public
    assert (await client.replica()).directory.known(id_of("lisbon")).vault_key == NEW.public
    assert await client.office.recoveries() == []
    records, bundle = await lisbon_served(client)
    assert records is not None
    assert CONTACTS in records.records
    assert [record.name for record in records.records] == ["contacts", "organisation", "services"]
    assert bundle  # the new key's, for only such a one verifies now


async def test_two_registrars_announce_together(client: Client) -> None:
    second = signer("second registrar")
    keys = tuple(sorted((client.place.registrar().public, second.public)))
    await change_root(client, registrars=keys, registrar_threshold=2)
    submission = asked(client)
    await client.request(submission)
    signed = by(submission.content, client.place.registrar())
    kept = await client.office.approve(submission.id.hex(), signed)
    assert (kept["done"], kept["have"], kept["need"]) == (False, 1, 2)
    assert await state_of(client, submission) == "waiting"
    (waiting,) = await client.office.proposals()
    assert (waiting["kind"], waiting["content"]) == ("recovery", submission.content)
    done = await client.office.sign(kept["proposal"], by(submission.content, second))
    assert done["done"]
    assert await state_of(client, submission) == "approved"
    client.place.clock.ahead += RECOVERY_DELAY + 1
    content = bytes((await open_one(client))["complete"])
    kept = await client.office.propose(content, by(content, second))
    (waiting,) = await client.office.proposals()
    assert (waiting["kind"], waiting["reason"]) == ("update", "lost")
    assert (await client.office.sign(kept["proposal"], by(content, client.place.registrar())))[
        "done"
    ]


async def veto(client: Client) -> int:
    old = member(client)
    body = Status("suspended", None, "veto")
    now = client.place.clock()
    content = make_status_entry(client.place.genesis, old.id, old.number + 1, old.head, body, now)
    submission = Submission(content, sign_entry(content, OLD), (), None)
    return (await client.send("POST", paths.SUBMIT, submission.pack())).status


@pytest.mark.parametrize("lost", [True, False])
async def test_veto_and_what_the_root_keys_decide(client: Client, lost: bool) -> None:
    await announced(client)
    assert await veto(client) == 201
    assert (await veto(client)) == 422  # once is enough
    client.place.clock.ahead += RECOVERY_DELAY + 1
    found = await open_one(client)
    assert (found["state"], found["status"]) == ("vetoed", "suspended")
    content = bytes(found["complete"] if lost else found["end"])
    registrar = by(content, client.place.registrar())
    with pytest.raises(Exception, match=r"wrong-key|state-not-allowed"):
        await client.office.propose(content, registrar)
    signed = by(content, *root_keys(client.place)[:2])
    assert (await client.office.propose(content, signed))["done"]
    assert member(client).vault_key == (NEW if lost else OLD).public
    assert member(client).status(client.place.clock()) == "active"
    assert await client.office.recoveries() == []
    _, bundle = await lisbon_served(client)
    assert bundle


async def test_registrars_end_it(client: Client) -> None:
    await announced(client)
    content = bytes((await open_one(client))["end"])
    assert (await client.office.propose(content, by(content, client.place.registrar())))["done"]
    assert await client.office.recoveries() == []
    await announced(client)  # the same keys may ask again


async def test_a_stranger_s_request_does_not_put_the_member_s_aside(client: Client) -> None:
    own, other = asked(client), asked(client, signer("thief vault"), signer("thief node"))
    await client.request(own)
    await client.request(other)
    assert {each["id"] for each in await client.office.requests()} == {
        own.id.hex(),
        other.id.hex(),
    }
    client.place.clock.ahead += 1000
    again = asked(client)
    await client.request(again)
    assert {each["id"] for each in await client.office.requests()} == {
        again.id.hex(),
        other.id.hex(),
    }
    assert await state_of(client, own) == "declined"


async def test_a_request_that_the_log_has_overtaken(client: Client) -> None:
    submission = asked(client)
    await client.request(submission)
    old = member(client)
    body = Status("suspended", client.place.clock() + DAY, "keys-lost")
    content = make_status_entry(
        client.place.genesis, old.id, old.number + 1, old.head, body, client.place.clock()
    )
    await client.office.propose(content, by(content, client.place.registrar()))
    (request,) = await client.office.requests()
    assert request["hindrance"].startswith("old-number")


async def test_requests_to_recover_that_are_refused(client: Client) -> None:
    cases = [
        (asked(client, OLD), (400, "wrong-value")),
        (asked(client, signer("utrecht vault")), (409, "key-in-use")),
    ]
    stranger = asked(client)
    cases.append(
        (Submission(stranger.content, stranger.signatures, (), None), (422, "wrong-record"))
    )
    for submission, expected in cases:
        answer = await client.send("POST", paths.REQUESTS, submission.pack())
        assert answer.refused == expected
    assert await client.office.requests() == []


async def test_old_key_is_held_to_its_veto(client: Client) -> None:
    await announced(client)
    old = member(client)
    body = Status("removed", None, "left")
    content = make_status_entry(
        client.place.genesis, old.id, old.number + 1, old.head, body, client.place.clock()
    )
    submission = Submission(content, sign_entry(content, OLD), (), None)
    answer = await client.send("POST", paths.SUBMIT, submission.pack())
    assert answer.refused == (422, "state-not-allowed")


async def test_what_came_along_survives_a_restart(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    async with place.served() as client:
        await client.admit("lisbon")
        await announced(client)
    place.clock.ahead += RECOVERY_DELAY + 1
    async with place.served() as client:
        content = bytes((await open_one(client))["complete"])
        await client.office.propose(content, by(content, place.registrar()))
        records, bundle = await lisbon_served(client)
        assert records is not None
        assert CONTACTS in records.records
        assert bundle
