"""The one way in which this node speaks HTTP to others: bounded, without redirects, pinned.

Law: an answer is read up to its limit and within its time, or it is an error; a redirect is an
error; with pins only the pins count. Addresses and payloads never enter an error's text.
"""

import asyncio
import hashlib
import io
import ssl
from typing import Final

import aiohttp
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from referral_protocol.retry import LONGEST

CONNECT: Final = 10.0
WHOLE: Final = 60.0


class Unreachable(Exception):
    """No usable answer. ``left``: the request may have arrived. ``code`` is for the log; ``wait``:
    milliseconds for which the other side asked to be left alone."""

    def __init__(self, code: str, *, left: bool, status: int | None = None, wait: int = 0) -> None:
        self.code = code
        self.left = left
        self.status = status
        self.wait = wait
        super().__init__(code)


class Answer:
    """Status, selected headers and the whole body of an answer."""

    __slots__ = ("body", "etag", "retry_after", "status")

    def __init__(self, status: int, body: bytes, etag: str | None, retry_after: str | None) -> None:
        self.status = status
        self.body = body
        self.etag = etag
        self.retry_after = retry_after

    @property
    def wait(self) -> int:
        """Milliseconds of Retry-After, at most the longest wait of all; 0 if it names no number."""
        text = self.retry_after or ""
        if not (text.isascii() and text.isdigit() and len(text) < 8):
            return 0
        return min(LONGEST, int(text) * 1000)


class PinnedKeys(aiohttp.Fingerprint):
    """Accept a server by the SHA-256 of its public key (SubjectPublicKeyInfo) alone."""

    def __init__(self, pins: tuple[bytes, ...]) -> None:
        super().__init__(pins[0])
        self._pins = frozenset(pins)

    def check(self, transport: asyncio.Transport) -> None:
        """Raise if the server's key is not one of the pins. Called by aiohttp on connection."""
        channel: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        der = channel.getpeercert(binary_form=True) if channel is not None else None
        if der is None:
            return  # plain HTTP on loopback
        key = load_der_x509_certificate(der).public_key()
        got = hashlib.sha256(
            key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).digest()
        if got not in self._pins:
            raise aiohttp.ServerFingerprintMismatch(self.fingerprint, got, "", 0)


class Http:
    """A client session with this node's limits."""

    def __init__(self) -> None:
        timeout = aiohttp.ClientTimeout(total=WHOLE, sock_connect=CONNECT)
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "referral-node"},
            trust_env=False,
            connector=aiohttp.TCPConnector(limit=64, limit_per_host=8),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        limit: int,
        data: bytes | None = None,
        content_type: str | None = None,
        pins: tuple[bytes, ...] = (),
        etag: str | None = None,
    ) -> Answer:
        """One request; its answer of at most ``limit`` bytes, whatever the status.

        Raises Unreachable, with ``left`` True unless it is certain that nothing arrived.
        """
        headers = {}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if etag is not None:
            headers["If-None-Match"] = etag
        try:
            async with self._session.request(
                method,
                url,
                # As a stream: aiohttp warns of a megabyte handed over in one piece.
                data=None if data is None else io.BytesIO(data),
                headers=headers,
                allow_redirects=False,
                ssl=PinnedKeys(pins) if pins else True,
            ) as response:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise Unreachable("content-encoding", left=True, status=response.status)
                body = await _read(response, limit)
                return Answer(
                    response.status,
                    body,
                    response.headers.get("ETag"),
                    response.headers.get("Retry-After"),
                )
        except aiohttp.ClientConnectorError:
            raise Unreachable("connect", left=False) from None
        except aiohttp.ServerFingerprintMismatch:
            raise Unreachable("wrong-tls-key", left=False) from None
        except TimeoutError:
            raise Unreachable("time-out", left=True) from None
        except aiohttp.InvalidURL:
            raise Unreachable("bad-endpoint", left=False) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise Unreachable("connection", left=True) from None


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    length = response.content_length
    if length is not None and length > limit:
        raise Unreachable("too-large", left=True, status=response.status)
    pieces = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        pieces += piece
        if len(pieces) > limit:
            raise Unreachable("too-large", left=True, status=response.status)
    return bytes(pieces)
