"""Keyholders: added, given a new password, ended; and what the operations refuse."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from referral_node.config import Config, Exchange, read_config
from referral_node.delivery.http import Http
from referral_node.folder import StateFolder
from referral_node.operations import Operations
from referral_node.passwords import WeakPassword, check_password
from referral_node.setup import NewNode, make_node
from referral_node.store import Store
from referral_node.trouble import Trouble
from referral_node.users import all_slots, display_name, sign_in, sign_in_name
from referral_node.vault import (
    KdfCost,
    Kit,
    Password,
    SignIn,
    SlotKeys,
    TooManyAttempts,
    WrongSecret,
    check_floor,
)

NOW = 1_790_000_000_000
INES = "correct horse battery"
TIAGO = "quite another sentence"
KIT = Kit(bytes(range(32)))
CONFIG = Config(name="Ponte Tejo", exchange=Exchange(endpoint="https://exchange.pontetejo.example"))


@dataclass
class World:
    """An open node, its operations, and whose sessions they ended."""

    store: Store
    operations: Operations
    door: SignIn
    keys: SlotKeys
    ended: list[bytes] = field(default_factory=list)

    async def do(self, command: str, **arguments: Any) -> Any:
        return await self.operations.handlers()[command](arguments)

    async def add_tiago(self) -> Any:
        return await self.do(
            "users-add",
            name="Tiago",
            display=" Tiago  Faria ",
            role="deputy",
            password=TIAGO,
            authority={"name": "ines", "password": INES},
        )

    async def opens(self, name: str, password: str) -> bool:
        try:
            user, vault = await sign_in(self.store, self.door, name, Password(password))
        except WrongSecret:
            return False
        assert user.name == name
        vault.close()
        return True


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    keys = SlotKeys(KdfCost(1, 8192), os.urandom)
    folder = StateFolder(tmp_path / "node")
    new = NewNode(CONFIG, "ines", "Inês Carvalhal", Password(INES), KIT)
    await make_node(folder.path, new, keys, os.urandom, NOW)
    store, http = await Store.open(folder.database), Http()
    door = SignIn(lambda: NOW, keys)
    ended: list[bytes] = []
    operations = Operations(
        store=store,
        folder=folder,
        config=read_config(folder.config),
        node=folder.read_node_key(),
        http=http,
        keys=keys,
        door=door,
        clock=lambda: NOW,
        entropy=os.urandom,
        ended=ended.append,
    )
    yield World(store, operations, door, keys, ended)
    await http.close()
    await store.close()
    keys.close()


async def test_a_keyholder_admits_another_one(world: World) -> None:
    assert await world.add_tiago() == {"name": "tiago"}
    assert await world.opens("tiago", TIAGO)
    assert await world.opens("ines", INES)
    people = await world.do("users")
    assert [(p["name"], p["display"], p["role"], p["ended_at"]) for p in people] == [
        ("ines", "Inês Carvalhal", "point-of-contact", None),
        ("tiago", "Tiago Faria", "deputy", None),
    ]
    _, one = await sign_in(world.store, world.door, "ines", Password(INES))
    _, two = await sign_in(world.store, world.door, "tiago", Password(TIAGO))
    assert one.signer.public == two.signer.public
    rows = await world.store.rows("SELECT action, actor IS NULL AS nobody FROM audit")
    assert [tuple(row) for row in rows] == [("node-made", 0), ("user-added", 0)]


@pytest.mark.parametrize(
    ("authority", "said"),
    [
        ({"name": "ines", "password": "a wrong password"}, "the password is wrong"),
        ({"name": "nobody", "password": INES}, "the password is wrong"),
        ({"name": "ines"}, "must give their password, or type the recovery kit"),
        ({}, "must give their password, or type the recovery kit"),
        ({"kit": "ABCD"}, "fourteen groups"),
        ({"kit": Kit(bytes(32)).text()}, "the recovery kit is wrong"),
    ],
)
async def test_nobody_is_admitted_by_nobody(
    world: World, authority: dict[str, str], said: str
) -> None:
    with pytest.raises(Trouble, match=said):
        await world.do(
            "users-add",
            name="eve",
            display="Eve",
            role="deputy",
            password=TIAGO,
            authority=authority,
        )
    with pytest.raises(Trouble, match=said):
        await world.do("users-reset", name="ines", password=TIAGO, authority=authority)
    assert len(await world.do("users")) == 1
    assert len(await all_slots(world.store)) == 2
    assert await world.opens("ines", INES)


async def test_the_kit_gives_a_new_password_and_ends_the_sessions(world: World) -> None:
    kit = KIT.text().lower()
    await world.do("users-reset", name="Ines", password=TIAGO, authority={"kit": kit})
    assert not await world.opens("ines", INES)
    assert await world.opens("ines", TIAGO)
    assert len(world.ended) == 1
    rows = await world.store.rows("SELECT action, actor FROM audit ORDER BY number DESC LIMIT 1")
    assert [tuple(row) for row in rows] == [("password-reset", None)]


async def test_another_keyholder_gives_a_new_password(world: World) -> None:
    await world.add_tiago()
    authority = {"name": "tiago", "password": TIAGO}
    await world.do("users-reset", name="ines", password="a new one for Ms C", authority=authority)
    assert await world.opens("ines", "a new one for Ms C")
    assert not await world.opens("ines", INES)


async def test_who_was_ended_opens_nothing_and_keeps_the_name(world: World) -> None:
    await world.add_tiago()
    assert await world.do("users-end", name="TIAGO") == {"name": "tiago"}
    assert len(world.ended) == 1
    assert not await world.opens("tiago", TIAGO)
    assert len(await all_slots(world.store)) == 2
    people = await world.do("users")
    assert [(p["name"], p["ended_at"]) for p in people] == [("ines", None), ("tiago", NOW)]
    with pytest.raises(Trouble, match="is or was somebody's"):
        await world.add_tiago()
    for command in ("users-end", "users-reset"):
        more = {} if command == "users-end" else {
            "password": TIAGO, "authority": {"kit": KIT.text()}
        }  # fmt: skip
        with pytest.raises(Trouble, match="nobody signs in as 'tiago'"):
            await world.do(command, name="tiago", **more)


async def test_the_last_keyholder_stays(world: World) -> None:
    with pytest.raises(Trouble, match="ines is the last keyholder: add another one first"):
        await world.do("users-end", name="ines")
    assert await world.opens("ines", INES)
    assert world.ended == []


async def test_five_wrong_passwords_make_the_command_wait(world: World) -> None:
    for _ in range(5):
        with pytest.raises(WrongSecret):
            await world.do(
                "users-reset",
                name="ines",
                password=TIAGO,
                authority={"name": "ines", "password": "a wrong password"},
            )
    with pytest.raises(TooManyAttempts, match="wait 30 seconds"):
        await world.add_tiago()


async def test_a_weak_new_password_is_refused_by_the_node_too(world: World) -> None:
    with pytest.raises(WeakPassword, match="too short"):
        await world.do("users-reset", name="ines", password="short", authority={"kit": KIT.text()})
    with pytest.raises(WeakPassword, match="easy to guess"):
        await world.do(
            "users-reset", name="ines", password="Inês Carvalhal 1", authority={"kit": KIT.text()}
        )
    assert await world.opens("ines", INES)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("users-end", {}),
        ("users-end", {"name": 1}),
        ("users-end", {"name": "ines", "more": 1}),
        ("users", {"all": True}),
        ("users-add", {"name": "x"}),
        ("status", {"case": "x"}),
        ("join", {"url": "x", "anchor": "y", "profile": "text"}),
    ],
)
async def test_arguments_of_another_version_are_told(
    world: World, command: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(Trouble, match="different versions"):
        await world.do(command, **arguments)


async def test_two_added_at_once_under_one_name_are_one(world: World) -> None:
    results = await asyncio.gather(world.add_tiago(), world.add_tiago(), return_exceptions=True)
    assert sorted(isinstance(result, Trouble) for result in results) == [False, True]
    assert len(await world.do("users")) == 2
    assert len(await all_slots(world.store)) == 3


async def test_serve_would_refuse_these_slots_made_for_tests(world: World) -> None:
    with pytest.raises(Trouble, match="made for a test"):
        check_floor(await all_slots(world.store))


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Ines", "ines"),
        (" Ана.К ", "ана.к"),
        ("INE\u0302S", "inês"),
        ("a_b-c@d.org", "a_b-c@d.org"),
    ],
)
def test_a_sign_in_name_has_one_spelling(typed: str, name: str) -> None:
    assert sign_in_name(typed) == name


@pytest.mark.parametrize("typed", ["", "  ", "a b", "x" * 65, "a\x00", "a/b", "a\u202eb"])
def test_other_sign_in_names_are_refused(typed: str) -> None:
    with pytest.raises(Trouble, match="sign-in name"):
        sign_in_name(typed)


@pytest.mark.parametrize("typed", ["", " ", "x" * 121, "a\x1b[2J", "a\ud800"])
def test_a_name_that_cannot_be_shown_is_refused(typed: str) -> None:
    with pytest.raises(Trouble, match="person's name"):
        display_name(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "correct horse battery",
        "три слова поруч",
        "xkq7 vbn2 mmw1",
        "aaaaaaaaaaab",
        "Ines loves the sea",
    ],
)
def test_a_long_password_may_be_anything_else(typed: str) -> None:
    check_password(typed, "ines", "Inês Carvalhal", "Ponte Tejo")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("eleven char", "too short"),
        ("", "too short"),
        ("password1234", "easy to guess"),
        ("PassWord 1234", "easy to guess"),
        ("aaaaaaaaaaaa", "easy to guess"),
        ("abcabcabcabc", "easy to guess"),
        ("abcdefghijklmn", "easy to guess"),
        ("zyxwvutsrqpo", "easy to guess"),
        ("123456789012", "easy to guess"),
        ("9876543210123", "easy to guess"),
        ("Inês Carvalhal2026", "easy to guess"),
        ("pontetejo2026!", "easy to guess"),
        ("202020262020", "easy to guess"),
        ("x" * 1025, "longer than"),
    ],
)
def test_a_password_that_is_short_or_common_is_refused(typed: str, said: str) -> None:
    with pytest.raises(WeakPassword, match=said):
        check_password(typed, "ines", "Inês Carvalhal", "Ponte Tejo")
