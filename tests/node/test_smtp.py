"""Handing mail to a real server: TLS, sign-in, refusals; servers that are slow, dead or wrong."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from referral_node.delivery import smtp
from referral_node.delivery.mail_text import envelope, trial_letter
from referral_node.delivery.smtp import MailServer, NotMailed
from smtp_server import SENDER, MailHost

TO = "ines@pontetejo.example"
NOW = 1_795_100_000_000
LETTER = envelope(trial_letter("https://x.example/"), sender=SENDER, to=TO, now=NOW, name="ab12")


async def refusal(server: MailHost, **changes: Any) -> NotMailed:
    with pytest.raises(NotMailed) as refused:
        await MailServer(server.settings(**changes), server.folder).send(LETTER)
    return refused.value


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("auth", [False, True])
async def test_a_mail_goes_each_way(tmp_path: Path, security: str, auth: bool) -> None:
    async with MailHost(tmp_path, security=security, auth=auth) as host:
        await MailServer(host.settings(), tmp_path).send(LETTER)
        (mail,) = host.mails
        assert host.recipients == [[TO]]
        assert host.encrypted == [security != "none"]
        assert (mail["From"], mail["To"]) == (SENDER, TO)
        assert mail["Subject"] == "Referral exchange: a test"
        assert mail["Message-ID"] == "<ab12@pontetejo.example>"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Date"] == "Thu, 19 Nov 2026 14:53:20 +0000"
        assert "https://x.example/" in mail.get_content()


async def test_without_starttls_nothing_is_said_in_the_clear(tmp_path: Path) -> None:
    async with MailHost(tmp_path, security="starttls", auth=True) as host:
        host.offers_starttls = False
        assert (await refusal(host)).code == "no-starttls"
        assert host.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    tmp_path: Path, security: str
) -> None:
    async with MailHost(tmp_path, security=security) as host:
        assert (await refusal(host, ca=None)).code == "tls"
        assert host.mails == []


async def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    async with MailHost(tmp_path, security="starttls") as host:
        assert (await refusal(host, host="localhost")).code == "tls"


async def test_a_wrong_password_is_told_as_such(tmp_path: Path) -> None:
    async with MailHost(tmp_path, security="starttls", auth=True) as host:
        settings = host.settings()
        (tmp_path / "mail.password").write_text("wrong")
        with pytest.raises(NotMailed, match=r"\Aauth\Z"):
            await MailServer(settings, tmp_path).send(LETTER)


async def test_the_passwords_file_must_be_ours_alone(tmp_path: Path) -> None:
    async with MailHost(tmp_path, security="starttls", auth=True) as host:
        settings = host.settings()
        server = MailServer(settings, tmp_path)
        file = tmp_path / "mail.password"
        file.chmod(0o640)
        with pytest.raises(NotMailed, match=r"\Apassword-file-open\Z"):
            await server.send(LETTER)
        file.chmod(0o600)
        await server.send(LETTER)
        file.write_text("\n")
        with pytest.raises(NotMailed, match=r"\Apassword-file\Z"):
            await server.send(LETTER)
        file.unlink()
        with pytest.raises(NotMailed, match=r"\Apassword-file\Z"):
            await server.send(LETTER)
        assert len(host.mails) == 1


async def test_a_file_of_certificates_that_is_none_is_told(tmp_path: Path) -> None:
    async with MailHost(tmp_path, security="starttls") as host:
        (tmp_path / "other.pem").write_text("nothing")
        assert (await refusal(host, ca="other.pem")).code == "ca-file"
        assert (await refusal(host, ca="gone.pem")).code == "ca-file"


@pytest.mark.parametrize(
    ("answer", "code"), [("550 no such user", "refused"), ("450 full, come back", "later")]
)
async def test_an_address_that_is_refused_says_nothing_of_the_others(
    tmp_path: Path, answer: str, code: str
) -> None:
    async with MailHost(tmp_path) as host:
        host.refused[TO] = answer
        found = await refusal(host)
        assert (found.code, found.person) == (code, True)
        assert TO not in repr(found)


@pytest.mark.parametrize(("answer", "code"), [("554 spam", "refused"), ("451 busy", "later")])
async def test_a_mail_that_is_refused_as_such_is_the_servers_doing(
    tmp_path: Path, answer: str, code: str
) -> None:
    async with MailHost(tmp_path) as host:
        host.answer_data = answer
        found = await refusal(host)
        assert (found.code, found.person) == (code, False)


async def test_a_server_that_is_not_there_is_not_reached(tmp_path: Path) -> None:
    async with MailHost(tmp_path) as host:
        await host.stop()
        assert (await refusal(host)).code == "connect"


async def test_a_server_that_breaks_off_after_the_text_has_not_taken_it(tmp_path: Path) -> None:
    async with MailHost(tmp_path) as host:
        host.drop_after_data = True
        assert (await refusal(host)).code == "connection"


async def test_a_slow_server_costs_no_more_than_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "EACH_WITHIN", 0.2)
    async with MailHost(tmp_path) as host:
        host.delay = 1.0
        assert (await refusal(host)).code == "time-out"


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def _silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _rubbish(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


async def _dripping(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-still here\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (_silent, {"time-out"}),
        (_rubbish, {"answer", "connection", "connect"}),
        (_dripping, {"time-out", "answer"}),
        (_endless, {"answer", "connection", "connect", "refused"}),
    ],
)
async def test_what_is_no_mail_server_ends_in_time_with_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, codes: set[str]
) -> None:
    monkeypatch.setattr(smtp, "EACH_WITHIN", 0.4)
    monkeypatch.setattr(smtp, "WHOLE_WITHIN", 0.8)
    tasks: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host = MailHost(tmp_path)
    host.port = server.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(5):
            assert (await refusal(host)).code in codes
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
