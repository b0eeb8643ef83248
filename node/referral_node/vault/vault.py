"""The open vault: the organisation's word and the keys of its cases.

Law: every value that leaves is sealed to its place. A case's content is sealed under the case's own
key, which is wrapped by the master key: destroying the wrapped key erases the case, and nothing
else needs to be found and overwritten. After :meth:`UnlockedVault.close` nothing here works any
more, also for those who still hold a reference.
"""

from typing import Final

from referral_node.vault.at_rest import KEY_SIZE, Place, seal, unseal
from referral_protocol.keys import prekey_id
from referral_protocol.suite import Opener, Signer

VAULT_KEY: Final = "vault-key"
"""Name of the vault key's row in the table ``secrets``."""


class VaultClosed(Exception):
    """The vault was closed: the person signed out, or the time was up."""

    def __init__(self) -> None:
        super().__init__("you are signed out: sign in again")


class CaseKey:
    """The key of one thread or draft. Seals what is stored of it."""

    __slots__ = ("_key", "_thread")

    def __init__(self, thread: bytes, key: bytes) -> None:
        self._thread = thread
        self._key = key

    def seal(self, plain: bytes, place: Place) -> bytes:
        """Encrypt for one place (table, row, version)."""
        return seal(self._key, plain, place=place)

    def unseal(self, sealed: bytes, place: Place) -> bytes:
        """Decrypt; raises :class:`~referral_node.vault.at_rest.Unsealable`."""
        return unseal(self._key, sealed, place=place)

    def __repr__(self) -> str:
        return f"CaseKey({self._thread.hex()})"


class UnlockedVault:
    """The master key in use, and the vault key with it. Made by :meth:`load` or :meth:`found`."""

    __slots__ = ("_master", "_openers", "_sealed_vault_key", "_signer")

    def __init__(self, master: bytes, sealed_vault_key: bytes, signer: Signer) -> None:
        self._master: bytes | None = master
        self._sealed_vault_key = sealed_vault_key
        self._signer: Signer | None = signer
        self._openers: dict[bytes, Opener] = {}

    @classmethod
    def load(cls, master: bytes, sealed_vault_key: bytes) -> "UnlockedVault":
        """Open with the master key and the sealed ``vault-key``; Unsealable if they do not fit."""
        seed = unseal(master, sealed_vault_key, place=secret_place(VAULT_KEY))
        return cls(master, sealed_vault_key, Signer(seed))

    @classmethod
    def found(cls, master: bytes, vault_seed: bytes) -> "UnlockedVault":
        """A new vault from 32 random bytes for each of its two first keys."""
        sealed = seal(master, vault_seed, place=secret_place(VAULT_KEY))
        return cls(master, sealed, Signer(vault_seed))

    @property
    def signer(self) -> Signer:
        """The vault key: signs what the organisation says."""
        if self._signer is None:
            raise VaultClosed
        return self._signer

    @property
    def sealed_vault_key(self) -> bytes:
        """What is stored as ``vault-key`` in ``secrets``."""
        return self._sealed_vault_key

    @property
    def closed(self) -> bool:
        return self._master is None

    def turn(self, sealed_vault_key: bytes) -> None:
        """Sign with another vault key of this vault from now on; Unsealable if it is another's."""
        seed = unseal(self._use(), sealed_vault_key, place=secret_place(VAULT_KEY))
        self._signer, self._sealed_vault_key = Signer(seed), sealed_vault_key

    def seal_vault_key(self, seed: bytes) -> bytes:
        """A new vault key from 32 random bytes, as it will be stored: sealed to its place."""
        return seal(self._use(), seed, place=secret_place(VAULT_KEY))

    def seal(self, plain: bytes, place: Place) -> bytes:
        """Encrypt under the master key for one place (table, row, version)."""
        return seal(self._use(), plain, place=place)

    def unseal(self, sealed: bytes, place: Place) -> bytes:
        """Decrypt; raises Unsealable."""
        return unseal(self._use(), sealed, place=place)

    def wrap_case_key(self, thread: bytes, key: bytes) -> bytes:
        """A case key as it is stored: wrapped for the one thread or draft that it belongs to."""
        if len(key) != KEY_SIZE:
            raise ValueError("a case key has 32 bytes")
        return seal(self._use(), key, place=_case_place(thread))

    def new_case_key(self, thread: bytes, key: bytes) -> tuple[CaseKey, bytes]:
        """A case key from 32 random bytes, in use and wrapped."""
        return CaseKey(thread, key), self.wrap_case_key(thread, key)

    def case_key(self, thread: bytes, wrapped: bytes) -> CaseKey:
        """The case key of a thread or draft; Unsealable if it is another one's."""
        return CaseKey(thread, unseal(self._use(), wrapped, place=_case_place(thread)))

    def seal_prekey(self, seed: bytes) -> tuple[bytes, bytes, bytes]:
        """A new case prekey from 32 random bytes: its id, its public half, its sealed seed."""
        public = Opener(seed).public
        name = prekey_id(public)
        return name, public, seal(self._use(), seed, place=_prekey_place(name))

    def open_prekey(self, prekey: bytes, sealed_seed: bytes) -> Opener:
        """The private half of a case prekey; kept while the vault is open, as parsing is slow."""
        master = self._use()
        if prekey not in self._openers:
            seed = unseal(master, sealed_seed, place=_prekey_place(prekey))
            self._openers[prekey] = Opener(seed)
        return self._openers[prekey]

    def master(self) -> bytes:
        """The master key, for a new slot or a session; never for showing or storing as it is."""
        return self._use()

    def close(self) -> None:
        """Let every key go. What was sealed stays sealed; what comes later gets VaultClosed."""
        self._master = None
        self._signer = None
        self._openers.clear()

    def _use(self) -> bytes:
        if self._master is None:
            raise VaultClosed
        return self._master

    def __repr__(self) -> str:
        return "UnlockedVault(closed)" if self.closed else "UnlockedVault(open)"


def secret_place(name: str) -> Place:
    """Where a named secret lies."""
    return "secrets", name.encode("utf-8"), 1


def _case_place(thread: bytes) -> Place:
    return "case key", thread, 1


def _prekey_place(prekey: bytes) -> Place:
    return "case_prekeys", prekey, 1
