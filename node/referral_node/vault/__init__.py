"""The vault: what turns secrets and cases into bytes that may lie on a disk, and back.

Law: nothing here knows SQL, a file or a socket. The master key exists in the clear only inside an
:class:`UnlockedVault`, which lives for one request of a signed-in keyholder or one command for
which a keyholder gave a password. Secrets show neither in ``repr`` nor in an error.

What Python cannot do: ``bytes`` are never overwritten, only let go, so a key that was used may stay
in freed memory until that is used again, and the system may have written it to swap. Whoever reads
the memory of a running node while a keyholder is signed in has won; the threat model says so.
"""

from referral_node.vault.at_rest import Place, Unsealable, seal, unseal
from referral_node.vault.sessions import Session, Sessions, SignedOut, User
from referral_node.vault.signin import SignIn, TooManyAttempts
from referral_node.vault.slots import (
    FLOOR,
    PRODUCTION,
    BelowFloor,
    KdfCost,
    Kit,
    Password,
    Slot,
    SlotKeys,
    WrongSecret,
    check_floor,
)
from referral_node.vault.vault import CaseKey, UnlockedVault, VaultClosed

__all__ = [
    "FLOOR",
    "PRODUCTION",
    "BelowFloor",
    "CaseKey",
    "KdfCost",
    "Kit",
    "Password",
    "Place",
    "Session",
    "Sessions",
    "SignIn",
    "SignedOut",
    "Slot",
    "SlotKeys",
    "TooManyAttempts",
    "UnlockedVault",
    "Unsealable",
    "User",
    "VaultClosed",
    "WrongSecret",
    "check_floor",
    "seal",
    "unseal",
]
