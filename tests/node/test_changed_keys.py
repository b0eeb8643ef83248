"""Keys that are replaced while messages are under way: everything goes on, nothing is lost."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fed_member import Member
from federation import DIRECTORY, Federation, until
from referral_node.exchange import NotJoined, UpdateWaits
from referral_node.store import StoreError
from referral_node.trouble import Trouble
from referral_protocol.directory.entries import COMPROMISED, ROUTINE, parse_anchor
from referral_protocol.evidence import verify_evidence


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


# what a test asks


async def turned(member: Member) -> bool:
    return not member.exchange.core.key_changes


async def quiet(member: Member) -> bool:
    return await member.exchange.updating.status() is None


def named(by: Member, of: Member) -> bytes:
    """The vault key that one node's copy of the log names for a member."""
    key: bytes = by.exchange.members.get(of.id).vault_key
    return key


async def both_ways(fed: Federation, thread: bytes, text: str) -> None:
    """A note in each direction, delivered and read."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = [await lisboa.note(thread, f"{text} from Lisbon")]
    said += [await utrecht.note(thread, f"{text} from Utrecht")]
    await fed.read_all()
    for member in (lisboa, utrecht):
        shown = {m.hash: m for m in (await member.view(thread)).messages}
        for each in said:
            assert shown[each.hash].standing in ("held", "imported"), (text, member.name)


async def proved(fed: Federation, thread: bytes) -> set[str]:
    """Whose keys both can prove now, without a problem."""
    found = set()
    for name in ("lisboa", "utrecht"):
        member = fed[name]
        data = await member.exchange.evidence.export(member.vault(), member.actor, thread)
        findings = verify_evidence(data, fed.clock.now, parse_anchor(fed.anchor))
        assert findings.problems == (), name
        assert findings.receipts
        found |= {each.key or "" for each in findings.statements}
    return found


# the machine's key


async def test_a_new_machine_key(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    before = lisboa.exchange.core.node.public
    await lisboa.exchange.keys.machine.replace(lisboa.vault(), lisboa.actor)
    now = lisboa.exchange.core.node.public
    assert now != before
    assert lisboa.folder.read_node_key().public == now
    assert not lisboa.folder.next_node_key.exists()
    await both_ways(fed, said.thread, "after")
    assert utrecht.exchange.members.node_key(lisboa.id) == now
    await until(partial(quiet, lisboa))
    await fed.learns(utrecht, lambda: named_node(utrecht, lisboa) == now)
    await both_ways(fed, said.thread, "with the new card")
    await lisboa.stop()
    await lisboa.start()
    await both_ways(fed, said.thread, "after a restart")
    await fed.learns(utrecht, lambda: named_node(utrecht, lisboa) == now)
    assert await proved(fed, said.thread) == {"current"}


def named_node(by: Member, of: Member) -> bytes:
    key: bytes = by.exchange.members.directory.member(of.id).node_key
    return key


async def test_a_parcel_that_left_before_gets_an_answer_of_the_new_key(fed: Federation) -> None:
    """Its receipt was lost, the machine's key is another one: the same parcel once more."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    row = await utrecht.store.row("SELECT content FROM given ORDER BY at DESC LIMIT 1")
    await utrecht.exchange.keys.machine.replace(utrecht.vault(), utrecht.actor)
    await both_ways(fed, said.thread, "after")
    again = await utrecht.store.row("SELECT content FROM given ORDER BY at LIMIT 1")
    assert bytes(again["content"]) == bytes(row["content"])
    await fed.learns(
        lisboa, lambda: named_node(lisboa, utrecht) == utrecht.exchange.core.node.public
    )
    assert await proved(fed, said.thread) == {"current"}


async def test_a_new_machine_key_that_could_not_be_stored(
    fed: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    before = lisboa.exchange.core.node.public

    async def full(_work: Any) -> None:
        raise StoreError("disk", "full")

    with monkeypatch.context() as patch:
        patch.setattr(lisboa.store, "write", full)
        with pytest.raises(StoreError):
            await lisboa.exchange.keys.machine.replace(lisboa.vault(), lisboa.actor)
    assert lisboa.exchange.core.node.public == before
    await both_ways(fed, said.thread, "still")
    assert lisboa.folder.next_node_key.exists()
    await lisboa.crash()
    await lisboa.start()
    assert not lisboa.folder.next_node_key.exists()
    assert lisboa.exchange.core.node.public == before
    await both_ways(fed, said.thread, "after a restart")


async def test_a_new_machine_key_whose_file_did_not_get_its_name(
    fed: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    before = lisboa.exchange.core.node.public

    def broken() -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(lisboa.folder, "turn_node_key", broken)
        with pytest.raises(Trouble, match="the new key is in use"):
            await lisboa.exchange.keys.machine.replace(lisboa.vault(), lisboa.actor)
    assert lisboa.exchange.core.node.public != before
    await both_ways(fed, said.thread, "before the restart")
    await lisboa.crash()
    await lisboa.start()
    assert lisboa.folder.read_node_key().public == lisboa.exchange.core.node.public != before
    await both_ways(fed, said.thread, "after it")
    await lisboa.sign_in()  # the directory was not told before: it is now
    await until(partial(quiet, lisboa))
    await fed.learns(
        utrecht, lambda: named_node(utrecht, lisboa) == lisboa.exchange.core.node.public
    )


async def test_a_folder_without_its_own_machine_key_does_not_start(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    await lisboa.stop()
    lisboa.folder.node_key.write_bytes(b"another seed of thirty-two bytes")
    with pytest.raises(Trouble, match="is not the key of this node's database"):
        await lisboa.start()


async def test_a_folder_put_back_makes_its_machine_a_new_key(fed: Federation) -> None:
    """The directory names a key that was made after the copy: neither that nor the old one can be
    used any more."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    old = lisboa.folder.node_key.read_bytes()
    row = await lisboa.store.row("SELECT value FROM facts WHERE name = 'certificate'")
    await lisboa.exchange.keys.machine.replace(lisboa.vault(), lisboa.actor)
    await until(partial(quiet, lisboa))
    await fed.learns(utrecht, lambda: named_node(utrecht, lisboa) != lisboa.id)

    async def back(tx: Any) -> None:
        await tx.execute("UPDATE facts SET value = ? WHERE name = 'certificate'", (row["value"],))
        await tx.execute("DELETE FROM transport_prekeys")

    await lisboa.store.write(back)
    await lisboa.stop()
    lisboa.folder.node_key.write_bytes(old)
    await lisboa.start()
    assert lisboa.exchange.core.node.public != named_node(lisboa, lisboa)
    await lisboa.sign_in()
    await until(partial(quiet, lisboa))
    await fed.learns(
        utrecht, lambda: named_node(utrecht, lisboa) == lisboa.exchange.core.node.public
    )
    await both_ways(fed, said.thread, "with the third key")


# the vault key


@pytest.mark.parametrize("reason", [ROUTINE, COMPROMISED])
async def test_a_new_vault_key(fed: Federation, reason: str) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    old, prekey = named(lisboa, lisboa), utrecht.exchange.members.current_prekey(lisboa.id)
    fed.link("lisboa", "utrecht").cut()
    waiting = await lisboa.note(said.thread, "it waits while the key changes")
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, reason)
    await until(partial(turned, lisboa))
    fed.link("lisboa", "utrecht").mend()
    await both_ways(fed, said.thread, "after")
    shown = {m.hash: m for m in (await utrecht.view(said.thread)).messages}
    assert shown[waiting.hash].content is not None
    assert named(utrecht, lisboa) == lisboa.exchange.core.vault_key != old
    same = utrecht.exchange.members.current_prekey(lisboa.id).public == prekey.public
    assert same == (reason == ROUTINE)
    for member in (utrecht, lisboa):
        await member.stop()
        await member.start()
    await both_ways(fed, said.thread, "after a restart")
    again = await utrecht.refer(lisboa)
    await fed.read_all()
    assert (await lisboa.view(again.thread)).opener is not None
    if reason == ROUTINE:
        assert await proved(fed, said.thread) == {"current", "earlier"}


async def test_the_private_key_before_is_gone(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    row = await lisboa.store.row("SELECT sealed FROM secrets")
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, ROUTINE)
    await until(partial(turned, lisboa))

    async def gone() -> bool:
        files = lisboa.folder.path.glob("node.db*")
        return all(bytes(row["sealed"]) not in path.read_bytes() for path in files)

    await until(gone)


async def test_the_log_may_name_it_while_nobody_is_signed_in(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    fed.link("lisboa", "utrecht").cut()
    waiting = [await lisboa.note(said.thread, "before")]
    fed.link("lisboa", DIRECTORY).cut()
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, ROUTINE)
    waiting.append(await lisboa.note(said.thread, "while it is under way"))
    await lisboa.crash()  # mends its links
    fed.link("lisboa", "utrecht").cut()
    await lisboa.start()
    await until(partial(turned, lisboa))
    await fed.learns(utrecht, lambda: named(utrecht, lisboa) == lisboa.exchange.core.vault_key)
    fed.link("lisboa", "utrecht").mend()
    await fed.settle()  # nobody opened the vault of Lisbon in between
    await utrecht.read()
    shown = {m.hash: m for m in (await utrecht.view(said.thread)).messages}
    assert all(shown[each.hash].standing == "imported" for each in waiting)
    await both_ways(fed, said.thread, "after")


async def test_begun_and_broken_off_before_the_directory_was_asked(
    fed: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()

    async def cut(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lisboa.exchange.updating, "propose", cut)
        with pytest.raises(KeyboardInterrupt):
            await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, ROUTINE)
    await lisboa.crash()
    await lisboa.start()
    row = await lisboa.store.row("SELECT public FROM key_changes")
    await both_ways(fed, said.thread, "with the key before")
    assert (await lisboa.exchange.keys.standing()).coming_since is not None
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, COMPROMISED)
    await until(partial(turned, lisboa))
    assert lisboa.exchange.core.vault_key == bytes(row["public"])
    await fed.learns(utrecht, lambda: named(utrecht, lisboa) == bytes(row["public"]))
    await both_ways(fed, said.thread, "after")


async def test_a_peer_that_knows_only_the_key_before_asks_the_directory(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, ROUTINE)
    await until(partial(turned, lisboa))
    assert named(utrecht, lisboa) != lisboa.exchange.core.vault_key
    note = await lisboa.note(said.thread, "with a key that nobody knows yet")
    await fed.settle()  # refused first; then Utrecht has looked
    assert named(utrecht, lisboa) == lisboa.exchange.core.vault_key
    await utrecht.read()
    shown = {m.hash: m for m in (await utrecht.view(said.thread)).messages}
    assert shown[note.hash].standing == "imported"


async def test_a_node_that_hears_last_of_its_own_change(fed: Federation) -> None:
    """The directory has it and a peer knows it: what bears the key before waits, then goes."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    link = fed.link("lisboa", DIRECTORY)
    link.cut()
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, ROUTINE)
    note = await lisboa.note(said.thread, "signed by both")
    submission = await lisboa.exchange.updating.to_send()
    await _post(fed, submission.pack())
    await fed.learns(utrecht, lambda: named(utrecht, lisboa) != lisboa.exchange.core.vault_key)
    other = await utrecht.note(said.thread, "to the key before")
    fed.clock.now += 60_000
    for member in (lisboa, utrecht):
        member.wake()
    link.mend()
    await until(partial(_told, lisboa))
    await fed.read_all()
    shown = {m.hash: m for m in (await utrecht.view(said.thread)).messages}
    assert shown[note.hash].standing == "imported"
    shown = {m.hash: m for m in (await lisboa.view(said.thread)).messages}
    assert shown[other.hash].standing == "imported"


async def _told(member: Member) -> bool:
    ask_directory(member)
    return await turned(member)


def ask_directory(member: Member) -> None:
    """As the poller does by itself, in its own time."""
    assert member.node.poller is not None
    member.node.poller.soon()


def knows_key(member: Member, of: Member) -> bool:
    """Whether one node's copy of the log names the vault key that another one signs with."""
    key: bytes = of.exchange.core.vault_key
    return named(member, of) == key


async def _post(fed: Federation, data: bytes) -> None:
    """Bring a submission to the directory by another way."""
    http = fed["utrecht"].node.http
    answer = await http.request(
        "POST",
        "http://127.0.0.1:1/v1/entries",
        data=data,
        content_type="application/msgpack",
        limit=65536,
    )
    assert answer.status == 201, answer.body


async def test_one_change_at_a_time(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    fed.link("lisboa", DIRECTORY).cut()
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, ROUTINE)
    with pytest.raises(UpdateWaits):
        await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, COMPROMISED)
    with pytest.raises(UpdateWaits):
        await lisboa.exchange.keys.machine.replace(lisboa.vault(), lisboa.actor)
    fed.link("lisboa", DIRECTORY).mend()
    await until(partial(_told, lisboa))
    await until(partial(quiet, lisboa))
    await lisboa.exchange.keys.machine.replace(lisboa.vault(), lisboa.actor)


async def test_refused_it_is_begun_again_with_the_same_key(fed: Federation) -> None:
    """The directory wrote something else about us meanwhile: it may still have what it refused."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    fed.link(DIRECTORY, "lisboa").cut()
    fed.link("lisboa", DIRECTORY).cut()
    await fed.change_status_unseen(lisboa, "suspended")
    await fed.change_status_unseen(lisboa, "active")
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, ROUTINE)
    row = await lisboa.store.row("SELECT public FROM key_changes")
    fed.link("lisboa", DIRECTORY).mend()

    async def refused() -> bool:
        ask_directory(lisboa)
        status = await lisboa.exchange.updating.status()
        return status is not None and status.code is not None

    await until(refused)
    assert (await lisboa.exchange.keys.standing()).coming_since is not None
    await lisboa.sign_in()
    page = await lisboa.page().get("/settings/keys")
    assert "The directory refused it" in page.text
    await both_ways(fed, said.thread, "with the key before")
    await lisboa.exchange.keys.replace(lisboa.vault(), lisboa.actor, ROUTINE)
    await until(partial(_told, lisboa))
    assert lisboa.exchange.core.vault_key == bytes(row["public"])
    await fed.learns(utrecht, partial(knows_key, utrecht, lisboa))
    await both_ways(fed, said.thread, "after")


async def test_two_keyholders_at_once_change_it_once(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    fed.link("lisboa", DIRECTORY).cut()
    keys = lisboa.exchange.keys
    done = await asyncio.gather(
        keys.replace(lisboa.vault(), lisboa.actor, ROUTINE),
        keys.replace(lisboa.vault(), lisboa.actor, COMPROMISED),
        keys.machine.replace(lisboa.vault(), lisboa.actor),
        return_exceptions=True,
    )
    assert [type(each) for each in done] == [bytes, UpdateWaits, UpdateWaits]
    assert await lisboa.count("SELECT COUNT(*) FROM key_changes") == 1
    fed.link("lisboa", DIRECTORY).mend()
    await until(partial(_told, lisboa))
    await fed.learns(utrecht, partial(knows_key, utrecht, lisboa))
    await both_ways(fed, said.thread, "after")


# anything at any time


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_meanwhile(fed: Federation, seed: int) -> None:
    """Both sides speak, change their keys, lose links, crash: in the end all of it is there."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    chance = random.Random(seed)
    thread = (await lisboa.refer(utrecht)).thread
    await fed.read_all()
    said: list[bytes] = []
    links = [
        fed.link(a, b)
        for a in ("lisboa", "utrecht")
        for b in (DIRECTORY, "utrecht", "lisboa")
        if a != b
    ]
    for _ in range(14):
        member = chance.choice((lisboa, utrecht))
        match chance.choice(
            ("say", "say", "say", "vault", "machine", "cut", "mend", "crash", "go")
        ):
            case "say":
                said.append((await member.note(thread, f"note {len(said)}")).hash)
            case "vault":
                await _perhaps(member.exchange.keys.replace(member.vault(), member.actor, ROUTINE))
            case "machine":
                await _perhaps(member.exchange.keys.machine.replace(member.vault(), member.actor))
            case "cut":
                chance.choice(links).cut()
            case "mend":
                chance.choice(links).mend()
            case "crash":
                await member.crash()
                await member.start()
            case "go":
                fed.clock.now += chance.choice((1, 1_000, 60_000, 3_600_000))
                for each in (lisboa, utrecht):
                    ask_directory(each)
                    await each.read()
    for link in links:
        link.mend()
    for member in (lisboa, utrecht):
        await until(partial(_told, member))
        await until(partial(quiet, member))
    for member in (lisboa, utrecht):
        for other in (lisboa, utrecht):
            await fed.learns(member, partial(knows_key, member, other))
    await fed.read_all()
    for member in (lisboa, utrecht):
        shown = {m.hash: m for m in (await member.view(thread)).messages}
        for note in said:
            assert shown[note].content is not None, (member.name, shown[note].standing)
    assert await proved(fed, thread) <= {"current", "earlier"}


async def _perhaps(change: Any) -> None:
    try:
        await change
    except (UpdateWaits, NotJoined):
        pass


async def test_a_stolen_machine_key_takes_the_transport_keys_along(fed: Federation) -> None:
    """Who had the node key had them too: they open nothing any more, and nobody loses a parcel."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    before = {bytes(r["id"]) for r in await utrecht.store.rows("SELECT id FROM transport_prekeys")}
    await utrecht.exchange.keys.machine.replace(utrecht.vault(), utrecht.actor, COMPROMISED)
    after = {bytes(r["id"]) for r in await utrecht.store.rows("SELECT id FROM transport_prekeys")}
    assert after
    assert not before & after
    await both_ways(fed, said.thread, "after")
