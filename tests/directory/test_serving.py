"""The public listener with a real client: what is served, whole, and what it refuses."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from directory_server import MSGPACK, Client, contents_of, made, records_of
from directory_world import bundle_of, id_of, signer
from referral_directory.log.ledger import REFRESH
from referral_directory.server.limits import BURST
from referral_protocol import profiles
from referral_protocol.certificates import MAX_BUNDLE
from referral_protocol.directory import paths
from referral_protocol.directory.board import read_board_tile
from referral_protocol.directory.entries import (
    Status,
    make_status_entry,
    parse_leaf,
    sign_entry,
)
from referral_protocol.directory.notes import parse_note
from referral_protocol.directory.records import Records, Salted, read_records_tile, record_hashes
from referral_protocol.directory.requests import (
    MAX_SUBMISSION,
    Submission,
    make_update,
    parse_request_state,
)
from referral_protocol.directory.tiles import parse_index
from referral_protocol.directory.tree import leaf_hash


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    place = await made(tmp_path / "state")
    async with place.served() as served:
        yield served


async def records_served(client: Client) -> list[Records]:
    """All records as a node reads them; every one must hold."""
    replica = await client.replica()
    found: list[Records] = []
    for name in parse_index(await client.body(paths.RECORDS)).missing([]):
        tile = await client.body(paths.records_tile_path(name))
        read, refused = read_records_tile(tile, name, replica.directory)
        assert not refused
        found += read
    return found


async def board_served(client: Client) -> dict[bytes, bytes]:
    """The board as a node reads it; every bundle must hold."""
    replica = await client.replica()
    found: dict[bytes, bytes] = {}
    for name in parse_index(await client.body(paths.BOARD)).missing([]):
        tile = await client.body(paths.board_tile_path(name))
        posted, refused = read_board_tile(tile, name, replica.directory, client.place.clock())
        assert not refused
        found |= {each.member: each.data for each in posted}
    return found


# the log


async def test_a_new_directory_is_a_log_of_one_entry(client: Client) -> None:
    replica = await client.replica()
    assert (replica.size, len(replica.directory)) == (1, 0)
    response = await client.get(paths.CHECKPOINT)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    note = parse_note(response.body)
    assert [line.name for line in note.signatures] == ["directory.example.org"] * 2
    for path in (paths.RECORDS, paths.BOARD):
        assert parse_index(await client.body(path)).tiles == ()


async def test_joining_over_http(client: Client) -> None:
    replica = await client.replica()
    await client.admit("lisbon", "utrecht")
    replica = await client.replica(replica)
    now = client.place.clock()
    assert [m.id for m in replica.directory.members()] == [id_of("lisbon"), id_of("utrecht")]
    assert replica.directory.status(id_of("lisbon"), now) == "active"
    assert await records_served(client) == [
        Records(id_of(name), records_of(name)) for name in ("lisbon", "utrecht")
    ]
    assert set(await board_served(client)) == {id_of("lisbon"), id_of("utrecht")}


async def test_unchanged_is_304(client: Client) -> None:
    await client.admit("lisbon")
    tile = parse_index(await client.body(paths.BOARD)).tiles[0]
    for path in (
        paths.CHECKPOINT,
        paths.RECORDS,
        paths.BOARD,
        paths.board_tile_path(tile),
        "/tile/entries/000.p/2",
    ):
        etag = (await client.get(path)).headers["ETag"]
        assert not etag.startswith("W/")
        assert (await client.get(path, etag, expect=304)).body == b""
        assert (await client.get(path, '"another"')).headers["ETag"] == etag
    before = (await client.get(paths.BOARD)).headers["ETag"]
    await client.admit("utrecht")
    assert (await client.get(paths.BOARD, before)).headers["ETag"] != before


async def test_entries_and_hashes_are_tlog_tiles(client: Client) -> None:
    await client.admit("lisbon", "utrecht")
    for width in (1, 2, 3):
        leaves = paths.parse_entries(await client.body(f"/tile/entries/000.p/{width}"), width)
        hashes = await client.body(f"/tile/0/000.p/{width}")
        assert hashes == b"".join(leaf_hash(leaf) for leaf in leaves)
    assert (
        (await client.get("/tile/entries/000.p/1")).headers["Cache-Control"].endswith("immutable")
    )
    for path in (
        "/tile/entries/000",
        "/tile/entries/000.p/4",
        "/tile/entries/001.p/1",
        "/tile/entries/0",
        "/tile/entries/000.p/01",
        "/tile/0/000.p/4",
        "/tile/1/000.p/1",
        "/tile/00/000.p/1",
        "/tile/8/000.p/1",
        "/v1/board/tiles/" + "00" * 32,
        "/v1/board/tiles/00",
        "/v1/requests/" + "00" * 16,
        "/v1",
    ):
        assert (await client.get(path, expect=404)).refused == (404, None)


async def test_full_bundle_of_entries(client: Client) -> None:
    """More than 256 entries, so that a full tile, the next partial one and a level above exist."""
    registrar = client.place.registrar()
    await client.admit("lisbon")
    for number in range(256):
        member = client.running.ledger.directory.known(id_of("lisbon"))
        body = Status("suspended" if number % 2 == 0 else "active", None, "test")
        content = make_status_entry(
            client.place.genesis,
            member.id,
            member.number + 1,
            member.head,
            body,
            client.place.clock(),
        )
        signed = sign_entry(content, registrar)
        await client.office.change_status(content, [[s.key, s.signature] for s in signed])
    replica = await client.replica()
    assert replica.size == 258
    full = await client.body("/tile/entries/000")
    assert len(paths.parse_entries(full, 256)) == 256
    assert await client.body("/tile/1/000.p/1") == replica.tree.hashes(8, 0, 1)[0]


async def test_checkpoint_is_signed_anew_in_time(client: Client) -> None:
    before = await client.replica()
    client.place.clock.ahead = REFRESH
    await client.running.ledger.refresh()
    after = await client.replica(before)
    assert before.checkpoint is not None
    assert after.checkpoint is not None
    assert after.checkpoint.at - before.checkpoint.at >= REFRESH - 2000
    assert after.tree.root() == before.tree.root()


async def test_restarted_directory_goes_on(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    async with place.served() as client:
        await client.admit("lisbon")
        held = await client.replica()
        board = await board_served(client)
    async with place.served() as client:
        assert (await client.replica(held)).size == 2
        assert await board_served(client) == board
        await client.admit("utrecht")
        assert (await client.replica(held)).size == 3


# requests to join


async def test_request_waits_until_it_is_approved(client: Client) -> None:
    submission = client.join_of("lisbon")
    response = await client.send("POST", paths.REQUESTS, submission.pack())
    assert (response.status, response.headers["Content-Type"]) == (202, "application/msgpack")
    assert parse_request_state(response.body).state == "waiting"
    assert (await client.send("POST", paths.REQUESTS, submission.pack())).status == 200
    path = paths.request_path(submission.id)
    assert parse_request_state(await client.body(path)).state == "waiting"
    signed = sign_entry(submission.content, client.place.registrar())
    await client.office.approve(submission.id.hex(), [[s.key, s.signature] for s in signed])
    assert parse_request_state(await client.body(path)).state == "approved"
    again = await client.send("POST", paths.REQUESTS, submission.pack())
    assert parse_request_state(again.body).state == "approved"


async def test_declined_and_asked_again_reach_the_applicant(client: Client) -> None:
    submission = client.join_of("lisbon")
    await client.request(submission)
    path = paths.request_path(submission.id)
    await client.office.ask(submission.id.hex(), "Which number may we call?")
    state = parse_request_state(await client.body(path))
    assert (state.state, state.text) == ("asked-again", "Which number may we call?")
    await client.office.decline(submission.id.hex(), "We could not reach you.")
    state = parse_request_state(await client.body(path))
    assert (state.state, state.text) == ("declined", "We could not reach you.")
    assert await client.office.requests() == []


async def test_newer_request_takes_the_place_of_the_older(client: Client) -> None:
    first = client.join_of("lisbon")
    second = client.join_of("lisbon", endpoint="https://moved.example.org")
    await client.request(first)
    await client.request(second)
    assert [each["endpoint"] for each in await client.office.requests()] == [
        "https://moved.example.org"
    ]
    state = parse_request_state(await client.body(paths.request_path(first.id)))
    assert state.state == "declined"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"genesis": bytes(32)}, (422, "wrong-genesis")),
        ({"endpoint": "http://lisbon.example.org"}, (422, "bad-endpoint")),
        ({"endpoint": "https://lisbon.example.org/"}, (422, "bad-endpoint")),
        ({"bundle": bundle_of("utrecht", 1_790_000_000_000)}, (403, "wrong-key")),
        ({"now": 1_000}, (422, "bad-times")),
        ({"now": 4_000_000_000_000}, (422, "bad-times")),
        ({"records": ()}, (422, "wrong-record")),
        ({"records": (Salted("organisation", bytes(32), b"\x80"),)}, (400, "wrong-value")),
        ({"records": (Salted("organisation", bytes(32), b"<b>"),)}, (400, None)),
    ],
)
async def test_requests_that_are_refused(
    client: Client, changes: dict[str, object], expected: tuple[int, str | None]
) -> None:
    submission = client.join_of("lisbon", **changes)
    status, code = (await client.send("POST", paths.REQUESTS, submission.pack())).refused
    assert status == expected[0]
    if expected[1] is not None:
        assert code == expected[1]
    assert await client.office.requests() == []
    assert (await client.replica()).size == 1


async def test_request_with_a_key_of_a_member(client: Client) -> None:
    await client.admit("utrecht")
    submission = client.join_of("lisbon", node=signer("utrecht node"))
    response = await client.send("POST", paths.REQUESTS, submission.pack())
    assert response.refused == (409, "key-in-use")


async def test_flipped_bits_are_refused(client: Client) -> None:
    good = client.join_of("lisbon", bundle=None).pack()
    for place in range(0, len(good), 97):
        wrong = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        response = await client.send("POST", paths.REQUESTS, wrong)
        if response.status == 429:
            break
        assert (response.refused)[1] is not None
    assert await client.office.requests() == []


# updates and own status


async def test_member_updates_itself(client: Client) -> None:
    await client.admit("lisbon", "utrecht")
    old = (await client.replica()).directory.known(id_of("lisbon"))
    contacts = Salted("contacts", bytes(32), contents_of("utrecht")["contacts"])
    kept = tuple(record for record in records_of("lisbon") if record.name != "contacts")
    card = type(old.card)(
        old.card.suites,
        old.vault_key,
        old.node_key,
        "https://new.example.org",
        (),
        record_hashes((contacts, *kept)),
    )
    update = make_update(
        client.place.genesis,
        old,
        card,
        "routine",
        (signer("lisbon vault"),),
        (contacts,),
        None,
        client.place.clock(),
    )
    assert (await client.send("POST", paths.SUBMIT, update.pack())).status == 201
    assert (await client.send("POST", paths.SUBMIT, update.pack())).status == 200
    replica = await client.replica()
    assert replica.size == 4
    assert replica.directory.known(id_of("lisbon")).endpoint == "https://new.example.org"
    mine = (await records_served(client))[0]
    assert mine.records == (contacts, *kept)
    assert (
        profiles.unpack(mine.contents()).contacts
        == profiles.unpack(contents_of("utrecht")).contacts
    )
    assert set(await board_served(client)) == {id_of("lisbon"), id_of("utrecht")}


async def test_new_vault_key_takes_the_old_bundle_off_the_board(client: Client) -> None:
    await client.admit("lisbon")
    old = (await client.replica()).directory.known(id_of("lisbon"))
    new = signer("lisbon vault 2")
    card = type(old.card)(
        old.card.suites, new.public, old.node_key, old.endpoint, (), old.card.records
    )
    update = make_update(
        client.place.genesis,
        old,
        card,
        "compromised",
        (signer("lisbon vault"), new),
        (),
        None,
        client.place.clock(),
    )
    assert (await client.send("POST", paths.SUBMIT, update.pack())).status == 201
    assert await board_served(client) == {}
    bundle = bundle_of("lisbon", client.place.clock(), vault=new)
    response = await client.send("PUT", paths.publish_path(old.id), bundle)
    assert response.status == 204
    assert await board_served(client) == {old.id: bundle}


async def test_member_suspends_and_removes_itself(client: Client) -> None:
    await client.admit("lisbon")
    for status, left in (("suspended", 1), ("removed", 0)):
        member = (await client.replica()).directory.known(id_of("lisbon"))
        content = make_status_entry(
            client.place.genesis,
            member.id,
            member.number + 1,
            member.head,
            Status(status, None, "intruder"),
            client.place.clock(),
        )
        own = Submission(content, sign_entry(content, signer("lisbon vault")), (), None)
        assert (await client.send("POST", paths.SUBMIT, own.pack())).status == 201
        replica = await client.replica()
        assert replica.directory.status(member.id, client.place.clock()) == status
        assert len(await board_served(client)) == left
        assert len(await records_served(client)) == left


async def test_old_update_played_again(client: Client) -> None:
    await client.admit("lisbon")
    updates = []
    for number in (1, 2):
        old = (await client.replica()).directory.known(id_of("lisbon"))
        card = type(old.card)(
            old.card.suites,
            old.vault_key,
            old.node_key,
            f"https://n{number}.example.org",
            (),
            old.card.records,
        )
        updates.append(
            make_update(
                client.place.genesis,
                old,
                card,
                "routine",
                (signer("lisbon vault"),),
                (),
                None,
                client.place.clock(),
            )
        )
        assert (await client.send("POST", paths.SUBMIT, updates[-1].pack())).status == 201
    response = await client.send("POST", paths.SUBMIT, updates[0].pack())
    assert response.refused == (409, "old-number")


async def test_registrar_has_no_say_over_http(client: Client) -> None:
    await client.admit("lisbon")
    member = (await client.replica()).directory.known(id_of("lisbon"))
    content = make_status_entry(
        client.place.genesis,
        member.id,
        2,
        member.head,
        Status("removed", None, "test"),
        client.place.clock(),
    )
    forged = Submission(content, sign_entry(content, client.place.registrar()), (), None)
    response = await client.send("POST", paths.SUBMIT, forged.pack())
    assert response.refused == (403, "missing-signature")


# the board


async def test_board_takes_newer_bundles_only(client: Client) -> None:
    await client.admit("lisbon", bundle=None)
    assert await board_served(client) == {}
    now = client.place.clock()
    path = paths.publish_path(id_of("lisbon"))
    newer, older = bundle_of("lisbon", now), bundle_of("lisbon", now - 60_000)
    assert (await client.send("PUT", path, newer)).status == 204
    assert (await client.send("PUT", path, newer)).status == 204
    assert (await client.send("PUT", path, older)).refused == (409, "old-number")
    assert await board_served(client) == {id_of("lisbon"): newer}


async def test_bundles_that_are_refused(client: Client) -> None:
    await client.admit("lisbon", "utrecht")
    now = client.place.clock() + 1
    before = await board_served(client)
    lisbon, utrecht = (paths.publish_path(id_of(name)) for name in ("lisbon", "utrecht"))
    for path, data, expected in (
        (utrecht, bundle_of("lisbon", now), (403, "not-for-us")),
        (lisbon, bundle_of("lisbon", now, vault=signer("utrecht vault")), (403, "bad-signature")),
        (lisbon, bundle_of("lisbon", now + 3_600_000), (422, "clock")),
        (lisbon, b"\x90", (400, "wrong-type")),
        (paths.publish_path(bytes(16)), bundle_of("nobody", now), (404, "unknown-member")),
        (lisbon, bytes(MAX_BUNDLE + 1), (413, "too-large")),
    ):
        assert (await client.send("PUT", path, data)).refused == expected
    assert await board_served(client) == before


async def test_replaced_tile_is_served_for_an_hour(client: Client) -> None:
    await client.admit("lisbon")
    old = parse_index(await client.body(paths.BOARD)).tiles[0]
    bundle = bundle_of("lisbon", client.place.clock() + 1)
    await client.send("PUT", paths.publish_path(id_of("lisbon")), bundle)
    body = await client.body(paths.board_tile_path(old))
    assert hashlib.sha256(body).digest() == old
    client.place.clock.ahead = 3_700_000
    bundle = bundle_of("lisbon", client.place.clock())
    await client.send("PUT", paths.publish_path(id_of("lisbon")), bundle)
    await client.get(paths.board_tile_path(old), expect=404)


# what a stranger may cost


async def test_bodies_that_are_refused_early(client: Client) -> None:
    for headers, expected in (
        ({"Content-Type": "application/json"}, 415),
        ({}, 415),
        (MSGPACK | {"Content-Encoding": "gzip"}, 415),
    ):
        response = await client.send("POST", paths.REQUESTS, b"\x90", headers or {"X": "y"})
        assert response.refused == (expected, None)
    big = await client.send("POST", paths.REQUESTS, bytes(MAX_SUBMISSION + 1))
    assert big.refused == (413, "too-large")


async def test_endless_body_is_cut_off(client: Client) -> None:
    """A chunked body has no length to refuse: it is read up to the limit and not beyond."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * MAX_SUBMISSION:
            sent += 65536
            yield bytes(65536)

    try:
        response = await client.send("POST", paths.REQUESTS, endless())
        assert response.refused == (413, "too-large")
    except aiohttp.ClientError:
        pass  # the answer came while we were still sending, and the connection ended
    assert sent < 60 * MAX_SUBMISSION
    assert (await client.replica()).size == 1


@pytest.mark.parametrize(
    "start", [b"", b"GET /checkpoint HT", b"GET /checkpoint HTTP/1.1\r\nHost:"]
)
async def test_half_a_head_is_not_waited_for(client: Client, start: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.running.port)
    writer.write(start)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await client.get(paths.CHECKPOINT)


async def test_writing_is_paced_and_reading_is_not(client: Client) -> None:
    for _ in range(BURST):
        response = await client.send("POST", paths.REQUESTS, b"\x90")
        assert response.refused == (400, "wrong-type")
    response = await client.send("POST", paths.REQUESTS, b"\x90")
    assert response.refused == (429, "busy")
    assert int(response.headers["Retry-After"]) >= 1
    for _ in range(100):
        await client.get(paths.CHECKPOINT)


async def test_address_behind_a_declared_proxy(tmp_path: Path) -> None:
    place = await made(tmp_path / "state", proxy=True)
    async with place.served() as client:
        headers: dict[str, str] = {}
        for number in range(BURST + 1):
            headers = MSGPACK | {"X-Forwarded-For": f"10.0.0.{number}, 192.0.2.{number % 2}"}
            response = await client.send("POST", paths.REQUESTS, b"\x90", headers)
            assert response.status == 400
        headers["X-Forwarded-For"] = "192.0.2.0"
        statuses = {
            (await client.send("POST", paths.REQUESTS, b"\x90", headers)).status for _ in range(20)
        }
        assert statuses == {400, 429}


async def test_methods(client: Client) -> None:
    response = await client.send("POST", paths.BOARD, b"\x90")
    assert response.refused == (405, None)
    assert "GET" in response.headers["Allow"]


# the log lines


async def test_no_line_names_a_member(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Over joining, publishing and reading: ids of members, names and endpoints are nowhere."""
    await client.admit("lisbon", "utrecht")
    await client.send(
        "PUT", paths.publish_path(id_of("lisbon")), bundle_of("lisbon", client.place.clock() + 1)
    )
    await records_served(client)
    await board_served(client)
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert "/v1/board/tiles/{hash}" in said
    for name in ("lisbon", "utrecht"):
        assert id_of(name).hex() not in said
        assert f"{name}.invalid" not in said
        assert name not in said.lower()


async def test_nothing_but_leaves_is_in_the_leaves(client: Client) -> None:
    """Entries name keys, endpoints and hashes: no text of a profile gets into the log."""
    await client.admit("lisbon")
    leaves = paths.parse_entries(await client.body("/tile/entries/000.p/2"), 2)
    for content in contents_of("lisbon").values():
        words = [word for word in content.split() if len(word) > 8]
        assert all(word not in parse_leaf(leaves[1]).content for word in words)
