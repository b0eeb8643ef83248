"""Slots: passwords and the recovery kit, what each opens, and what a changed row cannot do."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator

import nacl.pwhash
import pytest
import pytest_asyncio

from referral_node.vault import (
    FLOOR,
    PRODUCTION,
    BelowFloor,
    KdfCost,
    Kit,
    Password,
    SlotKeys,
    Unsealable,
    WrongSecret,
    check_floor,
)
from referral_node.vault.slots import MAX_WAITING, Busy, NoMemory
from referral_protocol.suite import Opener
from referral_protocol.wire import encode

CHEAP = KdfCost(1, 8192)
"""The least that Argon2id takes: only tests may."""
MASTER = bytes(range(100, 132))
ANA, BEA = b"a" * 16, b"b" * 16
NOW = 1_790_000_000_000


@pytest_asyncio.fixture
async def keys() -> AsyncIterator[SlotKeys]:
    made = SlotKeys(CHEAP, os.urandom)
    yield made
    made.close()


async def test_each_password_opens_its_own_slot(keys: SlotKeys) -> None:
    ana = await keys.password_slot(Password("correct horse battery"), MASTER, user=ANA, now=NOW)
    bea = await keys.password_slot(Password("another good sentence"), MASTER, user=BEA, now=NOW)
    assert (ana.kind, ana.user, ana.made_at) == ("password", ANA, NOW)
    assert await keys.open_slots(Password("correct horse battery"), [ana]) == MASTER
    assert await keys.open_slots(Password("another good sentence"), [ana, bea]) == MASTER
    with pytest.raises(WrongSecret, match="password is wrong"):
        await keys.open_slots(Password("another good sentence"), [ana])
    assert MASTER not in ana.wrapped
    assert ana.stretching().salt != bea.stretching().salt


async def test_a_password_is_the_same_on_every_keyboard(keys: SlotKeys) -> None:
    slot = await keys.password_slot(Password("cora\u00e7\u00e3o aberto"), MASTER, user=ANA, now=NOW)
    typed = Password("corac\u0327a\u0303o aberto")
    assert await keys.open_slots(typed, [slot]) == MASTER


@pytest.mark.parametrize("password", ["", "x" * 5000, "a\x00b", "\ud800 half a pair"])
async def test_odd_passwords_are_wrong_and_nothing_else(keys: SlotKeys, password: str) -> None:
    slot = await keys.password_slot(Password("correct horse battery"), MASTER, user=ANA, now=NOW)
    with pytest.raises(WrongSecret):
        await keys.open_slots(Password(password), [slot])


async def test_someone_unknown_costs_as_much_as_someone_known(
    keys: SlotKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = await keys.password_slot(Password("correct horse battery"), MASTER, user=ANA, now=NOW)
    real, costs = nacl.pwhash.argon2id.kdf, []

    def counting(*arguments: object, **cost: int) -> bytes:
        costs.append(cost)
        return real(*arguments, **cost)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(nacl.pwhash.argon2id, "kdf", counting)
    for slots in ([slot], []):
        with pytest.raises(WrongSecret) as caught:
            await keys.open_slots(Password("a wrong password"), slots)
        assert str(caught.value) == "the password is wrong"
    assert costs == [{"opslimit": 1, "memlimit": 8192}] * 2


async def test_a_slot_cannot_be_given_to_another_person_nor_made_cheaper(keys: SlotKeys) -> None:
    password = Password("correct horse battery")
    slot = await keys.password_slot(password, MASTER, user=ANA, now=NOW)
    parameters = slot.stretching()
    changed = (
        slot._replace(user=BEA),
        slot._replace(user=None),
        slot._replace(id=b"i" * 16),
        slot._replace(parameters=encode((parameters.salt, 2, 8192))),
        slot._replace(wrapped=slot.wrapped[:-1] + bytes([slot.wrapped[-1] ^ 1])),
    )
    for other in changed:
        with pytest.raises(WrongSecret):
            await keys.open_slots(password, [other])


@pytest.mark.parametrize(
    "parameters",
    [
        b"",
        b"\xc1",
        encode((b"short", 1, 8192)),
        encode((bytes(16), 0, 8192)),
        encode((bytes(16), 1, 2**45)),
        encode((bytes(16), 1)),
    ],
)
async def test_damaged_parameters_are_named(keys: SlotKeys, parameters: bytes) -> None:
    slot = await keys.password_slot(Password("correct horse battery"), MASTER, user=ANA, now=NOW)
    with pytest.raises(Unsealable, match="slots"):
        await keys.open_slots(Password("x"), [slot._replace(parameters=parameters)])


async def test_the_kit_opens_its_slot_and_gives_the_backup_pair(keys: SlotKeys) -> None:
    kit = Kit(bytes(range(32)))
    slot = keys.kit_slot(kit, MASTER, now=NOW)
    assert (slot.kind, slot.user) == ("kit", None)
    typed = Kit.typed(kit.text().lower().replace(" ", "-"))
    assert await keys.open_slots(typed, [slot]) == MASTER
    assert typed.backup_public() == kit.backup_public()
    assert len(kit.backup_public()) == 1216
    with pytest.raises(WrongSecret, match="recovery kit is wrong"):
        await keys.open_slots(Kit(bytes(32)), [slot])


async def test_kit_and_password_do_not_open_each_others_slots(keys: SlotKeys) -> None:
    kit = Kit(bytes(range(32)))
    password = Password(kit.text())
    of_kit = keys.kit_slot(kit, MASTER, now=NOW)
    of_password = await keys.password_slot(password, MASTER, user=ANA, now=NOW)
    with pytest.raises(WrongSecret):
        await keys.open_slots(password, [of_kit])
    with pytest.raises(WrongSecret):
        await keys.open_slots(kit, [of_password])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "fourteen groups"),
        ("ABCD EFGH", "fourteen groups"),
        ("9" * 56, "letters and 2 to 7"),
        ("A" * 56, "a character of the recovery kit is wrong"),
    ],
)
def test_a_mistyped_kit_says_what_is_wrong_and_not_what_was_typed(typed: str, said: str) -> None:
    with pytest.raises(WrongSecret, match=said) as caught:
        Kit.typed(typed)
    assert "ABCD" not in str(caught.value)


def test_the_backup_pair_is_not_the_slot_key() -> None:
    kit = Kit(bytes(range(32)))
    assert kit.backup_public() != Opener(kit.slot_key()).public


def test_production_keeps_above_the_floor() -> None:
    assert PRODUCTION.ops >= FLOOR.ops == 3
    assert PRODUCTION.memory >= FLOOR.memory == 64 * 1024 * 1024


async def test_serve_refuses_a_slot_below_the_floor(keys: SlotKeys) -> None:
    kit = keys.kit_slot(Kit(bytes(32)), MASTER, now=NOW)
    cheap = await keys.password_slot(Password("correct horse battery"), MASTER, user=ANA, now=NOW)
    good = cheap._replace(parameters=encode((bytes(16), *FLOOR)))
    few_passes = cheap._replace(parameters=encode((bytes(16), 2, FLOOR.memory)))
    little_memory = cheap._replace(parameters=encode((bytes(16), 3, FLOOR.memory - 1)))
    check_floor([kit, good])
    for slot in (cheap, few_passes, little_memory):
        with pytest.raises(BelowFloor, match="64 MiB and 3"):
            check_floor([kit, good, slot])


async def test_a_real_slot_at_the_floor_opens() -> None:
    keys = SlotKeys(FLOOR, os.urandom)
    slot = await keys.password_slot(Password("correct horse battery"), MASTER, user=ANA, now=NOW)
    check_floor([slot])
    assert await keys.open_slots(Password("correct horse battery"), [slot]) == MASTER
    keys.close()


async def test_passwords_are_stretched_one_at_a_time_beside_the_loop(
    keys: SlotKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the one who asked goes away: its stretch goes on, and the next one waits."""
    slot = await keys.password_slot(Password("correct horse battery"), MASTER, user=ANA, now=NOW)
    real, going, most, release = nacl.pwhash.argon2id.kdf, 0, 0, threading.Event()

    def slow(*arguments: object, **cost: int) -> bytes:
        nonlocal going, most
        going += 1
        most = max(most, going)
        assert threading.current_thread() is not threading.main_thread()
        release.wait(5)
        going -= 1
        return real(*arguments, **cost)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(nacl.pwhash.argon2id, "kdf", slow)
    tasks = [
        asyncio.create_task(keys.open_slots(Password("correct horse battery"), [slot]))
        for _ in range(3)
    ]
    await asyncio.sleep(0.05)
    tasks[0].cancel()
    await asyncio.sleep(0.05)
    release.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [MASTER, MASTER]
    assert most == 1


async def test_too_many_at_once_are_told_to_come_back(
    keys: SlotKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = await keys.password_slot(Password("correct horse battery"), MASTER, user=ANA, now=NOW)
    release = threading.Event()
    real = nacl.pwhash.argon2id.kdf

    def slow(*arguments: object, **cost: int) -> bytes:
        release.wait(5)
        return real(*arguments, **cost)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(nacl.pwhash.argon2id, "kdf", slow)
    tasks = [
        asyncio.create_task(keys.open_slots(Password("correct horse battery"), [slot]))
        for _ in range(MAX_WAITING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="try again"):
        await keys.open_slots(Password("correct horse battery"), [slot])
    release.set()
    assert await asyncio.gather(*tasks) == [MASTER] * MAX_WAITING
    assert await keys.open_slots(Password("correct horse battery"), [slot]) == MASTER


async def test_too_little_memory_is_said_so(
    keys: SlotKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*arguments: object, **cost: int) -> bytes:
        raise MemoryError

    monkeypatch.setattr(nacl.pwhash.argon2id, "kdf", none_left)
    with pytest.raises(NoMemory, match="not enough memory"):
        await keys.password_slot(Password("correct horse battery"), MASTER, user=ANA, now=NOW)


async def test_no_secret_shows(keys: SlotKeys) -> None:
    password, kit = Password("correct horse battery"), Kit(b"KITKITKITKITKITKITKITKITKITKITKI")
    slot = await keys.password_slot(password, MASTER, user=ANA, now=NOW)
    for thing in (password, kit, keys, slot):
        said = repr(thing) + str(thing)
        assert "horse" not in said
        assert "KITKIT" not in said
        assert kit.text()[:9] not in said
        assert slot.wrapped.hex() not in said
