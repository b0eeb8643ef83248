"""`referral node keys`: with a keyholder or the kit, while the node runs; and what is refused."""

import json
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fed_member import PASSWORD, Member
from federation import DIRECTORY, Federation, until
from referral_node.backup.copying import backup_lock
from referral_node.commands import keys as keys_commands
from referral_node.commands.node import node
from referral_node.control import Handler
from referral_node.keeping import NOT_SERVING, KeyKeeping
from referral_node.trouble import Trouble

BY: dict[str, Any] = {"authority": {"name": "ines", "password": PASSWORD}}


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa") as made:
        yield made


def commands(member: Member) -> Mapping[str, Handler]:
    return member.node.operations().handlers()


async def quiet(member: Member) -> bool:
    return await member.exchange.updating.status() is None


async def test_both_keys_are_replaced(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    before = await commands(lisboa)["keys"]({})
    after = await commands(lisboa)["keys-new-node-key"](BY)
    assert after["fingerprint"] != before["fingerprint"]
    await until(partial(quiet, lisboa))
    kit = {"authority": {"kit": lisboa.kit.text()}, "compromised": True}
    asked = await commands(lisboa)["keys-new-vault-key"](kit)
    assert asked["reason"] == "compromised"
    await until(partial(quiet, lisboa))
    found = await commands(lisboa)["keys"]({})
    assert found["fingerprint"] != after["fingerprint"]
    assert [reason for _, reason in found["earlier"]] == ["compromised"]
    assert (found["coming_since"], found["foreign"]) == (None, False)
    rows = await lisboa.store.rows(
        "SELECT action, actor FROM audit WHERE action LIKE '%-key-%' ORDER BY number"
    )
    assert [(row["action"], row["actor"]) for row in rows] == [
        ("machine-key-replaced", lisboa.actor.id),
        ("vault-key-made", None),
        ("vault-key-replaced", None),
    ]


@pytest.mark.parametrize("command", ["keys-new-node-key", "keys-new-vault-key"])
async def test_nothing_without_a_keyholder(fed: Federation, command: str) -> None:
    lisboa = fed["lisboa"]
    before = await commands(lisboa)["keys"]({})
    for authority in (
        {},
        {"name": "ines", "password": "wrong"},
        {"name": "nobody", "password": PASSWORD},
        {"kit": "A" * 56},
    ):
        with pytest.raises(Trouble):
            await commands(lisboa)[command]({"authority": authority})
    with pytest.raises(Trouble, match="of different versions"):
        await commands(lisboa)[command]({})
    assert await commands(lisboa)["keys"]({}) == before


async def test_one_after_the_other_and_never_during_a_backup(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    with backup_lock(lisboa.folder), pytest.raises(Trouble, match="a backup of this node"):
        await commands(lisboa)["keys-new-node-key"](BY)
    fed.link("lisboa", DIRECTORY).cut()
    await commands(lisboa)["keys-new-vault-key"](BY)
    for command in ("keys-new-node-key", "keys-new-vault-key"):
        with pytest.raises(Trouble, match="wait until it is done"):
            await commands(lisboa)[command](BY)


async def test_only_a_running_node_replaces_its_keys() -> None:
    async def never(_authority: Any) -> Any:
        raise AssertionError("nobody is asked")

    keeping = KeyKeeping(None, never)
    with pytest.raises(Trouble, match=NOT_SERVING):
        await keeping.handlers()["keys"]({})
    with pytest.raises(Trouble, match=NOT_SERVING):
        await keeping.handlers()["keys-new-vault-key"](BY)


def test_member_ids_as_people_copy_them() -> None:
    assert keys_commands.member_id(" 00112233 44556677 8899AABB ccddeeff ").hex() == (
        "00112233445566778899aabbccddeeff"
    )
    for wrong in ("", "0011", "zz" * 16, "00" * 17):
        with pytest.raises(Trouble, match="32 characters"):
            keys_commands.member_id(wrong)


def test_join_needs_a_profile_or_whose_place_to_take(tmp_path: Path) -> None:
    found = CliRunner().invoke(node, ["join", "https://x.example", "--state", str(tmp_path)])
    assert found.exit_code == 2
    assert "Missing option '--profile'" in found.output


async def test_what_the_command_shows(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    lisboa = fed["lisboa"]
    given = await commands(lisboa)["keys"]({})

    async def answered(*_: Any) -> Any:
        return given | {"earlier": [[given["vault_since"], "routine"]], "foreign": True}

    monkeypatch.setattr(keys_commands, "do", answered)
    monkeypatch.setattr("asyncio.run", _ended)
    arguments = ["keys", "list", "--state", str(lisboa.folder.path)]
    shown = CliRunner().invoke(node, arguments)
    assert shown.exit_code == 0, shown.output
    assert given["fingerprint"][:23] in shown.output
    assert "Vault key    since 2026-11-19" in shown.output
    assert "Replaced     2026-11-19" in shown.output
    assert "a vault key that is not here" in shown.output
    for recovery, words in (
        ({"state": "asked", "this_node": True, "acts_from": None}, "VSE telephones"),
        ({"state": "vetoed", "this_node": False, "acts_from": 0}, "stopped by the key before"),
        (
            {"state": "announced", "this_node": False, "acts_from": given["vault_since"]},
            "another node's key is announced, and can take over from 2026-11-19",
        ),
    ):
        given["recovery"] = recovery
        assert words in CliRunner().invoke(node, arguments).output
    found = CliRunner().invoke(node, [*arguments, "--json"])
    assert json.loads(found.output)["foreign"] is True


def _ended(work: Any) -> Any:
    """What a coroutine gives that waits for nothing: this test has a loop already."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")
