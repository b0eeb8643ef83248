"""Rows that were altered or swapped on disk: what they held cannot be read, everything else can."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fed_member import Member
from federation import Federation
from referral_node.exchange import Said
from referral_node.store import Tx


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


async def two_cases(fed: Federation) -> tuple[Said, Said]:
    """Two referrals that Utrecht has read, and a draft of its own."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht), await lisboa.refer(utrecht)
    await fed.read_all()
    await utrecht.exchange.drafts.create(utrecht.vault(), utrecht.actor)
    await utrecht.sign_in()
    return said


async def change(member: Member, sql: str, *params: Any) -> None:
    async def work(tx: Tx) -> int:
        return await tx.execute(sql, params)

    assert await member.store.write(work) == 1


WHERE = {
    "the case key": ("threads", "case_key", "id = ?"),
    "the summary": ("threads", "summary", "id = ?"),
    "the content": (
        "contents",
        "private",
        "message = (SELECT number FROM messages WHERE hash = ?)",
    ),
}


@pytest.mark.parametrize("what", WHERE)
@pytest.mark.parametrize("how", ["noise", "the other case's", "one bit", "cut"])
async def test_one_bad_row_takes_no_other_case_with_it(
    fed: Federation, what: str, how: str
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    bad, good = await two_cases(fed)
    table, column, where = WHERE[what]
    found = {}
    for name, said in (("bad", bad), ("good", good)):
        row = await utrecht.store.row(
            f"SELECT {column} FROM {table} WHERE {where}",  # noqa: S608 - names from the list
            (said.hash,),
        )
        found[name] = bytes(row[0])
    right = bytearray(found["bad"])
    right[len(right) // 2] ^= 1
    value = {
        "noise": os.urandom(len(right)),
        "the other case's": found["good"],
        "one bit": bytes(right),
        "cut": found["bad"][:-1],
    }[how]
    sql = f"UPDATE {table} SET {column} = ? WHERE {where}"  # noqa: S608 - names from the list
    await change(utrecht, sql, value, bad.hash)
    # Something new comes for both, and everything is looked at.
    for said in (bad, good):
        await lisboa.note(said.thread, "Something new")
    await fed.settle()
    reader = utrecht.page()
    with capture_logs() as lines:
        today = await reader.get("/")
        listed = await reader.get("/referrals")
        fine = await reader.get(f"/referral/{good.thread.hex()}")
        broken = await reader.get(f"/referral/{bad.thread.hex()}")
    assert (today.status, listed.status, fine.status) == (200, 200, 200)
    assert "Something new" in fine.text
    assert broken.status == 200 or "changed or damaged" in broken.text
    assert not [line for line in lines if line["event"] == "page.failed"], lines
    shown = await utrecht.view(good.thread)
    assert shown.opener is not None
    assert len(shown.messages) >= 2


@pytest.mark.parametrize("how", ["noise", "cut"])
async def test_a_bad_draft_takes_no_page_with_it(fed: Federation, how: str) -> None:
    utrecht = fed["utrecht"]
    await two_cases(fed)
    value = os.urandom(200) if how == "noise" else b"x"
    await change(utrecht, "UPDATE drafts SET sealed = ?", value)
    with capture_logs() as lines:
        today = await utrecht.page().get("/")
        begin = await utrecht.page().get("/new")
    assert (today.status, begin.status) == (200, 200)
    assert not [line for line in lines if line["event"] == "page.failed"], lines


async def test_a_prekey_that_was_altered_is_one_that_is_missing(fed: Federation) -> None:
    """What was sealed to it cannot be read; its sender is told and seals it again."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.settle()
    kept = await utrecht.store.row("SELECT id, seed FROM case_prekeys ORDER BY starts LIMIT 1")
    await change(utrecht, "UPDATE case_prekeys SET seed = ? WHERE id = ?", bytes(72), kept["id"])
    done = await utrecht.read()
    assert (done.imported, done.unreadable) == (0, 1)
    await change(utrecht, "UPDATE case_prekeys SET seed = ? WHERE id = ?", kept["seed"], kept["id"])
    await fed.read_all()
    assert (await utrecht.view(said.thread)).opener is not None
