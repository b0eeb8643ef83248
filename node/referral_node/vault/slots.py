"""Slots: each one wraps the vault's master key for one password, or for the printed recovery kit.

Law: a slot opens with its own secret and no other; what belongs to it (its id, kind, user and the
cost of its password) is bound to the wrapped key, so a slot can be neither given to another person
nor made cheaper to guess. Passwords are stretched with Argon2id in one thread, one at a time: each
takes over 100 MiB of memory for its time, and ten at once would take the machine down.

The cost is chosen in the composition root. Production never goes below :data:`FLOOR`; `serve`
refuses a vault that holds a cheaper slot (:func:`check_floor`).
"""

import asyncio
import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Final, NamedTuple, Self

import nacl.pwhash
from msgspec import Meta
from nacl.exceptions import CryptoError

from referral_node.trouble import Trouble
from referral_node.vault.at_rest import KEY_SIZE, Place, Unsealable, seal, unseal
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import kit_backup_seed, kit_secret, kit_slot_key, kit_text
from referral_protocol.suite import Opener
from referral_protocol.wire import Wire, decode, encode

MIB: Final = 1024 * 1024
SALT_SIZE: Final = nacl.pwhash.argon2id.SALTBYTES
MAX_PASSWORD: Final = 1024
"""Longest password, in bytes of UTF-8."""
MAX_WAITING: Final = 8
"""Most passwords that wait for their turn; the next one is told to come back."""


class KdfCost(NamedTuple):
    """What stretching a password costs: passes, and bytes of memory."""

    ops: int
    memory: int


FLOOR: Final = KdfCost(3, 64 * MIB)
"""The least that a vault in use may have."""
PRODUCTION: Final = KdfCost(4, 128 * MIB)
"""What new slots get: about a quarter of a second on one core."""
_HIGHEST: Final = KdfCost(64, 4096 * MIB)


class WrongSecret(Trouble):
    """The password or kit opens none of the slots."""

    def __init__(self, what: str = "password", how: str | None = None) -> None:
        super().__init__(f"the {what} is wrong" if how is None else how)


class BelowFloor(Trouble):
    """The vault holds a slot that is too cheap to guess."""


class Busy(Trouble):
    """Too many passwords wait to be checked."""

    def __init__(self) -> None:
        super().__init__("too many people are signing in at once: try again in a few seconds")


class NoMemory(Trouble):
    """The machine has not enough memory to stretch a password."""

    def __init__(self, cost: KdfCost) -> None:
        super().__init__(
            f"not enough memory to check a password: {cost.memory // MIB} MiB are needed; "
            "close other programs or give the machine more"
        )


class Password:
    """A password as typed. Unicode's composed form, so that every keyboard types the same one."""

    __slots__ = ("_bytes",)

    def __init__(self, text: str) -> None:
        # A character that UTF-8 does not have (a lone surrogate) can only be a damaged input: it
        # becomes a question mark, which opens nothing.
        self._bytes = unicodedata.normalize("NFC", text).encode("utf-8", "replace")

    def reveal(self) -> bytes:
        """The bytes that are stretched. Never for showing."""
        return self._bytes

    def __repr__(self) -> str:
        return "Password(…)"


class Kit:
    """A recovery kit: 32 random bytes on paper, from which a slot's key and a backup pair come."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def typed(cls, text: str) -> Self:
        """A kit typed from paper; WrongSecret with what is wrong about it."""
        try:
            return cls(kit_secret(text))
        except ProtocolError as error:
            how = f"{error.detail}: compare what was typed with the paper"
            raise WrongSecret("recovery kit", how) from None

    def text(self) -> str:
        """Fourteen groups of four, for the one time that it is shown."""
        return kit_text(self._secret)

    def slot_key(self) -> bytes:
        """The key of the slot that this kit opens."""
        return kit_slot_key(self._secret)

    def backup_pair(self) -> Opener:
        """The pair that backups are sealed to."""
        return Opener(kit_backup_seed(self._secret))

    def backup_public(self) -> bytes:
        """Its public half, 1,216 bytes."""
        return self.backup_pair().public

    def __repr__(self) -> str:
        return "Kit(…)"


class PasswordParameters(Wire, frozen=True):
    """How a password slot's key is stretched. Stored beside the slot."""

    salt: Annotated[bytes, Meta(min_length=SALT_SIZE, max_length=SALT_SIZE)]
    ops: Annotated[int, Meta(ge=1, le=_HIGHEST.ops)]
    memory: Annotated[int, Meta(ge=8192, le=_HIGHEST.memory)]

    @property
    def cost(self) -> KdfCost:
        return KdfCost(self.ops, self.memory)


class Slot(NamedTuple):
    """One row of the table ``slots``, in the order of its columns."""

    id: bytes
    kind: str
    user: bytes | None
    parameters: bytes
    wrapped: bytes
    made_at: int

    def stretching(self) -> PasswordParameters:
        """The parameters of a password slot; Unsealable if they are not well formed."""
        try:
            return decode(self.parameters, PasswordParameters, 256, "slot parameters")
        except ProtocolError:
            raise Unsealable(("slots", self.id, 1)) from None

    def __repr__(self) -> str:
        return f"Slot({self.id.hex()}, {self.kind})"


class SlotKeys:
    """Makes slots and opens them. One for the whole process: it holds the one stretching thread."""

    def __init__(self, cost: KdfCost, entropy: Callable[[int], bytes]) -> None:
        self._cost = cost
        self._entropy = entropy
        self._waiting = 0
        # A pool of one thread, not a lock: a caller that gives up cannot stop a running stretch,
        # and the next one must wait for it all the same.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password")

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def password_slot(
        self, password: Password, master: bytes, *, user: bytes, now: int
    ) -> Slot:
        """A slot that opens with a user's password, stretched at this process's cost."""
        parameters = PasswordParameters(self._entropy(SALT_SIZE), *self._cost)
        key = await self._stretch(password, parameters)
        return _make(self._entropy(16), "password", user, encode(parameters), key, master, now)

    def kit_slot(self, kit: Kit, master: bytes, *, now: int) -> Slot:
        """The slot that opens with the recovery kit. Its key is random: nothing to stretch."""
        return _make(self._entropy(16), "kit", None, b"", kit.slot_key(), master, now)

    async def open_slots(self, secret: Password | Kit, slots: Sequence[Slot]) -> bytes:
        """The master key, from the first slot that the secret opens; WrongSecret if none does.

        A password is stretched once even if there is no slot to try, so that the time taken does
        not tell whether the person exists.
        """
        if isinstance(secret, Kit):
            for slot in (s for s in slots if s.kind == "kit"):
                master = _open(slot, secret.slot_key())
                if master is not None:
                    return master
            raise WrongSecret("recovery kit")
        tried = [s for s in slots if s.kind == "password"]
        if not tried:
            await self._stretch(secret, PasswordParameters(bytes(SALT_SIZE), *self._cost))
        for slot in tried:
            master = _open(slot, await self._stretch(secret, slot.stretching()))
            if master is not None:
                return master
        raise WrongSecret

    async def _stretch(self, password: Password, parameters: PasswordParameters) -> bytes:
        secret = password.reveal()
        if len(secret) > MAX_PASSWORD:
            # Nothing is said about its length: it is wrong, as no such password was ever taken.
            secret = hashlib.sha256(secret).digest()
        if self._waiting >= MAX_WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, _argon2id, secret, parameters
            )
        finally:
            self._waiting -= 1


def check_floor(slots: Iterable[Slot]) -> None:
    """Refuse a vault with a password slot cheaper than the floor: such a one is for tests only."""
    for slot in slots:
        if slot.kind != "password":
            continue
        cost = slot.stretching().cost
        if cost.ops < FLOOR.ops or cost.memory < FLOOR.memory:
            raise BelowFloor(
                f"a password of this vault is protected with {cost.memory // MIB} MiB and "
                f"{cost.ops} passes, the least is {FLOOR.memory // MIB} MiB and {FLOOR.ops}: "
                "it was made for a test; make a new node with `referral node init`"
            )


def _argon2id(secret: bytes, parameters: PasswordParameters) -> bytes:
    try:
        return nacl.pwhash.argon2id.kdf(
            KEY_SIZE,
            secret,
            parameters.salt,
            opslimit=parameters.ops,
            memlimit=parameters.memory,
        )
    except (MemoryError, RuntimeError, CryptoError):
        raise NoMemory(parameters.cost) from None


def _place(slot: bytes, kind: str, user: bytes | None, parameters: bytes) -> Place:
    return "slots", encode((slot, kind, user, parameters)), 1


def _make(
    slot: bytes,
    kind: str,
    user: bytes | None,
    parameters: bytes,
    key: bytes,
    master: bytes,
    now: int,
) -> Slot:
    wrapped = seal(key, master, place=_place(slot, kind, user, parameters))
    return Slot(slot, kind, user, parameters, wrapped, now)


def _open(slot: Slot, key: bytes) -> bytes | None:
    place = _place(slot.id, slot.kind, slot.user, slot.parameters)
    try:
        return unseal(key, slot.wrapped, place=place)
    except Unsealable:
        return (
            None  # the tag is compared in constant time; a wrong key and a changed slot look alike
        )
