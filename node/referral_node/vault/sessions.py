"""Signed-in people: the master key in memory only under a value that only their browser holds.

Law: between two requests the process's memory holds no key that opens anything. A session keeps the
master key encrypted under a key derived from the cookie, and is itself found by another value
derived from it, so a copy of the memory opens nothing without the cookie. A session ends 30 minutes
after its last request, 8 hours after it began, at sign-out and with the process; whatever was made
from cases for it (the index for search) goes with it, and a vault that is open for it at that
moment is closed.
"""

import base64
import binascii
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from referral_node.vault.at_rest import Unsealable, seal, unseal
from referral_node.vault.vault import UnlockedVault
from referral_protocol.suite import derive

IDLE: Final = 30 * 60 * 1000
"""Longest pause between two requests, in milliseconds."""
WHOLE: Final = 8 * 3600 * 1000
"""Longest life of a session, in milliseconds."""

_SECRET_SIZE: Final = 32
_FIND: Final = b"referral-node/1 session name\n"
_SEAL: Final = b"referral-node/1 session key\n"


class SignedOut(Exception):
    """There is no such session any more, or the cookie is not its own."""

    def __init__(self) -> None:
        super().__init__("you are signed out: sign in again")


@dataclass(frozen=True, slots=True)
class User:
    """A keyholder, as the table ``users`` has them."""

    id: bytes
    name: str
    display: str
    role: str

    def __repr__(self) -> str:
        return f"User({self.id.hex()})"


class Session:
    """One signed-in browser. Holds no key in the clear."""

    __slots__ = (
        "_name",
        "_open",
        "_sealed_master",
        "_sealed_vault_key",
        "form_secret",
        "index",
        "last_seen",
        "started_at",
        "user",
    )

    def __init__(
        self, name: bytes, user: User, form_secret: bytes, sealed: tuple[bytes, bytes], now: int
    ) -> None:
        self._name = name
        self._sealed_master, self._sealed_vault_key = sealed
        self._open: weakref.WeakSet[_Held] = weakref.WeakSet()
        self.user = user
        self.form_secret = form_secret
        """32 bytes from which this session's form tokens are made."""
        self.index: object | None = None
        """What was built from cases for this session; gone with it."""
        self.started_at = now
        self.last_seen = now

    def ended(self, now: int) -> bool:
        """Whether its time is up."""
        return now - self.last_seen >= IDLE or now - self.started_at >= WHOLE

    @contextmanager
    def open(self, cookie: str) -> Iterator[UnlockedVault]:
        """The vault, for the length of one request; SignedOut if the cookie is another one's."""
        secret = _secret(cookie)
        if secret is None or not self._sealed_master:
            raise SignedOut
        place = ("sessions", self._name, 1)
        try:
            master = unseal(derive(secret, _SEAL), self._sealed_master, place=place)
        except Unsealable:
            raise SignedOut from None
        held = _Held(UnlockedVault.load(master, self._sealed_vault_key))
        del master, secret
        self._open.add(held)
        try:
            yield held.vault
        finally:
            self._open.discard(held)
            held.vault.close()

    def turn(self, sealed_vault_key: bytes) -> None:
        """The vault's key is another one now; under the same master key."""
        self._sealed_vault_key = sealed_vault_key

    def drop(self) -> None:
        """Forget everything, and close what is open for it now."""
        self._sealed_master = self._sealed_vault_key = self.form_secret = b""
        self.index = None
        for held in list(self._open):
            held.vault.close()

    def __repr__(self) -> str:
        return f"Session({self.user!r})"


class _Held:
    """An open vault that a weak set may name."""

    __slots__ = ("__weakref__", "vault")

    def __init__(self, vault: UnlockedVault) -> None:
        self.vault = vault


class Sessions:
    """All sessions of this process. ``clock`` gives milliseconds UTC, ``entropy`` random bytes."""

    def __init__(self, clock: Callable[[], int], entropy: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._entropy = entropy
        self._all: dict[bytes, Session] = {}

    def create(self, user: User, vault: UnlockedVault) -> str:
        """Begin a session; returns the cookie's value, which is kept nowhere here."""
        secret = self._entropy(_SECRET_SIZE)
        name = derive(secret, _FIND)
        sealed = seal(derive(secret, _SEAL), vault.master(), place=("sessions", name, 1))
        self._all[name] = Session(
            name, user, self._entropy(32), (sealed, vault.sealed_vault_key), self._clock()
        )
        return base64.urlsafe_b64encode(secret).decode("ascii").rstrip("=")

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, which counts as a request; None if it has ended.

        The look-up is by a one-way function of the cookie: how long it takes tells nothing of use.
        """
        secret = _secret(cookie)
        if secret is None:
            return None
        name = derive(secret, _FIND)
        session = self._all.get(name)
        if session is None:
            return None
        now = self._clock()
        if session.ended(now):
            self._end(name)
            return None
        session.last_seen = now
        return session

    def end(self, cookie: str) -> None:
        """Sign out. An unknown cookie is signed out already."""
        secret = _secret(cookie)
        if secret is not None:
            self._end(derive(secret, _FIND))

    def end_user(self, user: bytes) -> int:
        """End every session of a person who may no longer sign in; returns how many."""
        names = [name for name, session in self._all.items() if session.user.id == user]
        for name in names:
            self._end(name)
        return len(names)

    def turn(self, sealed_vault_key: bytes) -> None:
        """The vault has another key: every session signs with it from its next request on."""
        for session in self._all.values():
            session.turn(sealed_vault_key)

    def end_all(self) -> None:
        """End every session: the node stops, or the vault has another master key."""
        for name in list(self._all):
            self._end(name)

    def sweep(self) -> int:
        """End what timed out; called every minute, as a closed browser sends no request."""
        now = self._clock()
        ended = [name for name, session in self._all.items() if session.ended(now)]
        for name in ended:
            self._end(name)
        return len(ended)

    def __len__(self) -> int:
        return len(self._all)

    def _end(self, name: bytes) -> None:
        session = self._all.pop(name, None)
        if session is not None:
            session.drop()


def _secret(cookie: str) -> bytes | None:
    """The 32 bytes of a cookie's value, or None; one value has one spelling."""
    if len(cookie) != 43 or not cookie.isascii():
        return None
    try:
        secret = base64.b64decode(cookie + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    spelled = base64.urlsafe_b64encode(secret).decode("ascii").rstrip("=")
    return secret if spelled == cookie else None
