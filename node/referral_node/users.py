"""The people who may open the vault: keyholders, their sign-in names, their slots.

Law: whoever is added gets the master key from a keyholder who has it (by password, or the recovery
kit), never from the program: an administrator alone can end a person's access, and give it to
nobody. Someone who was ended stays in the record under the same name, which is not given again.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from referral_node.exchange.rows import audit
from referral_node.store import Store, Tx
from referral_node.trouble import Trouble
from referral_node.vault.sessions import User
from referral_node.vault.signin import SignIn
from referral_node.vault.slots import Kit, Password, Slot, SlotKeys
from referral_node.vault.vault import VAULT_KEY, UnlockedVault

POINT_OF_CONTACT: Final = "point-of-contact"
DEPUTY: Final = "deputy"
ROLES: Final = (POINT_OF_CONTACT, DEPUTY)
"""The roles that may open the vault (DOMAIN: keyholders)."""

MAX_NAME: Final = 64
MAX_DISPLAY: Final = 120


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the list of users. ``ended_at`` None: may sign in; ``mail``: where they are told
    that something waits; ``away``: their days away that are not over, each "first to last"."""

    name: str
    display: str
    role: str
    made_at: int
    ended_at: int | None
    mail: str | None = None
    away: str = ""


def sign_in_name(text: str) -> str:
    """A sign-in name as it is stored and compared: composed, lower case; Trouble if unusable."""
    name = unicodedata.normalize("NFC", text.strip()).casefold()
    if not name or len(name) > MAX_NAME:
        raise Trouble(f"a sign-in name has 1 to {MAX_NAME} characters")
    if not all(c.isalnum() or c in "._@-" for c in name):
        raise Trouble("a sign-in name has only letters, digits and . _ @ -")
    return name


def display_name(text: str) -> str:
    """A person's name as others see it; Trouble if it cannot be shown."""
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    if not name or len(name) > MAX_DISPLAY:
        raise Trouble(f"a person's name has 1 to {MAX_DISPLAY} characters")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") for c in name):
        raise Trouble("a person's name holds a character that cannot be shown")
    return name


def known_role(text: str) -> str:
    """A role that may open the vault."""
    if text not in ROLES:
        raise Trouble(f"the role is one of {', '.join(ROLES)}")
    return text


async def find_user(store: Store, name: str) -> User | None:
    """Who signs in under a name now, or None."""
    row = await store.row(
        "SELECT id, name, display, role FROM users WHERE name = ? AND ended_at IS NULL",
        (unicodedata.normalize("NFC", name.strip()).casefold(),),
    )
    if row is None:
        return None
    return User(bytes(row["id"]), row["name"], row["display"], row["role"])


async def all_users(store: Store, day: str = "") -> list[Person]:
    """Everybody who may or could sign in, those who still may first; absences from ``day`` on."""
    rows = await store.rows(
        "SELECT u.id, u.name, u.display, u.role, u.made_at, u.ended_at, a.address FROM users u "
        "LEFT JOIN mail_addresses a ON a.user = u.id "
        "ORDER BY u.ended_at IS NOT NULL, u.made_at, u.name"
    )
    away: dict[bytes, list[str]] = {}
    for row in await store.rows(
        "SELECT user, first, last FROM absences WHERE last >= ? ORDER BY first", (day,)
    ):
        away.setdefault(bytes(row["user"]), []).append(f"{row['first']} to {row['last']}")
    return [
        Person(
            r["name"],
            r["display"],
            r["role"],
            r["made_at"],
            r["ended_at"],
            r["address"],
            ", ".join(away.get(bytes(r["id"]), [])),
        )
        for r in rows
    ]


async def all_slots(store: Store) -> list[Slot]:
    """Every slot, for :func:`~referral_node.vault.slots.check_floor`."""
    return await _slots(store, "1 = 1", ())


async def sign_in(
    store: Store, door: SignIn, name: str, password: Password
) -> tuple[User, UnlockedVault]:
    """A keyholder and their open vault.

    WrongSecret and TooManyAttempts say the same whether the name exists or not.
    """
    user = await find_user(store, name)
    slots = [] if user is None else await _slots(store, "user = ?", (user.id,))
    master = await door.open(name, password, slots)
    if user is None:  # no slot, no master key: never reached
        raise RuntimeError("a vault opened for nobody")
    return user, await _vault(store, master)


async def open_with_kit(store: Store, keys: SlotKeys, kit: Kit) -> UnlockedVault:
    """The vault, by the printed recovery kit; WrongSecret if it is another one."""
    master = await keys.open_slots(kit, await _slots(store, "kind = 'kit'", ()))
    return await _vault(store, master)


async def add_user(
    store: Store,
    keys: SlotKeys,
    vault: UnlockedVault,
    by: User | None,
    user: User,
    password: Password,
    now: int,
) -> None:
    """Admit a keyholder. ``by``: who opened the vault; None: the kit did."""
    slot = await keys.password_slot(password, vault.master(), user=user.id, now=now)

    async def work(tx: Tx) -> None:
        if await tx.row("SELECT 1 FROM users WHERE name = ?", (user.name,)) is not None:
            raise Trouble(f"{user.name}: this sign-in name is or was somebody's: choose another")
        await insert_user(tx, user, now)
        await insert_slot(tx, slot)
        await audit(tx, now, None if by is None else by.id, "user-added", user.id, user.role)

    await store.write(work)


async def reset_password(
    store: Store,
    keys: SlotKeys,
    vault: UnlockedVault,
    by: User | None,
    name: str,
    password: Password,
    now: int,
) -> User:
    """Give a keyholder a new password; the old one opens nothing any more."""
    user = await present(store, name)
    slot = await keys.password_slot(password, vault.master(), user=user.id, now=now)

    async def work(tx: Tx) -> None:
        await tx.execute("DELETE FROM slots WHERE user = ?", (user.id,))
        await insert_slot(tx, slot)
        await audit(tx, now, None if by is None else by.id, "password-reset", user.id)

    await store.write(work)
    return user


async def end_user(store: Store, name: str, now: int) -> User:
    """End a person's access. The last keyholder stays: nobody could open the vault after them."""
    user = await present(store, name)

    async def work(tx: Tx) -> None:
        others = await tx.row(
            "SELECT COUNT(*) FROM users WHERE ended_at IS NULL AND id <> ?", (user.id,)
        )
        if others is None or not others[0]:
            raise Trouble(f"{user.name} is the last keyholder: add another one first")
        await tx.execute("DELETE FROM slots WHERE user = ?", (user.id,))
        await tx.execute("UPDATE users SET ended_at = ? WHERE id = ?", (now, user.id))
        # Where they were told, and when they were away, is nobody's business any more.
        for table in ("mail_addresses", "absences"):
            await tx.execute(f"DELETE FROM {table} WHERE user = ?", (user.id,))  # noqa: S608 - one of two names
        await audit(tx, now, None, "user-ended", user.id)

    await store.write(work)
    return user


def new_user(name: str, display: str, role: str, entropy: Callable[[int], bytes]) -> User:
    """A person to be added, their names checked."""
    return User(entropy(16), sign_in_name(name), display_name(display), known_role(role))


async def insert_user(tx: Tx, user: User, now: int) -> None:
    """The row of a new person."""
    await tx.execute(
        "INSERT INTO users (id, name, display, role, made_at, ended_at) "
        "VALUES (?, ?, ?, ?, ?, NULL)",
        (user.id, user.name, user.display, user.role, now),
    )


async def insert_slot(tx: Tx, slot: Slot) -> None:
    """The row of a new slot."""
    await tx.execute(
        "INSERT INTO slots (id, kind, user, parameters, wrapped, made_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        slot,
    )


async def present(store: Store, name: str) -> User:
    """Who signs in under a name now; Trouble if nobody does."""
    user = await find_user(store, name)
    if user is None:
        raise Trouble(f"nobody signs in as {name!r}: `referral node users` lists them")
    return user


async def _vault(store: Store, master: bytes) -> UnlockedVault:
    row = await store.row("SELECT sealed FROM secrets WHERE name = ?", (VAULT_KEY,))
    if row is None:
        raise Trouble("the vault key is missing from the database: restore the last backup")
    return UnlockedVault.load(master, bytes(row["sealed"]))


async def _slots(store: Store, where: str, params: tuple[bytes, ...]) -> list[Slot]:
    rows = await store.rows(
        # `where` is one of three literals of this module
        f"SELECT id, kind, user, parameters, wrapped, made_at FROM slots WHERE {where}",  # noqa: S608 - see above
        params,
    )
    return [
        Slot(
            bytes(row["id"]),
            row["kind"],
            None if row["user"] is None else bytes(row["user"]),
            bytes(row["parameters"]),
            bytes(row["wrapped"]),
            row["made_at"],
        )
        for row in rows
    ]
