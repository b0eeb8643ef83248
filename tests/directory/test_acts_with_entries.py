"""Who decided an entry stands in the journal as soon as the entry stands in the log, or neither."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from directory_roots import by, change_root, next_root, root_keys
from directory_server import Client, made
from directory_world import id_of, signer
from referral_directory.log.store import StoreError
from referral_protocol.directory.entries import Status, make_status_entry

SECOND = signer("second registrar")


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    place = await made(tmp_path / "state")
    async with place.served() as served:
        await served.admit("lisbon")
        yield served


def breaks_after_the_entry(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full as soon as the next entry is logged."""
    ledger = client.running.ledger
    size, write = ledger.directory.size, ledger.store.write

    async def full_later(work: Any) -> Any:
        if ledger.directory.size > size:
            raise StoreError("disk")
        return await write(work)

    monkeypatch.setattr(ledger.store, "write", full_later)


def suspension(client: Client) -> bytes:
    member = client.running.ledger.directory.known(id_of("lisbon"))
    body = Status("suspended", None, "test")
    number, now = member.number + 1, client.place.clock()
    return make_status_entry(client.place.genesis, member.id, number, member.head, body, now)


async def last_act(client: Client) -> tuple[str, str, str]:
    act = (await client.office.acts(0, 1))[0]
    return act["registrar"], act["what"], act["detail"]


async def test_a_suspension(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    content = suspension(client)
    breaks_after_the_entry(client, monkeypatch)
    done = await client.office.propose(content, by(content, client.place.registrar()), "ewa")
    assert done["done"]
    assert await last_act(client) == ("ewa", "decided", "suspended test")


async def test_a_root(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    content = next_root(client, registrar_threshold=1, quorum=0)
    signed = by(content, *root_keys(client.place)[:2])
    breaks_after_the_entry(client, monkeypatch)
    await client.office.answer("publish-root", {"content": content, "signatures": signed})
    assert (await last_act(client))[1:] == ("root", "version 2")


async def test_what_waits_and_is_given_up(client: Client) -> None:
    keys = tuple(sorted((client.place.registrar().public, SECOND.public)))
    await change_root(client, registrars=keys, registrar_threshold=2)
    content = suspension(client)
    kept = await client.office.propose(content, by(content, SECOND), "jan")
    assert await last_act(client) == ("jan", "signed", "suspended test")
    await client.office.drop(kept["proposal"], "ewa")
    assert await last_act(client) == ("ewa", "dropped", "suspended test")
    await client.office.drop(kept["proposal"], "jan")  # there is nothing more: no line
    assert (await last_act(client))[0] == "ewa"
