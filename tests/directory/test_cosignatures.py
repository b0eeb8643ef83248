"""Witnesses' lines under the checkpoint: taken from witnesses alone, kept while the text stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory_roots import change_root
from directory_server import Answer, Client, Place, made
from directory_world import id_of, signer
from referral_directory.log.ledger import REFRESH
from referral_directory.log.witnesses import cosignatures
from referral_protocol.directory import paths
from referral_protocol.directory.entries import Witness
from referral_protocol.directory.notes import CLOCK_AHEAD, Note, cosign, parse_note, sign_note

NOTE = {"Content-Type": "text/plain; charset=utf-8"}
NAMES = ("witness.lisbon.example.org", "witness.utrecht.example.org")
WITNESSES = tuple(
    Witness(name, signer(name).public, id_of(name.split(".")[1]), None) for name in NAMES
)


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    return await made(tmp_path / "state")


@pytest.fixture
async def client(place: Place) -> AsyncIterator[Client]:
    """A directory whose acting root names two witnesses."""
    async with place.served() as served:
        await change_root(served, witnesses=WITNESSES)
        await served.running.ledger.refresh()
        yield served


async def note_of(client: Client) -> Note:
    return parse_note(await client.body(paths.CHECKPOINT))


async def lines_of(client: Client) -> list[str]:
    """Names of the witnesses under the checkpoint that is served, each line verified."""
    note = await note_of(client)
    now = client.place.clock()
    return [each.witness.name for each in cosignatures(note, WITNESSES, now)]


async def put(client: Client, text: str, *lines: str) -> Answer:
    body = f"{text}\n{''.join(lines)}".encode()
    return await client.send("PUT", paths.COSIGNATURES, body, NOTE)


async def cosigned(client: Client, name: str, at: int | None = None) -> Answer:
    text = (await note_of(client)).text
    when = client.place.clock() if at is None else at
    return await put(client, text, cosign(text, name, signer(name), when))


async def test_lines_of_both_are_served(client: Client) -> None:
    before = (await client.get(paths.CHECKPOINT)).headers["ETag"]
    assert (await cosigned(client, NAMES[1])).status == 204
    assert (await client.get(paths.CHECKPOINT)).headers["ETag"] != before
    assert (await cosigned(client, NAMES[0])).status == 204
    assert await lines_of(client) == list(NAMES)
    replica = await client.replica()  # the log's own two lines are there as before
    assert replica.size == 2


async def test_a_later_line_takes_the_place_of_the_earlier(client: Client) -> None:
    at = client.place.clock()
    await cosigned(client, NAMES[0], at)
    await cosigned(client, NAMES[0], at + 5000)
    await cosigned(client, NAMES[0], at + 1000)  # late on the way: the later one stays
    (only,) = cosignatures(await note_of(client), WITNESSES, at + 5000)
    assert only.at == (at + 5000) // 1000 * 1000
    assert len((await note_of(client)).signatures) == 3


async def test_they_stay_while_the_text_stays(client: Client, place: Place) -> None:
    await cosigned(client, NAMES[0])
    place.clock.ahead += REFRESH
    await client.running.ledger.refresh()
    assert await lines_of(client) == [NAMES[0]]
    await client.admit("lisbon")
    assert await lines_of(client) == []


async def test_they_stay_over_a_restart_and_a_clock_set_back(place: Place) -> None:
    async with place.served() as client:
        await change_root(client, witnesses=WITNESSES)
        await client.running.ledger.refresh()
        place.clock.ahead += CLOCK_AHEAD * 3
        await cosigned(client, NAMES[0])
    place.clock.ahead -= CLOCK_AHEAD * 2
    async with place.served() as client:
        place.clock.ahead += CLOCK_AHEAD * 2
        assert await lines_of(client) == [NAMES[0]]


async def test_witness_that_is_one_no_more(client: Client, place: Place) -> None:
    await cosigned(client, NAMES[0])
    await change_root(client, witnesses=WITNESSES[1:])
    await client.running.ledger.refresh()
    assert len((await note_of(client)).signatures) == 2
    assert (await cosigned(client, NAMES[0])).refused == (403, "wrong-key")
    assert (await cosigned(client, NAMES[1])).status == 204


async def test_unknown_lines_beside_a_good_one_are_not_served(client: Client) -> None:
    text, now = (await note_of(client)).text, client.place.clock()
    lines = [cosign(text, name, signer(name), now) for name in (NAMES[0], "someone.example.org")]
    assert (await put(client, text, *lines)).status == 204
    assert len((await note_of(client)).signatures) == 3


async def test_what_is_not_taken(client: Client) -> None:
    text, now = (await note_of(client)).text, client.place.clock()
    name, key = NAMES[0], signer(NAMES[0])
    good = cosign(text, name, key, now)
    size = text.split("\n")[1]
    smaller = text.replace(f"\n{size}\n", "\n1\n")
    other = text.replace(f"\n{size}\n", "\n3\n")
    cases = [
        (text, cosign(text, "someone.example.org", key, now), (403, "wrong-key")),
        (text, cosign(text, name, signer("thief"), now), (403, "wrong-key")),
        (text, sign_note(text, name, key), (403, "wrong-key")),
        (text, cosign(other, name, key, now), (403, "bad-signature")),
        (text, cosign(text, name, key, now + CLOCK_AHEAD + 5000), (422, "clock")),
        (smaller, cosign(smaller, name, key, now), (409, "older-checkpoint")),
        (other, cosign(other, name, key, now), (409, "bad-checkpoint")),
        ("nonsense\n", good, (409, "bad-checkpoint")),
        (text, "", (409, "bad-checkpoint")),
        (text, good * 130, (413, "too-large")),
    ]
    for body, line, expected in cases:
        assert (await put(client, body, line)).refused == expected, (body, line)
    wrong_type = await client.send("PUT", paths.COSIGNATURES, b"", {"Content-Type": "text/html"})
    assert wrong_type.status == 415
    assert await lines_of(client) == []
