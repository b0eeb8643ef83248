"""Signed-in registrars: the key in memory only under a value that only their browser holds.

Law: between two requests the process's memory holds no registrar's key that could sign. A session
keeps the key's seed encrypted under a key derived from the cookie, and is found by another value
derived from it. It ends 30 minutes after its last request, 8 hours after it began, at sign-out and
with the process.
"""

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from nacl.exceptions import CryptoError
from nacl.secret import Aead

from referral_directory.registrars import Registrar
from referral_protocol.suite import Signer, derive

IDLE: Final = 30 * 60 * 1000
"""Longest pause between two requests, in milliseconds."""
WHOLE: Final = 8 * 3600 * 1000
"""Longest life of a session, in milliseconds."""

_SECRET_SIZE: Final = 32
_REMEMBERED: Final = 200
"""Forms whose outcome is remembered; a browser sends again within seconds, not after so many."""
_FIND: Final = b"referral-directory/1 session name\n"
_SEAL: Final = b"referral-directory/1 session key\n"


class SignedOut(Exception):
    """There is no such session any more, or the cookie is not its own."""


class Session:
    """One signed-in browser. Holds no key in the clear."""

    __slots__ = (
        "_sealed",
        "display",
        "done",
        "form_secret",
        "last_seen",
        "name",
        "pending",
        "public",
        "started_at",
        "told",
        "turn",
    )

    def __init__(self, registrar: Registrar, sealed: bytes, form_secret: bytes, now: int) -> None:
        self._sealed = sealed
        self.name = registrar.name
        self.display = registrar.display
        self.public = registrar.key.public
        self.form_secret = form_secret
        """32 bytes from which this session's form tokens are made."""
        self.told: str | None = None
        """What the next page tells about the last act, once."""
        self.pending: bytes | None = None
        """A new secret for codes that was shown, until a code of it has come."""
        self.done: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        """Forms that were carried out: a digest of what they held, and where they led."""
        self.turn = asyncio.Lock()
        """One form at a time: the same one sent twice is carried out once."""
        self.started_at = now
        self.last_seen = now

    def ended(self, now: int) -> bool:
        """Whether its time is up."""
        return now - self.last_seen >= IDLE or now - self.started_at >= WHOLE

    def key(self, cookie: str) -> Signer:
        """The registrar's key, to sign one thing with; SignedOut if the cookie is another one's."""
        secret = _secret(cookie)
        if secret is None or not self._sealed:
            raise SignedOut
        try:
            return Signer(Aead(derive(secret, _SEAL)).decrypt(self._sealed, self.public))
        except (CryptoError, ValueError):
            raise SignedOut from None

    def remember(self, nonce: str, content: bytes, where: str) -> None:
        """Keep where a form led, in case that the browser sends it again."""
        self.done[nonce] = (content, where)
        while len(self.done) > _REMEMBERED:
            self.done.popitem(last=False)

    def drop(self) -> None:
        """Forget the key and the rest."""
        self._sealed = self.form_secret = b""
        self.pending = None
        self.done.clear()

    def __repr__(self) -> str:
        return f"Session({self.name!r})"


class Sessions:
    """All sessions of this process. ``clock`` gives milliseconds UTC, ``random`` random bytes."""

    def __init__(self, clock: Callable[[], int], random: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._random = random
        self._all: dict[bytes, Session] = {}

    def create(self, registrar: Registrar) -> str:
        """Begin a session; returns the cookie's value, which is kept nowhere here."""
        secret = self._random(_SECRET_SIZE)
        box = Aead(derive(secret, _SEAL))
        nonce = self._random(Aead.NONCE_SIZE)
        sealed = bytes(box.encrypt(registrar.key.seed(), registrar.key.public, nonce))
        self._all[derive(secret, _FIND)] = Session(
            registrar, sealed, self._random(32), self._clock()
        )
        return base64.urlsafe_b64encode(secret).decode("ascii").rstrip("=")

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, which counts as a request; None if it has ended."""
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

    def end_others(self, cookie: str, registrar: str) -> None:
        """End every other session of a registrar, who has changed what signs in."""
        mine = self.find(cookie)
        for name, session in list(self._all.items()):
            if session.name == registrar and session is not mine:
                self._end(name)

    def end_all(self) -> None:
        """End every session: the process stops."""
        for name in list(self._all):
            self._end(name)

    def sweep(self, acting: frozenset[bytes]) -> None:
        """End what timed out, and the sessions of whoever is no registrar any more."""
        now = self._clock()
        for name, session in list(self._all.items()):
            if session.ended(now) or session.public not in acting:
                self._end(name)

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
