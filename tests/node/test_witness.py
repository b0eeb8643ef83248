"""A node that VSE names a witness: it cosigns what extends what it signed before, nothing else."""

import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from directory_roots import change_root
from directory_server import Client, made
from directory_world import id_of, signer
from node_world import Clock, Office
from referral_node.delivery.cosigner import Cosigner
from referral_node.delivery.directory import DirectoryPoller
from referral_node.store.facts import COSIGNED, fact, keep
from referral_node.trouble import Trouble
from referral_node.witness import FILE, WitnessKey, make_witness_key, read_witness_key
from referral_protocol.directory import paths
from referral_protocol.directory.entries import Witness
from referral_protocol.directory.notes import parse_note, peek_checkpoint

NAME = "witness.lisbon.example.org"
KEY = WitnessKey(NAME, signer(NAME))


class As(Clock):
    """A node's clock that shows what the directory's shows."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock

    @property
    def now(self) -> int:  # type: ignore[override]  # it moves by itself
        return self._clock()

    def __call__(self) -> int:
        return self._clock()


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A directory whose acting root names us a witness."""
    place = await made(tmp_path / "directory")
    async with place.served() as served:
        witness = Witness(NAME, KEY.signer.public, id_of("lisbon"), None)
        await change_root(served, witnesses=(witness,))
        await served.running.ledger.refresh()
        yield served


@pytest.fixture
async def office(client: Client, tmp_path: Path) -> AsyncIterator[Office]:
    """A node with its copy of that directory's log."""
    place = client.place
    office = Office("lisbon", tmp_path, As(place.clock))
    await office.start(SimpleNamespace(now=place.clock(), genesis=place.genesis))  # type: ignore[arg-type]  # all that is asked
    await fetch(client, office)
    yield office
    await office.stop()


async def fetch(client: Client, office: Office) -> None:
    """What the poller does about the log."""
    note = await client.body(paths.CHECKPOINT)
    leaves: list[bytes] = []
    for piece in paths.entries_paths(office.keeper.replica.size, peek_checkpoint(note).size):
        data = await client.body(piece.path)
        leaves += paths.parse_entries(data, piece.width)[piece.skip :]
    await office.keeper.take(note, leaves)


def cosigner(client: Client, office: Office, key: WitnessKey | None = KEY) -> Cosigner:
    return Cosigner(office.exchange.core, office.http, client.running.url, lambda: key)


async def names(client: Client) -> list[str]:
    note = parse_note(await client.body(paths.CHECKPOINT))
    return [each.name for each in note.signatures if each.name == NAME]


async def test_it_cosigns_what_it_verified_once(client: Client, office: Office) -> None:
    witness = cosigner(client, office)
    assert await witness.run()
    assert await names(client) == [NAME]
    await fetch(client, office)
    assert not await witness.run()  # our line stands there
    assert office.exchange.views.standing(b"nobody here.....") is None
    await client.admit("utrecht")
    assert await names(client) == []
    await fetch(client, office)
    assert await witness.run()
    await fetch(client, office)
    [by] = office.exchange.views.standing(id_of("utrecht")).witnessed  # type: ignore[union-attr]  # it is there
    assert (by.name, by.member) == (NAME, id_of("lisbon"))
    signed = await fact(office.store, COSIGNED)
    assert signed is not None
    assert int.from_bytes(signed[:8], "big") == office.keeper.replica.size


async def test_a_restart_knows_who_witnessed_what(client: Client, office: Office) -> None:
    await client.admit("utrecht")
    await fetch(client, office)
    await cosigner(client, office).run()
    await fetch(client, office)
    before = office.exchange.views.standing(id_of("utrecht"))
    await office.exchange.views.load()
    assert office.exchange.views.standing(id_of("utrecht")) == before
    assert before is not None
    assert len(before.witnessed) == 1


async def test_what_was_signed_is_on_disk_before_it_leaves(client: Client, office: Office) -> None:
    away = Cosigner(office.exchange.core, office.http, "http://127.0.0.1:1", lambda: KEY)
    with capture_logs() as lines:
        assert not await away.run()
    assert [(x["event"], x["code"]) for x in lines] == [("witness.failed", "connect")]
    held = office.keeper.replica.checkpoint
    assert held is not None
    assert await fact(office.store, COSIGNED) == held.size.to_bytes(8, "big") + held.root
    assert await cosigner(client, office).run()  # the same once more is no second word


@pytest.mark.parametrize("size", [1, 2, 9])
async def test_it_never_signs_what_does_not_extend_what_it_signed(
    client: Client, office: Office, size: int
) -> None:
    """Put back to an earlier day, or shown another log since."""
    value = size.to_bytes(8, "big") + bytes(32)
    await office.store.write(lambda tx: keep(tx, COSIGNED, value))
    with capture_logs() as lines:
        assert not await cosigner(client, office).run()
    assert [(x["event"], x["log_level"]) for x in lines] == [("witness.refused", "error")]
    assert await names(client) == []
    assert await fact(office.store, COSIGNED) == value


async def test_only_a_witness_of_the_acting_root_signs(client: Client, office: Office) -> None:
    for key in (None, WitnessKey("other.example", KEY.signer), WitnessKey(NAME, signer("x"))):
        assert not await cosigner(client, office, key).run()
    office.exchange.members.forked_at = 1  # and not while the log is in doubt
    assert not await cosigner(client, office).run()
    assert await names(client) == []


async def test_a_directory_that_does_not_take_it_is_told_of(client: Client, office: Office) -> None:
    await client.admit("utrecht")  # it serves another text by now
    with capture_logs() as lines:
        assert not await cosigner(client, office).run()
    assert [(x["event"], x["code"][:5]) for x in lines if x["event"].startswith("witness")] == [
        ("witness.failed", "http-")
    ]


def test_a_witness_key_is_a_private_file(tmp_path: Path) -> None:
    assert read_witness_key(tmp_path) is None
    made_key = make_witness_key(tmp_path, NAME, b"w" * 32)
    path = tmp_path / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = read_witness_key(tmp_path)
    assert found is not None
    assert (found.name, found.signer.public) == (NAME, made_key.signer.public)
    assert "seed" not in repr(found)
    with pytest.raises(FileExistsError):
        make_witness_key(tmp_path, NAME, b"w" * 32)
    path.chmod(0o640)
    with pytest.raises(Trouble, match="others on this machine may read it"):
        read_witness_key(tmp_path)
    path.chmod(0o600)
    for bad in (b"", b"{}", b'{"name": "a", "seed": "zz"}', path.read_bytes()[:-9]):
        path.write_bytes(bad)
        with pytest.raises(Trouble, match="damaged"):
            read_witness_key(tmp_path)
    path.unlink()
    for name in ("", "Big", "with space", "a+b", "x" * 200):
        with pytest.raises(Trouble, match="cannot be a witness's name"):
            make_witness_key(tmp_path, name, b"w" * 32)


async def test_the_poller_lets_it_sign_and_learns_who_else_did(
    client: Client, office: Office
) -> None:
    exchange = office.exchange
    poller = DirectoryPoller(
        exchange.core,
        office.keeper,
        office.http,
        client.running.url,
        3600,
        lambda: None,
        exchange.updating,
    )
    poller.cosigner = cosigner(client, office)
    await client.admit("utrecht")
    assert await poller.poll()
    assert await names(client) == [NAME]
    assert await poller.poll()  # the same text, with our line under it
    standing = exchange.views.standing(id_of("utrecht"))
    assert standing is not None
    assert [each.name for each in standing.witnessed] == [NAME]
    assert exchange.members.checkpoint is not None
    assert NAME in exchange.members.checkpoint  # and so it travels to everybody
