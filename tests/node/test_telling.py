"""Mail as an administrator sets it up: addresses, days away, a test, `status`; a serving node."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from click.testing import CliRunner

from mail_world import MailWorld, at
from node_world import Clock, Entropy
from referral_node.commands import show
from referral_node.commands.node import node as command
from referral_node.config import Config, Exchange, Metrics, Pages, parse_config, write_config
from referral_node.delivery import postman as postman_module
from referral_node.exchange.notices.duty import DEPUTY, POINT_OF_CONTACT
from referral_node.folder import StateFolder
from referral_node.mail_settings import WHY
from referral_node.main import Node, start
from referral_node.parts import Parts
from referral_node.setup import NewNode, make_node
from referral_node.store.facts import BACKUP_FAILED_AT, keep, time_bytes
from referral_node.telling import Telling, mail_state
from referral_node.trouble import Trouble
from referral_node.users import all_users, end_user
from referral_node.vault import KdfCost, Kit, Password, SlotKeys
from smtp_server import MailHost

NOW = 1_795_098_000_000
CHEAP = KdfCost(1, 8192)
CONFIG = Config(
    name="Steunpunt Dom",
    time_zone="Europe/Amsterdam",
    exchange=Exchange(endpoint="http://127.0.0.1:1", port=0),
    pages=Pages(port=0),
    metrics=Metrics(port=0),
    allow_loopback=True,
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[MailWorld]:
    async with MailWorld(tmp_path) as made:
        yield made


def telling(world: MailWorld) -> Telling:
    config = msgspec.structs.replace(CONFIG, mail=world.mail)
    return Telling(world.store, config, world.folder, world.clock, os.urandom)


async def test_an_address_is_set_and_taken_away(world: MailWorld) -> None:
    await world.keyholder("ines", POINT_OF_CONTACT, None)
    told = telling(world)
    answer = await told.mail({"name": "Ines", "address": " ines@a.example "})
    assert answer == {"name": "ines", "sends": True}
    (person,) = await all_users(world.store)
    assert person.mail == "ines@a.example"
    await told.mail({"name": "ines", "address": "none"})
    (person,) = await all_users(world.store)
    assert person.mail is None
    for address in ("ines", "a@b.de\nBcc: c@d.ef", ""):
        with pytest.raises(Trouble, match="no address that mail can go to"):
            await told.mail({"name": "ines", "address": address})
    with pytest.raises(Trouble, match="nobody signs in as 'joao'"):
        await told.mail({"name": "joao", "address": "a@b.de"})


async def test_whoever_leaves_is_told_nothing_more_and_leaves_no_address(world: MailWorld) -> None:
    await world.keyholder("ines", POINT_OF_CONTACT)
    joao = await world.keyholder("joao", DEPUTY)
    await world.away(joao, "2026-12-01", "2026-12-02")
    await end_user(world.store, "joao", world.clock.now)
    assert await world.store.rows("SELECT 1 FROM absences") == []
    (left,) = await world.store.rows("SELECT address FROM mail_addresses")
    assert left["address"] == at("ines")


async def test_days_away_are_entered_listed_and_taken_back(world: MailWorld) -> None:
    await world.keyholder("ines", POINT_OF_CONTACT)
    told = telling(world)
    for first, last in (("2026-12-24", "2027-01-06"), ("2026-11-19", "2026-11-19")):
        await told.away({"name": "ines", "first": first, "last": last})
    (person,) = await all_users(world.store, "2026-11-19")
    assert person.away == "2026-11-19 to 2026-11-19, 2026-12-24 to 2027-01-06"
    (person,) = await all_users(world.store, "2026-11-20")
    assert person.away == "2026-12-24 to 2027-01-06"
    assert await told.back({"name": "ines"}) == {"name": "ines", "gone": 2}
    for first, last, said in (
        ("2026-12-24", "2026-12-23", "before the first"),
        ("2026-11-01", "2026-11-18", "are over"),
        ("2026-12-01", "2028-12-01", "longer than a year"),
        ("24.12.2026", "2026-12-25", "is not a date"),
    ):
        with pytest.raises(Trouble, match=said):
            await told.away({"name": "ines", "first": first, "last": last})
    for _ in range(20):
        await told.away({"name": "ines", "first": "2026-12-24", "last": "2026-12-24"})
    with pytest.raises(Trouble, match="too many"):
        await told.away({"name": "ines", "first": "2026-12-24", "last": "2026-12-24"})


async def test_a_test_goes_to_each_administrator_and_says_how_it_went(world: MailWorld) -> None:
    world.settings["administrators"] = (at("it"), at("other"))
    world.host.refused[at("other")] = "550 no such user"
    assert await telling(world).test({}) == [None, "refused"]
    assert [mail["To"] for mail in world.host.mails] == [at("it")]
    without = Telling(world.store, CONFIG, world.folder, world.clock, os.urandom)
    with pytest.raises(Trouble, match=r"\[mail\] is missing"):
        await without.test({})


async def test_status_says_how_mail_goes(
    world: MailWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    def line(state: Any) -> str:
        answer = {"mail": msgspec.to_builtins(state), "keyholders": 2}
        return show._mail(answer, ZoneInfo("Europe/Amsterdam"), world.clock.now)

    async def state(config: Config | None = None) -> Any:
        config = config or msgspec.structs.replace(CONFIG, mail=world.mail)
        return await mail_state(world.store, config, world.clock.now)

    assert line(await state(CONFIG)).startswith("not set up: nobody is told")
    await world.keyholder("ines", POINT_OF_CONTACT)
    await world.keyholder("joao", DEPUTY, None)
    assert line(await state()) == "1 of 2 keyholders have an address; last mail never"
    await world.thread()
    await world.round()
    await world.round(after=60_000)
    assert line(await state()).endswith("last mail 2026-11-19 15:21")
    await world.thread()
    await world.host.stop()
    await world.round(after=3_600_000)
    await world.round(after=60_000)
    assert line(await state()) == (
        "fails, 1 try: the mail server is not reached (connect); next in 60 s; "
        "1 of 2 keyholders have an address"
    )
    assert (await state()).waiting == 1


def test_every_code_has_words() -> None:
    """Those that the program uses: found where they are raised."""
    root = Path(show.__file__).parents[1]
    text = (root / "delivery/smtp.py").read_text() + (root / "delivery/postman.py").read_text()
    for code in ("auth", "tls", "later", "refused", "connect", "connection", "time-out", "answer"):
        assert f'"{code}"' in text
    assert all(f'"{code}"' in text or code == "off" for code in WHY)


# --- a node that serves ---------------------------------------------------------------------------


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Callable[[Config], Any]]:
    nodes: list[Node] = []

    async def make(config: Config) -> Node:
        folder, clock = StateFolder(tmp_path / "node"), Clock(NOW)
        keys = SlotKeys(CHEAP, os.urandom)
        new = NewNode(config, "ines", "Inês", Password("correct horse battery"), Kit(bytes(32)))
        await make_node(folder.path, new, keys, os.urandom, NOW)
        keys.close()
        parts = Parts(clock=clock, entropy=Entropy("ines"), chance=lambda: 0.0, cost=CHEAP)
        nodes.append(await start(folder, config, parts))
        return nodes[0]

    yield make
    for node in nodes:
        await node.stop()


async def test_a_node_that_serves_tells_and_says_so(
    tmp_path: Path, made: Callable[[Config], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postman_module, "EVERY", 0.01)
    async with MailHost(tmp_path) as host:
        mail = host.settings(administrators=(at("it"),))
        node = await made(msgspec.structs.replace(CONFIG, mail=mail))
        await node.exchange.store.write(lambda tx: keep(tx, BACKUP_FAILED_AT, time_bytes(NOW)))
        async with asyncio.timeout(10):
            while not host.mails:
                node.parts.clock.now += 60_000
                await asyncio.sleep(0.02)
        assert "The last backup of the node failed." in host.mails[0].get_content()
        status = await node.operations().status({})
        assert (status["mail"]["administrators"], status["mail"]["code"]) == (1, None)
        assert await node.try_mail(at("ines")) is None
        assert await node.try_mail(at("ines")) == "too-soon"


async def test_a_server_that_never_answers_holds_up_no_stop(
    tmp_path: Path, made: Callable[[Config], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postman_module, "EVERY", 0.01)
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    host = MailHost(tmp_path)
    host.port = server.sockets[0].getsockname()[1]
    mail = host.settings(administrators=(at("it"),))
    node = await made(msgspec.structs.replace(CONFIG, mail=mail))
    await node.exchange.store.write(lambda tx: keep(tx, BACKUP_FAILED_AT, time_bytes(NOW)))
    async with asyncio.timeout(10):
        while not asked.is_set():
            node.parts.clock.now += 60_000
            await asyncio.sleep(0.02)
    async with asyncio.timeout(3):
        await node.stop()
    server.close()


# --- at the command line --------------------------------------------------------------------------


async def test_the_commands_over_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StateFolder(tmp_path / "node")
    keys = SlotKeys(CHEAP, os.urandom)
    new = NewNode(CONFIG, "ines", "Inês", Password("correct horse battery"), Kit(bytes(32)))
    await make_node(folder.path, new, keys, os.urandom, NOW)
    keys.close()

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(command, [*arguments, "--state", str(folder.path)])
        return f"{done.exit_code} {done.output}"

    async def said(*arguments: str) -> str:
        return await asyncio.to_thread(run, *arguments)

    told = "0 ines is told by mail once [mail] stands in node.toml.\n"
    assert await said("users", "--set-mail", "ines", "a@b.de") == told
    text = await said("users", "--away", "ines", "--from", "2099-12-24", "--to", "2099-12-31")
    assert (
        text == "0 ines is away from 2099-12-24 to 2099-12-31; meanwhile nobody else can be told.\n"
    )
    listed = await said("users")
    assert "a@b.de\t2099-12-24 to 2099-12-31" in listed
    assert "has no days away any more" in await said("users", "--back", "ines")
    assert "not told by mail any more" in await said("users", "--set-mail", "ines", "none")
    assert (await said("users", "--away", "ines")).startswith("2 ")
    assert (await said("users", "--away", "ines", "--back", "ines")).startswith("2 ")
    assert "[mail] is missing in node.toml" in await said("test-mail")
    assert "Mail         not set up" in await said("status")
    async with MailHost(tmp_path) as host:
        config = msgspec.structs.replace(CONFIG, mail=host.settings(administrators=(at("it"),)))
        text = write_config(config)
        assert parse_config(text) == config
        folder.config.write_text(text)
        assert "The mail server took 1 of 1." in await said("test-mail")
        assert "Mail         0 of 1 keyholders have an address" in await said("status")
        await host.stop()
        assert "the mail server is not reached (connect)" in await said("test-mail")
