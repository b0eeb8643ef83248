"""A keyholder's browser among machines that die: every request ends, and says how it ended.

Forms are those that stood on a page; a form is pressed as a browser would send it. Of an answer
only what a person would see counts: where it led, its status, its words.
"""

import asyncio
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import aiohttp

from page_reader import FoundForm, Node, Page, parse

PATIENCE: Final = 30.0
"""Seconds for one page; a person would have given up before."""

Typed = Mapping[str, str | Sequence[str]]


class Gone(Exception):
    """No page came: the node is down, or broke off in the middle."""


class SignedOut(Exception):
    """The page is not shown to somebody who is not signed in."""


class Trouble(Exception):
    """A page that says what is wrong; ``page`` is it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        super().__init__(f"{page.status} {page.path}: {words(page)[:300]}")


@dataclass(frozen=True)
class Answered:
    """What followed a form: an address to go to, or a page."""

    status: int
    where: str | None
    page: Page | None
    body: bytes = b""


class Browser:
    """One person at one node. The address changes with every start of the node."""

    def __init__(self) -> None:
        self.base = ""
        self._client: aiohttp.ClientSession | None = None

    def point(self, port: int) -> None:
        """Where the node's pages are now."""
        self.base = f"http://127.0.0.1:{port}"

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    def client(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Accept": "text/html"}
            )
        return self._client

    async def get(self, path: str) -> Page:
        """A page, redirects followed; Gone, SignedOut or Trouble if it is not the one wanted."""
        found = await self._ask("GET", path, None, follow=True)
        assert found.page is not None
        if found.status >= 400:
            raise Trouble(found.page)
        if found.page.path.startswith("/sign-in") and not path.startswith("/sign-in"):
            raise SignedOut
        return found.page

    async def press(self, form: FoundForm, button: Node | None, typed: Typed) -> Answered:
        """Fill a form and press a button of it; Gone if no answer came."""
        form.fill(typed)
        return await self.send(form, button)

    async def send(self, form: FoundForm, button: Node | None) -> Answered:
        """Send a form as it stands, perhaps once more."""
        body = urlencode(form.pairs(button)).encode()
        return await self._ask("POST", form.action, body, follow=False)

    async def _ask(self, method: str, path: str, body: bytes | None, *, follow: bool) -> Answered:
        url = path if path.startswith("http") else self.base + path
        headers = {}
        if body is not None:
            headers = {"Origin": self.base, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self.client().request(
                    method,
                    url,
                    data=None if body is None else io.BytesIO(body),
                    headers=headers,
                    allow_redirects=follow,
                ) as answer,
            ):
                raw = await answer.read()
                where = answer.headers.get("Location") if answer.status == 303 else None
                page = None
                if where is None and answer.content_type == "text/html":
                    source = raw.decode("utf-8")
                    address = str(answer.url)
                    page = Page(answer.status, address, source, parse(source), answer.headers)
                return Answered(answer.status, where, page, raw)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Gone(f"{method}: {type(error).__name__}") from None


def words(page: Page) -> str:
    """What a page is about when it went wrong."""
    mains = page.root.all("main")
    text = page.problems or [mains[0].text if mains else page.text]
    return " ".join(" ".join(text).split())
