"""Asking an applicant's endpoint: what it says, and where we do not let ourselves be sent."""

import asyncio
import hashlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from directory_server import made
from directory_world import card_of, id_of, seed, signer
from referral_directory.config import Tls
from referral_directory.server import probe as probing
from referral_directory.server.probe import (
    PinnedKeys,
    PrivateAddress,
    PublicResolver,
    may_ask,
    probe,
)
from referral_protocol.certificates import make_certificate, make_transport_prekey
from referral_protocol.suite import Opener
from referral_protocol.wire import encode

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def real_now() -> int:
    return time.time_ns() // 1_000_000


def prekey_answer(vault: str = "a vault", node: str = "a node", certified: str = "a node") -> bytes:
    """What a node of member ``a`` answers, with the keys that a test wants."""
    now = real_now()
    prekey = make_transport_prekey(signer(node), id_of("a"), Opener(seed("t")).public, now)
    certificate = make_certificate(signer(vault), id_of("a"), signer(certified).public, now)
    return encode((prekey, certificate, None))


def certified(folder: Path) -> tuple[ssl.SSLContext, bytes]:
    """A server's TLS with a certificate of its own making, and the pin of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "chain.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return context, hashlib.sha256(spki).digest()


@asynccontextmanager
async def answering(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on loopback that answers ``GET /v1/prekey`` so; its URL."""
    app = web.Application()
    app.add_routes([web.get("/v1/prekey", handler)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def always(body: bytes, status: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    return handler


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (always(prekey_answer()), "answers"),
        (always(prekey_answer(node="b node")), "wrong-key"),
        (always(prekey_answer(certified="b node")), "wrong-key"),
        (always(prekey_answer(vault="b vault")), "wrong-key"),
        (always(b"<html>"), "odd-answer"),
        (always(b""), "odd-answer"),
        (always(prekey_answer(), status=404), "odd-answer"),
        (always(b"", status=302), "odd-answer"),
        (always(bytes(1_000_000)), "odd-answer"),
    ],
)
async def test_what_an_endpoint_says(handler: Handler, expected: str) -> None:
    async with answering(handler) as url:
        card = card_of("a", endpoint=url)
        assert await probe(card, real_now(), allow_loopback=True) == expected
        assert await probe(card, real_now(), allow_loopback=False) == "private-address"


async def test_name_of_this_machine() -> None:
    async with answering(always(prekey_answer())) as url:
        named = card_of("a", endpoint=url.replace("127.0.0.1", "lisboa.localhost"))
        assert await probe(named, real_now(), allow_loopback=True) == "answers"


async def test_pins_alone_count_where_there_are_any(tmp_path: Path) -> None:
    tls, pin = certified(tmp_path)
    async with answering(always(prekey_answer()), tls) as url:
        for pins, expected in (
            ((), "tls"),
            ((pin,), "answers"),
            ((bytes(32), pin), "answers"),
            ((bytes(32),), "tls"),
        ):
            card = card_of("a", endpoint=url, pins=pins)
            assert await probe(card, real_now(), allow_loopback=True) == expected


async def test_directory_speaks_tls_itself(tmp_path: Path) -> None:
    _, pin = certified(tmp_path)
    tls = Tls(str(tmp_path / "chain.pem"), str(tmp_path / "key.pem"))
    place = await made(tmp_path / "state", tls=tls)
    async with place.served() as client:
        url = client.running.url + "/checkpoint"
        assert url.startswith("https://127.0.0.1:")
        async with client.session.get(url, ssl=PinnedKeys((pin,))) as response:
            assert response.status == 200


async def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        card = card_of("a", endpoint=f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert await probe(card, real_now(), allow_loopback=True) == "no-answer"


async def test_endpoint_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that drips bytes is given up when the time for the whole is over."""
    monkeypatch.setattr(probing, "WHOLE", 0.5)

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x")
            await asyncio.sleep(0.1)
        return response

    async with answering(drip) as url:
        began = time.monotonic()
        card = card_of("a", endpoint=url)
        assert await probe(card, real_now(), allow_loopback=True) == "no-answer"
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("address", "loopback", "may"),
    [
        ("127.0.0.1", True, True),
        ("127.0.0.1", False, False),
        ("::1", False, False),
        ("10.1.2.3", True, False),
        ("192.168.1.1", True, False),
        ("172.16.0.1", True, False),
        ("169.254.169.254", True, False),
        ("100.64.0.1", True, False),
        ("fe80::1%eth0", True, False),
        ("fd00::1", True, False),
        ("::ffff:10.0.0.1", True, False),
        ("224.0.0.1", True, False),
        ("0.0.0.1", True, False),
        ("93.184.216.34", False, True),
        ("2606:2800:220:1:248:1893:25c8:1946", False, True),
    ],
)
def test_addresses(address: str, loopback: bool, may: bool) -> None:
    assert may_ask(address, loopback) is may


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1", "https://[fd00::1]:8700", "https://192.168.0.9"]
)
async def test_private_address_in_the_url(url: str) -> None:
    assert await probe(card_of("a", endpoint=url), 0, allow_loopback=True) == "private-address"


async def test_name_that_leads_into_a_private_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """One private address among several is enough; the connection goes to what was checked."""

    async def found(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443)),
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
    with pytest.raises(PrivateAddress):
        await PublicResolver(allow_loopback=True).resolve("node.example.org", 443)
    assert await probe(card_of("a"), 0, allow_loopback=True) == "private-address"


async def test_registrar_sees_what_the_endpoint_said(tmp_path: Path) -> None:
    """From a request over HTTP to the office's list, asked by the directory itself."""
    place = await made(tmp_path / "state")
    now = real_now()
    member = signer("lisbon vault")
    certificate = make_certificate(member, id_of("lisbon"), signer("lisbon node").public, now)
    prekey = make_transport_prekey(
        signer("lisbon node"), id_of("lisbon"), Opener(seed("t")).public, now
    )
    async with (
        answering(always(encode((prekey, certificate, None)))) as url,
        place.served() as client,
    ):
        await client.request(client.join_of("lisbon", endpoint=url))
        await client.request(client.join_of("utrecht", endpoint="https://10.0.0.1"))
        async with asyncio.timeout(10):
            while any(  # noqa: ASYNC110 - as a registrar, who looks again
                each["answer"] is None for each in await client.office.requests()
            ):
                await asyncio.sleep(0.02)
        answers = {each["name"]: each["answer"] for each in await client.office.requests()}
        assert sorted(answers.values()) == ["answers", "private-address"]
