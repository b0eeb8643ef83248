"""What an earlier key signed, where it comes back: after a restore, and when it was stolen."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from catching import HOUR, agree, caught_up, copy, counters, put_back
from fed_member import Member
from federation import Federation, until
from referral_node.store import Tx
from referral_protocol.directory.earlier import UNHEARD
from referral_protocol.directory.entries import COMPROMISED, ROUTINE
from referral_protocol.statements import SignedStatement, Statement, make_statement
from referral_protocol.suite import Signer
from referral_protocol.wire import decode


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


def knows_key(member: Member, of: Member) -> bool:
    """Whether one node's copy of the log names the vault key that another one signs with."""
    named: bytes = member.exchange.members.get(of.id).vault_key
    return named == bytes(of.exchange.core.vault_key)


async def replace_vault_key(fed: Federation, member: Member, reason: str) -> Signer:
    """Change it, and let everybody know; the key that was."""
    old: Signer = Signer(member.vault().signer.seed())
    await member.exchange.keys.replace(member.vault(), member.actor, reason)

    async def turned() -> bool:
        return not member.exchange.core.key_changes

    await until(turned)
    for each in fed.members.values():
        await fed.learns(each, partial(knows_key, each, member))
    return old


@pytest.mark.parametrize("reason", [ROUTINE, COMPROMISED])
async def test_a_peer_that_lost_everything_gets_what_the_earlier_key_signed(
    fed: Federation, reason: str
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    moment = fed.clock.now
    place = await copy(utrecht)
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    await utrecht.note(said.thread, "lost, of Utrecht")
    await lisboa.note(said.thread, "lost, of Lisbon")
    await fed.read_all()
    fed.clock.now += HOUR
    await replace_vault_key(fed, lisboa, reason)
    await lisboa.note(said.thread, "lost, by the new key")
    await fed.read_all()
    fed.clock.now += HOUR
    await put_back(utrecht, place, restored=moment)
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 1
    await counters(lisboa, utrecht)
    assert await utrecht.count("SELECT COUNT(*) FROM messages WHERE body = 'lost'") == 0


async def test_ours_come_back_after_a_routine_change(fed: Federation) -> None:
    """Put back to a time after the change, while what was said before it had been lost already."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    await replace_vault_key(fed, lisboa, ROUTINE)

    async def forget(tx: Tx) -> None:
        for table in ("messages", "threads", "contents", "bodies", "outbox", "answers"):
            await tx.execute(f"DELETE FROM {table}")  # noqa: S608 - one of six names

    moment = fed.clock.now - HOUR
    await lisboa.store.write(forget)
    place = await copy(lisboa)
    await put_back(lisboa, place, restored=moment)
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 1
    assert (await lisboa.view(said.thread)).opener is not None


@pytest.mark.parametrize("reason", [ROUTINE, COMPROMISED])
async def test_what_a_peer_makes_with_our_stolen_key_is_not_ours(
    fed: Federation, reason: str
) -> None:
    """Made with a key that was replaced as compromised it is refused, whatever its date; with one
    replaced as a matter of routine only if its date is long after the change."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    before = fed.clock.now
    stolen = await replace_vault_key(fed, lisboa, reason)
    fed.clock.now += HOUR
    early = await plant(utrecht, lisboa, said.thread, stolen, before, 900)
    late = await plant(utrecht, lisboa, said.thread, stolen, fed.clock.now + UNHEARD, 901)
    await lisboa.stop()
    await lisboa.start()
    await lisboa.node.asker.round()
    held = {bytes(row["hash"]) for row in await lisboa.store.rows("SELECT hash FROM messages")}
    assert late.hash not in held
    assert (early.hash in held) == (reason == ROUTINE)


async def plant(
    at: Member, of: Member, thread: bytes, key: Signer, when: int, seq: int
) -> SignedStatement:
    """A statement that ``of`` never made, in the store of ``at`` as if it had come."""
    row = await at.store.row(
        "SELECT statement, epoch FROM messages WHERE hash = ? AND mine = 0", (thread,)
    )
    opener = decode(bytes(row["statement"]), Statement, 2048, "opener")
    forged = make_statement(
        key,
        msgspec.structs.replace(
            opener,
            thread=thread,
            seq=seq,
            kind="withdraw",
            head=msgspec.structs.replace(
                opener.head, thread_kind=None, priority=None, respond_by=None
            ),
            at=when,
            expires=when + HOUR,
            attachments=(),
        ),
    )

    async def work(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO messages (hash, thread, peer, mine, epoch, seq, at, expires, kind, "
            "statement, signature, body, held_at) "
            "VALUES (?, ?, ?, 0, ?, ?, ?, ?, 'withdraw', ?, ?, 'none', ?)",
            (
                forged.hash,
                thread,
                of.id,
                opener.epoch,
                seq,
                when,
                when + HOUR,
                forged.content,
                forged.signature,
                at.federation.clock.now,
            ),
        )

    await at.store.write(work)
    return forged


async def test_a_node_put_back_to_before_its_own_change_knows_that(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    moment = fed.clock.now
    place = await copy(lisboa)
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    await replace_vault_key(fed, lisboa, ROUTINE)
    await put_back(lisboa, place, restored=moment)
    await fed.learns(lisboa, lambda: lisboa.exchange.keys.foreign)
    assert (await lisboa.exchange.keys.standing()).foreign
    note = await utrecht.note(said.thread, "it waits until a newer backup is restored")
    fed.clock.now += 60_000
    utrecht.wake()
    await until(partial(_tried, utrecht))
    shown = {m.hash: m for m in (await utrecht.view(said.thread)).messages}
    assert shown[note.hash].standing == "queued"


async def _tried(member: Member) -> bool:
    return bool(await member.count("SELECT failures FROM peers WHERE failures > 0"))
