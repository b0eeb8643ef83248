"""The console on the network: behind a web server, with TLS of its own, or not at all."""

import re
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest

from directory_server import PASSWORDS, Place, made
from referral_directory import registrars
from referral_directory.config import Console, Tls
from referral_directory.registrars import FIRST
from referral_directory.totp import code_at
from referral_directory.trouble import Trouble
from smtp_server import _context


async def signed_in(place: Place, url: str, headers: dict[str, str], tls: ssl.SSLContext) -> str:
    """The cookie's line that a sign-in sets."""
    token_in = re.compile(r'name="token" value="([^"]+)"')
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{url}/sign-in", ssl=tls) as answer:
            assert answer.status == 200, await answer.text()
            token = token_in.search(await answer.text())
            visitor = answer.headers["Set-Cookie"].split(";")[0]
        assert token is not None
        secret = registrars.unlock(place.folder, FIRST, PASSWORDS.registrar).secret
        typed = {
            "token": token[1],
            "name": FIRST,
            "password": PASSWORDS.registrar,
            "code": code_at(secret, place.clock()),
        }
        more = {"Cookie": visitor}
        async with session.post(
            f"{url}/sign-in", data=typed, headers=more, ssl=tls, allow_redirects=False
        ) as answer:
            assert answer.status == 303, await answer.text()
            return next(line for line in answer.headers.getall("Set-Cookie") if "console=" in line)


async def test_behind_a_web_server(tmp_path: Path) -> None:
    """It answers to the name that the web server has, and to no other."""
    console = Console(("console.example",), port=_free_port(), proxy=True)
    place = await made(tmp_path / "state", console=console)
    async with place.served() as client:
        assert client.running.console == "https://console.example"
        url = f"http://127.0.0.1:{console.port}"
        async with client.session.get(url + "/sign-in") as answer:
            assert answer.status == 421
        headers = {"Host": "console.example", "Origin": "https://console.example"}
        cookie = await signed_in(place, url, headers, ssl.create_default_context())
    assert cookie.startswith("__Host-console=")
    for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


async def test_with_tls_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    tls = Tls("mail-ca.pem", "mail-key.pem")
    console = Console(("127.0.0.1",), host="127.0.0.1", port=0, tls=tls)
    place = await made(folder, console=console)
    _context(folder)
    async with place.served() as client:
        url = client.running.console or ""
        assert url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=str(folder / "mail-ca.pem"))
        cookie = await signed_in(place, url, {"Origin": url}, trust)
    assert cookie.startswith("__Host-console=")


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        place = await made(tmp_path / "state", console=Console(port=port))
        with pytest.raises(Trouble, match=f"port {port} on 127.0.0.1 is in use"):
            async with place.served():
                raise AssertionError("not reached")
    async with place.served() as client:  # nothing was left behind
        assert client.running.console == f"http://localhost:{port}"


async def test_none(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    async with place.served() as client:
        assert client.running.console is None


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])
