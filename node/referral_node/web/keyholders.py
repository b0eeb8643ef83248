"""Who may sign in: a name and a password become an open vault, and the session of it.

Law: what is said of a wrong name and of a wrong password is the same, and takes the same time.
"""

from referral_node.store import Store
from referral_node.vault import Password, SignIn, Slot, UnlockedVault, User, WrongSecret
from referral_node.vault.vault import VAULT_KEY


async def open_vault(
    store: Store, sign_in: SignIn, name: str, password: Password
) -> tuple[User, UnlockedVault]:
    """The person and the open vault. WrongSecret, TooManyAttempts, Busy or NoMemory otherwise."""
    row = await store.row(
        "SELECT id, name, display, role FROM users WHERE name = ? AND ended_at IS NULL",
        (name.strip(),),
    )
    slots: list[Slot] = []
    if row is not None:
        found = await store.rows(
            "SELECT id, kind, user, parameters, wrapped, made_at FROM slots "
            "WHERE kind = 'password' AND user = ?",
            (row["id"],),
        )
        slots = [Slot(*each) for each in found]
    master = await sign_in.open(name, password, slots)
    secret = await store.row("SELECT sealed FROM secrets WHERE name = ?", (VAULT_KEY,))
    if row is None or secret is None:
        raise WrongSecret
    user = User(bytes(row["id"]), row["name"], row["display"], row["role"])
    return user, UnlockedVault.load(master, bytes(secret["sealed"]))
