"""Form tokens: a form that somebody else's page submits in our person's name is not accepted.

A token is an HMAC over who the form was drawn for and the path it posts to. It needs no storage,
serves no other session and no other form, and dies with the key, which a composition root draws at
start (a session does not outlive the process either). Before sign-in the session is a visitor: a
random cookie that means nothing else. Tokens stand beside the origin check in `http`, not in its
place.
"""

import hashlib
import hmac
import re

from aiohttp import web

FIELD = "token"
VISITOR_COOKIE = "visitor"
KEY_BYTES = 32


class FormTokens:
    """Makes and checks tokens under one key of 32 random bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a form token key has {KEY_BYTES} bytes")
        self._key = key

    def make(self, session: str, action: str) -> str:
        """The token for a form of this session (or visitor) that posts to this path."""
        # Lengths first, so that no two pairs of session and path read the same.
        said = b"form token 1\0%d\0%s\0%s" % (len(session), session.encode(), action.encode())
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()

    def check(self, session: str, action: str, given: str) -> bool:
        """Whether it is that token; takes the same time for every wrong one."""
        return hmac.compare_digest(self.make(session, action).encode(), given.encode())


def visitor(request: web.Request) -> str | None:
    """Who has not signed in yet, by their cookie; None without a well-formed one."""
    given = request.cookies.get(VISITOR_COOKIE, "")
    return given if re.fullmatch(r"[0-9a-f]{32}", given) else None


def remember_visitor(response: web.StreamResponse, random16: bytes, *, secure: bool) -> str:
    """Give a visitor a cookie of 16 random bytes; returns what `visitor` will read from it."""
    value = random16.hex()
    response.set_cookie(
        VISITOR_COOKIE, value, httponly=True, samesite="Strict", secure=secure, path="/"
    )
    return value
