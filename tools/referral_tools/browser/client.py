"""The part of the browser that fetches: addresses, cookies, redirects, where a form came from.

Names that end in ``.localhost`` lead to this machine, as browsers have it and not every resolver.
"""

import asyncio
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self
from urllib.parse import urldefrag, urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from referral_tools.browser.errors import NotThere
from referral_tools.browser.forms import URLENCODED, Form, Submission
from referral_tools.browser.page import Page, page_of

SECONDS: Final = 30.0
MOST_BYTES: Final = 64 * 1024 * 1024
MOST_REDIRECTS: Final = 10
_NAMED: Final = re.compile(r'filename="([^"\\/]+)"')


@dataclass(frozen=True)
class Download:
    """What came instead of a page. ``name``: what the server calls the file, "" if nothing."""

    url: str
    media_type: str
    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class _Answer:
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Browser:
    """One person's browser, with cookies of its own. Use it as an async context manager."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=_Resolver(), limit=8),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=seconds),
            headers={"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en"},
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.close()

    async def open(self, url: str) -> Page:
        """A page by its address; NotThere if something else comes, OSError if nobody answers."""
        return _page(await self._fetch(Submission("GET", url, ()), None))

    async def weigh(self, url: str) -> tuple[int, int]:
        """Status and bytes of whatever comes, unread: for who measures a server."""
        answer = await self._fetch(Submission("GET", url, ()), None)
        return answer.status, len(answer.body)

    async def reload(self, page: Page) -> Page:
        """The same page again."""
        return _page(await self._fetch(Submission("GET", page.url, ()), page.url))

    async def follow(self, page: Page, link: str) -> Page:
        """Press the link with these words."""
        return _page(await self._fetch(Submission("GET", page.link(link), ()), page.url))

    async def press(self, form: Form, button: str) -> Page:
        """Press a button of a form."""
        return _page(await self._fetch(form.press(button), form.base))

    async def save(self, page: Page, words: str) -> Download:
        """Press the link or the button with these words and keep the file that comes."""
        if page.has_button(words):
            asked = page.form(words).press(words)
        else:
            asked = Submission("GET", page.link(words), ())
        answer = await self._fetch(asked, page.url)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if answer.status != 200 or kind == "text/html":
            raise NotThere(f"“{words}” on {page.where} gave no file but {_said(answer)}")
        named = _NAMED.search(answer.headers.get("Content-Disposition", ""))
        return Download(answer.url, kind, named[1] if named else "", answer.body)

    async def _fetch(self, asked: Submission, source: str | None) -> _Answer:
        """Send it as coming from the page ``source``, then go where redirects lead."""
        method, url, body = asked.method, asked.url, asked.body if asked.method == "POST" else None
        origin = _origin(source) if source is not None else ""
        for _ in range(MOST_REDIRECTS):
            if origin and _origin(url) != origin:
                raise NotThere(f"{source} leads to another address, {url}: not followed")
            headers = {"Sec-Fetch-Site": "same-origin" if origin else "none"}
            if source is not None:
                headers["Referer"] = urldefrag(source).url
            if body is not None:
                headers |= {"Origin": origin, "Content-Type": URLENCODED}
            answer = await self._once(method, url, headers, body)
            place = answer.headers.get("Location", "")
            if answer.status not in (301, 302, 303, 307, 308) or not place:
                return answer
            url = urldefrag(urljoin(url, place)).url
            if answer.status not in (307, 308):
                method, body = "GET", None
        raise NotThere(f"{asked.url} leads from one address to the next without end")

    async def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> _Answer:
        try:
            async with self._client.request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                data = await response.content.read(MOST_BYTES + 1)
                while len(data) <= MOST_BYTES and (more := await response.content.read(MOST_BYTES)):
                    data += more
                if len(data) > MOST_BYTES:
                    raise NotThere(f"{url} answers with more than {MOST_BYTES} bytes")
                return _Answer(url, response.status, response.headers.copy(), data)
        except TimeoutError:
            raise OSError(f"{url} does not answer in time") from None
        except aiohttp.ClientError as error:
            raise OSError(f"{url} does not answer ({type(error).__name__})") from None


def _page(answer: _Answer) -> Page:
    return page_of(answer.url, answer.status, answer.headers, answer.body)


def _said(answer: _Answer) -> str:
    try:
        page = _page(answer)
    except NotThere:
        return f"status {answer.status}"
    return f"{page.where}: {'; '.join(page.problems) or page.excerpt()}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _Resolver(AbstractResolver):
    """``*.localhost`` is this machine; all else as the system has it."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        name = host.rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            addresses = ["127.0.0.1"]
        else:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM, family=socket.AF_INET
            )
            addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept open."""
