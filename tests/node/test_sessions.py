"""Sessions and sign-in: time-outs, what memory holds between requests, wrong passwords."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from referral_node.vault import (
    KdfCost,
    Password,
    Sessions,
    SignedOut,
    SignIn,
    Slot,
    SlotKeys,
    TooManyAttempts,
    UnlockedVault,
    User,
    VaultClosed,
    WrongSecret,
)
from referral_node.vault.sessions import IDLE, WHOLE
from referral_node.vault.signin import ALL_FREE, FIRST_WAIT, LONGEST_WAIT

MINUTE = 60_000
ANA = User(b"a" * 16, "ana", "Ana Duarte", "point-of-contact")
BEA = User(b"b" * 16, "bea", "Bea Lopes", "deputy")
PASSWORD = "correct horse battery"


@dataclass
class Clock:
    now: int = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now


def fresh_vault() -> tuple[bytes, bytes, UnlockedVault]:
    master, seed = os.urandom(32), os.urandom(32)
    return master, seed, UnlockedVault.found(master, seed)


def test_a_cookie_opens_its_vault() -> None:
    sessions = Sessions(Clock(), os.urandom)
    _, _, vault = fresh_vault()
    cookie = sessions.create(ANA, vault)
    session = sessions.find(cookie)
    assert session is not None
    assert session.user == ANA
    assert len(session.form_secret) == 32
    with session.open(cookie) as opened:
        assert opened.signer.public == vault.signer.public
        sealed = opened.seal(b"text", ("t", b"", 1))
    assert vault.unseal(sealed, ("t", b"", 1)) == b"text"
    assert opened.closed
    with pytest.raises(VaultClosed):
        opened.unseal(sealed, ("t", b"", 1))


def test_no_cookie_of_another_session_opens_this_one() -> None:
    sessions = Sessions(Clock(), os.urandom)
    _, _, vault = fresh_vault()
    mine, theirs = sessions.create(ANA, vault), sessions.create(BEA, vault)
    session = sessions.find(mine)
    assert session is not None
    for cookie in (theirs, "", mine[:-1], mine + "A", mine.swapcase(), "é" * 43):
        with pytest.raises(SignedOut), session.open(cookie):
            pass


@pytest.mark.parametrize(
    "change",
    [
        lambda c: "",
        lambda c: c + "=",
        lambda c: c[:-1],
        lambda c: " " + c[1:],
        lambda c: c[:20] + "\n" + c[21:],
        lambda c: "é" * 43,
        lambda c: ("B" if c[0] == "A" else "A") + c[1:],
        # The last character holds two bits that no byte uses: one value, one spelling.
        lambda c: c[:-1] + chr(ord(c[-1]) + 1),
    ],
)
def test_only_the_exact_cookie_is_found(change: Callable[[str], str]) -> None:
    sessions = Sessions(Clock(), bytes)
    _, _, vault = fresh_vault()
    cookie = sessions.create(ANA, vault)
    assert sessions.find(cookie) is not None
    assert sessions.find(change(cookie)) is None


def test_half_an_hour_without_a_request_ends_it() -> None:
    clock = Clock()
    sessions = Sessions(clock, os.urandom)
    cookie = sessions.create(ANA, fresh_vault()[2])
    for _ in range(3):
        clock.now += IDLE - 1
        assert sessions.find(cookie) is not None
    clock.now += IDLE
    assert sessions.find(cookie) is None
    assert len(sessions) == 0
    clock.now -= IDLE
    assert sessions.find(cookie) is None


def test_eight_hours_end_it_however_busy() -> None:
    clock = Clock()
    sessions = Sessions(clock, os.urandom)
    cookie = sessions.create(ANA, fresh_vault()[2])
    started = clock.now
    while clock.now + 20 * MINUTE < started + WHOLE:
        clock.now += 20 * MINUTE
        assert sessions.find(cookie) is not None
    clock.now = started + WHOLE - 1
    assert sessions.find(cookie) is not None
    clock.now = started + WHOLE
    assert sessions.find(cookie) is None


def test_the_sweep_ends_what_no_request_comes_for() -> None:
    clock = Clock()
    sessions = Sessions(clock, os.urandom)
    old = sessions.find(sessions.create(ANA, fresh_vault()[2]))
    assert old is not None
    old.index = {"names": ["Oksana"]}
    clock.now += IDLE - MINUTE
    young = sessions.create(BEA, fresh_vault()[2])
    assert sessions.sweep() == 0
    clock.now += MINUTE
    assert sessions.sweep() == 1
    assert old.index is None
    assert sessions.find(young) is not None


def test_signing_out_drops_everything_and_closes_what_is_open() -> None:
    sessions = Sessions(Clock(), os.urandom)
    cookie = sessions.create(ANA, fresh_vault()[2])
    session = sessions.find(cookie)
    assert session is not None
    session.index = {"names": ["Oksana"]}
    with session.open(cookie) as vault:
        sessions.end(cookie)
        with pytest.raises(VaultClosed):
            vault.seal(b"", ("t", b"", 1))
    assert sessions.find(cookie) is None
    assert session.index is None
    assert session.form_secret == b""
    with pytest.raises(SignedOut), session.open(cookie):
        pass
    sessions.end(cookie)
    sessions.end("no cookie at all")


def test_a_person_who_left_loses_every_session() -> None:
    sessions = Sessions(Clock(), os.urandom)
    _, _, vault = fresh_vault()
    gone = [sessions.create(ANA, vault), sessions.create(ANA, vault)]
    stays = sessions.create(BEA, vault)
    assert sessions.end_user(ANA.id) == 2
    assert [sessions.find(cookie) for cookie in gone] == [None, None]
    assert sessions.find(stays) is not None
    sessions.end_all()
    assert len(sessions) == 0


def reachable(root: object) -> list[bytes]:
    """Every bytes-like value in the object graph below ``root``, code and modules left out."""
    seen: set[int] = set()
    found: list[bytes] = []
    todo = [root]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, type) or type(thing).__name__ == "module":
            continue
        seen.add(id(thing))
        if isinstance(thing, bytes | bytearray):
            found.append(bytes(thing))
        elif isinstance(thing, str):
            found.append(thing.encode("utf-8", "replace"))
        todo.extend(gc.get_referents(thing))
    return found


def everywhere() -> list[bytes]:
    """Every bytes value that anything known to the garbage collector refers to."""
    gc.collect()
    found = []
    for thing in gc.get_objects():
        found += [r for r in gc.get_referents(thing) if isinstance(r, bytes | bytearray)]
    return [bytes(value) for value in found]


class Source:
    """Random bytes, with the place remembered where a test may look for them afterwards."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self, size: int) -> bytes:
        drawn = os.urandom(size)
        self.given.append(drawn.hex())  # as text: the search below looks for bytes
        return drawn


def test_between_requests_memory_holds_no_key_that_opens_anything() -> None:
    source = Source()
    sessions = Sessions(Clock(), source)
    master_hex, seed_hex = os.urandom(32).hex(), os.urandom(32).hex()

    def sign_in() -> str:
        vault = UnlockedVault.found(bytes.fromhex(master_hex), bytes.fromhex(seed_hex))
        cookie = sessions.create(ANA, vault)
        vault.close()
        return cookie

    def secrets() -> list[bytes]:
        return [bytes.fromhex(text) for text in (master_hex, seed_hex, source.given[0])]

    def holding(values: list[bytes]) -> int:
        return sum(any(secret in value for value in values) for secret in secrets())

    cookie = sign_in()
    assert holding(reachable(sessions)) == 0
    assert holding(everywhere()) == 0

    def request() -> tuple[int, int]:
        session = sessions.find(cookie)
        assert session is not None
        with session.open(cookie) as vault:
            vault.seal(b"text", ("t", b"", 1))
            vault.signer.sign(b"l", b"data")
            return holding(reachable(vault)), holding(everywhere())

    # The positive control: during a request both searches find the master key and the vault key.
    assert request() == (2, 2)
    assert holding(reachable(sessions)) == 0
    assert holding(everywhere()) == 0


# --- sign-in --------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def keys() -> AsyncIterator[SlotKeys]:
    made = SlotKeys(KdfCost(1, 8192), os.urandom)
    yield made
    made.close()


@pytest_asyncio.fixture
async def slot(keys: SlotKeys) -> Slot:
    return await keys.password_slot(Password(PASSWORD), bytes(32), user=ANA.id, now=0)


async def wrong(sign_in: SignIn, slots: list[Slot], name: str = "ana") -> None:
    with pytest.raises(WrongSecret):
        await sign_in.open(name, Password("a wrong password"), slots)


async def test_after_five_wrong_passwords_the_right_one_must_wait_too(
    keys: SlotKeys, slot: Slot
) -> None:
    clock = Clock()
    sign_in = SignIn(clock, keys)
    for _ in range(5):
        await wrong(sign_in, [slot])
    with pytest.raises(TooManyAttempts, match="wait 30 seconds, then try again") as caught:
        await sign_in.open(" Ana", Password(PASSWORD), [slot])
    assert caught.value.wait == FIRST_WAIT
    clock.now += FIRST_WAIT - 1
    with pytest.raises(TooManyAttempts, match="wait 1 second,"):
        await sign_in.open("ana", Password(PASSWORD), [slot])
    clock.now += 1
    assert await sign_in.open("ana", Password(PASSWORD), [slot]) == bytes(32)
    for _ in range(4):
        await wrong(sign_in, [slot])
    assert await sign_in.open("ana", Password(PASSWORD), [slot]) == bytes(32)


async def test_each_further_wrong_one_doubles_the_wait_up_to_a_quarter_of_an_hour(
    keys: SlotKeys, slot: Slot
) -> None:
    clock = Clock()
    sign_in = SignIn(clock, keys)
    for _ in range(5):
        await wrong(sign_in, [slot])
    waits = []
    for _ in range(8):
        waits.append(sign_in.wait("ana"))
        clock.now += waits[-1]
        await wrong(sign_in, [slot])
    assert waits[:5] == [30_000, 60_000, 120_000, 240_000, 480_000]
    assert waits[5:] == [LONGEST_WAIT] * 3
    with pytest.raises(TooManyAttempts, match="wait 15 minutes"):
        await sign_in.open("ana", Password(PASSWORD), [slot])


async def test_what_is_said_is_the_same_for_someone_unknown(keys: SlotKeys, slot: Slot) -> None:
    sign_in = SignIn(Clock(), keys)
    said: dict[str, list[str]] = {"ana": [], "nobody": []}
    for name, slots in (("ana", [slot]), ("nobody", [])):
        for _ in range(6):
            with pytest.raises((WrongSecret, TooManyAttempts)) as caught:
                await sign_in.open(name, Password("a wrong password"), slots)
            said[name].append(str(caught.value))
    assert said["ana"] == said["nobody"]


async def test_one_name_does_not_hold_up_another(keys: SlotKeys, slot: Slot) -> None:
    sign_in = SignIn(Clock(), keys)
    for _ in range(5):
        await wrong(sign_in, [], "nobody")
    assert await sign_in.open("ana", Password(PASSWORD), [slot]) == bytes(32)


async def test_many_names_together_make_everybody_wait_a_little(keys: SlotKeys, slot: Slot) -> None:
    clock = Clock()
    sign_in = SignIn(clock, keys)
    for number in range(ALL_FREE):
        await wrong(sign_in, [], f"guess{number}")
    with pytest.raises(TooManyAttempts, match="10 seconds"):
        await sign_in.open("ana", Password(PASSWORD), [slot])
    clock.now += 10_000
    assert await sign_in.open("ana", Password(PASSWORD), [slot]) == bytes(32)


async def test_tries_at_the_same_time_are_all_counted(keys: SlotKeys, slot: Slot) -> None:
    sign_in = SignIn(Clock(), keys)
    results = await asyncio.gather(
        *(sign_in.open("ana", Password(f"guess {n}"), [slot]) for n in range(7)),
        return_exceptions=True,
    )
    assert [type(r) for r in results] == [WrongSecret] * 5 + [TooManyAttempts] * 2


async def test_a_day_later_a_name_starts_afresh(keys: SlotKeys, slot: Slot) -> None:
    clock = Clock()
    sign_in = SignIn(clock, keys)
    for _ in range(5):
        await wrong(sign_in, [slot])
    clock.now += 24 * 60 * MINUTE
    for _ in range(4):
        await wrong(sign_in, [slot])
    assert sign_in.wait("ana") == 0
    await wrong(sign_in, [slot])
    assert sign_in.wait("ana") == FIRST_WAIT


async def test_made_up_names_do_not_fill_the_memory(keys: SlotKeys) -> None:
    clock = Clock()
    sign_in = SignIn(clock, keys)
    for number in range(3000):
        sign_in.wait(f"{number}" * 1000)
    assert len(sign_in._names) == 1000
    assert all(len(name) <= 100 for name in sign_in._names)


async def test_what_could_not_be_checked_is_not_counted(
    keys: SlotKeys, slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in = SignIn(Clock(), keys)

    def none_left(*arguments: object, **cost: int) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("nacl.pwhash.argon2id.kdf", none_left)
        for _ in range(6):
            with pytest.raises(Exception, match="not enough memory"):
                await sign_in.open("ana", Password(PASSWORD), [slot])
    assert await sign_in.open("ana", Password(PASSWORD), [slot]) == bytes(32)
