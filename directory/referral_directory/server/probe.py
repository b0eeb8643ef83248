"""Does a node answer where an applicant says, and with the key that it says (DIRECTORY 5.3)?

Law: a hint for the registrar, never a condition: a node that is being set up may not be reachable
yet. We ask nothing but ``GET /v1/prekey``, read little, wait little, follow nothing, and connect to
no private address: an applicant must not be able to send us into somebody's inner network.
"""

import asyncio
import hashlib
import ipaddress
import socket
import ssl
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from referral_protocol.certificates import (
    verify_certificate,
    verify_transport_prekey,
)
from referral_protocol.directory.endpoints import parse_endpoint
from referral_protocol.directory.entries import Card
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import member_id
from referral_protocol.receipts import MAX_PREKEY_ANSWER, parse_prekey_answer

MAX_ANSWER: Final = MAX_PREKEY_ANSWER
WHOLE: Final = 10.0

GOOD: Final = "answers"
PRIVATE: Final = "private-address"
SILENT: Final = "no-answer"
TLS: Final = "tls"
ODD: Final = "odd-answer"
WRONG_KEY: Final = "wrong-key"

WORDS: Final = {
    GOOD: "answers, with the key of this request",
    PRIVATE: "is on a private address: other members cannot reach it",
    SILENT: "does not answer",
    TLS: "answers, but its TLS certificate does not hold",
    ODD: "answers, but not as a node does",
    WRONG_KEY: "answers, but with another key than this request has",
}


class PrivateAddress(OSError):
    """The name leads into a private network."""


class PublicResolver(AbstractResolver):
    """Resolves names and gives public addresses only; aiohttp connects to exactly these."""

    def __init__(self, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host == "localhost" or host.endswith(".localhost"):
            found = [(socket.AF_INET, "127.0.0.1")]  # RFC 6761, whatever the system says
        else:
            loop = asyncio.get_running_loop()
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [(info[0], str(info[4][0])) for info in infos]
        if any(not may_ask(address, self._allow_loopback) for _, address in found):
            raise PrivateAddress(PRIVATE)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)
            for kind, address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


def may_ask(address: str, allow_loopback: bool) -> bool:
    """Whether we connect to this address at all."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.is_loopback:
        return allow_loopback
    return parsed.is_global and not parsed.is_multicast


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
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        got = hashlib.sha256(spki).digest()
        if got not in self._pins:
            raise aiohttp.ServerFingerprintMismatch(self.fingerprint, got, "", 0)


async def probe(card: Card, now: int, *, allow_loopback: bool, member: bytes | None = None) -> str:
    """Ask the endpoint of a card; one of the codes of WORDS.

    ``member``: whose card it is; None: of one that has never changed its vault key.
    """
    try:
        endpoint = parse_endpoint(card.endpoint, allow_loopback)
        literal = ipaddress.ip_address(endpoint.host)
    except ProtocolError:
        return PRIVATE
    except ValueError:
        pass  # a name: the resolver looks
    else:
        if not may_ask(str(literal), allow_loopback):
            return PRIVATE
    try:
        body = await _fetch(card, allow_loopback)
    except PrivateAddress:
        return PRIVATE
    except aiohttp.ClientConnectorError as error:
        return PRIVATE if isinstance(error.os_error, PrivateAddress) else _connection(error)
    except (aiohttp.ServerFingerprintMismatch, aiohttp.ClientSSLError, ssl.SSLError):
        return TLS
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return SILENT
    return ODD if body is None else _judge(body, card, member or member_id(card.vault_key), now)


def _connection(error: aiohttp.ClientConnectorError) -> str:
    return TLS if isinstance(error, aiohttp.ClientSSLError) else SILENT


async def _fetch(card: Card, allow_loopback: bool) -> bytes | None:
    """The body of the answer, or None if it is not a short one of status 200."""
    connector = aiohttp.TCPConnector(resolver=PublicResolver(allow_loopback), use_dns_cache=False)
    async with (
        aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=WHOLE),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": "referral-directory", "Accept-Encoding": "identity"},
        ) as session,
        session.get(
            card.endpoint + "/v1/prekey",
            allow_redirects=False,
            ssl=PinnedKeys(card.pins) if card.pins else True,
        ) as response,
    ):
        if response.status != 200:
            return None
        body = bytearray()
        async for piece in response.content.iter_chunked(4096):
            body += piece
            if len(body) > MAX_ANSWER:
                return None
        return bytes(body)


def _judge(body: bytes, card: Card, member: bytes, now: int) -> str:
    try:
        answer = parse_prekey_answer(body)
    except ProtocolError:
        return ODD
    try:
        certificate = verify_certificate(answer.certificate, member, card.vault_key)
        if certificate.node_key != card.node_key:
            return WRONG_KEY
        verify_transport_prekey(answer.prekey, member, card.node_key, now)
    except ProtocolError as error:
        return WRONG_KEY if error.code in ("wrong-key", "bad-signature", "bad-key") else ODD
    return GOOD
