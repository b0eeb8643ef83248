"""A person's name must go: erased from everything that is served and kept; the log verifies on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from directory_roots import CONTACTS, asked, by
from directory_server import Client, Place, made, records_of
from directory_world import id_of, signer
from referral_directory.commands.directory import directory
from referral_directory.log.office import Refused
from referral_protocol import profiles
from referral_protocol.directory import paths
from referral_protocol.directory.records import Records, Salted, read_records_tile, record_hashes
from referral_protocol.directory.requests import make_update
from referral_protocol.directory.rules import RECOVERY_DELAY
from referral_protocol.directory.tiles import EMPTY_TILE, parse_index

LISBON = id_of("lisbon").hex()


def contact(name: str) -> bytes:
    """The name of the organisation's point of contact, as it stands in its records."""
    contents = {record.name: record.content for record in records_of(name)}
    found = profiles.unpack(contents).contact("point-of-contact")
    assert found is not None
    return found.name.encode()


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    return await made(tmp_path / "state")


@pytest.fixture
async def client(place: Place) -> AsyncIterator[Client]:
    async with place.served() as served:
        await served.admit("lisbon", "utrecht")
        yield served


async def served(client: Client) -> list[Records]:
    directory_now = (await client.replica()).directory
    found: list[Records] = []
    for name in parse_index(await client.body(paths.RECORDS)).tiles:
        if name != EMPTY_TILE:
            data = await client.body(paths.records_tile_path(name))
            found += read_records_tile(data, name, directory_now)[0]
    return found


def on_disk(place: Place) -> bytes:
    """Every byte of the database and of the log beside it."""
    return b"".join(file.read_bytes() for file in place.folder.path.glob("directory.sqlite*"))


async def test_the_name_is_nowhere_and_the_log_verifies(client: Client) -> None:
    place, name = client.place, contact("lisbon")
    (tile,) = parse_index(await client.body(paths.RECORDS)).tiles
    assert name in await client.body(paths.records_tile_path(tile))
    held = await client.replica()
    await client.office.erase(LISBON, "contacts", by="ewa")
    # The tile of before is not served for another hour.
    await client.get(paths.records_tile_path(tile), expect=404)
    assert [record.name for record in (await served(client))[0].records] == [
        "organisation",
        "services",
    ]
    assert (await served(client))[1] == Records(id_of("utrecht"), records_of("utrecht"))
    assert name not in on_disk(place)
    assert contact("utrecht") in on_disk(place)
    again = await client.replica(held)
    assert (again.size, again.tree.root()) == (held.size, held.tree.root())
    assert (await client.replica()).tree.root() == held.tree.root()
    act = (await client.office.acts())[0]
    assert (act["registrar"], act["what"], act["detail"]) == ("ewa", "erased", "contacts")
    assert act["member"] == id_of("lisbon")


async def test_all_records_one_after_the_other(client: Client) -> None:
    for record in ("contacts", "organisation", "services"):
        await client.office.erase(LISBON, record)
    assert [each.member for each in await served(client)] == [id_of("utrecht")]
    with pytest.raises(Refused, match="has none here"):
        await client.office.erase(LISBON, "contacts")


async def test_what_cannot_be_erased(client: Client) -> None:
    with pytest.raises(Refused, match="a record is one of"):
        await client.office.erase(LISBON, "keys")
    with pytest.raises(Refused, match="no such member"):
        await client.office.erase("ffff", "contacts")


async def test_tiles_of_the_hour_before_go_too(client: Client) -> None:
    """An update an hour ago replaced a tile that still holds the name."""
    old = (await client.replica()).directory.known(id_of("lisbon"))
    (before,) = parse_index(await client.body(paths.RECORDS)).tiles
    contacts = Salted("contacts", bytes(32), records_of("utrecht")[0].content)
    kept = tuple(record for record in records_of("lisbon") if record.name != "contacts")
    card = type(old.card)(
        old.card.suites, old.vault_key, old.node_key, old.endpoint, (),
        record_hashes((contacts, *kept)),
    )  # fmt: skip
    update = make_update(
        client.place.genesis, old, card, "routine", (signer("lisbon vault"),), (contacts,), None,
        client.place.clock(),
    )  # fmt: skip
    assert (await client.send("POST", paths.SUBMIT, update.pack())).status == 201
    assert contact("lisbon") in await client.body(paths.records_tile_path(before))
    await client.office.erase(LISBON, "contacts")
    await client.get(paths.records_tile_path(before), expect=404)
    assert contact("lisbon") not in on_disk(client.place)


async def test_the_member_sends_new_contacts_and_keeps_what_it_has(client: Client) -> None:
    await client.office.erase(LISBON, "contacts")
    old = (await client.replica()).directory.known(id_of("lisbon"))
    contacts = Salted("contacts", bytes([1]) * 32, records_of("utrecht")[0].content)
    for records in ((), (contacts,)):  # the first says nothing of contacts: they stay erased
        kept = tuple(record for record in records_of("lisbon") if record.name != "contacts")
        old = (await client.replica()).directory.known(id_of("lisbon"))
        hashes = record_hashes((*records, *kept)) if records else old.card.records
        card = type(old.card)(
            old.card.suites, old.vault_key, old.node_key, "https://new.invalid", (), hashes
        )
        update = make_update(
            client.place.genesis, old, card, "routine", (signer("lisbon vault"),), records, None,
            client.place.clock(),
        )  # fmt: skip
        assert (await client.send("POST", paths.SUBMIT, update.pack())).status == 201
        names = [record.name for record in (await served(client))[0].records]
        assert ("contacts" in names) is bool(records)


async def test_requests_too_but_none_that_waits(client: Client) -> None:
    """A request says something new while it waits; what it brought can be erased afterwards."""
    submission = asked(client)
    await client.request(submission)
    await client.office.erase(LISBON, "contacts")
    (waiting,) = await client.office.requests()
    assert waiting["hindrance"] is None
    signed = by(submission.content, client.place.registrar())
    assert (await client.office.approve(submission.id.hex(), signed))["done"]
    brought = CONTACTS.content[:40]
    assert brought in on_disk(client.place)
    await client.office.erase(LISBON, "contacts")
    client.place.clock.ahead += RECOVERY_DELAY + 1
    (ready,) = await client.office.recoveries()
    content = bytes(ready["complete"])
    await client.office.propose(content, by(content, client.place.registrar()))
    mine = next(each for each in await served(client) if each.member == id_of("lisbon"))
    assert [record.name for record in mine.records] == ["organisation", "services"]


async def test_command(place: Place) -> None:
    async with place.served() as client:
        await client.admit("lisbon")
    state = ("--state", str(place.folder.path))
    arguments = ["erase", LISBON, "contacts", *state]
    no = await asyncio.to_thread(CliRunner().invoke, directory, arguments, input="n\n")
    assert no.exit_code == 1
    assert contact("lisbon") in on_disk(place)
    done = await asyncio.to_thread(CliRunner().invoke, directory, [*arguments, "--yes"])
    assert done.exit_code == 0, done.output
    assert "Erased: contacts of" in done.output
    assert contact("lisbon") not in on_disk(place)
