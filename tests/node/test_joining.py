"""Joining a real directory: once signed, then the same bytes again; and what is refused."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

import directory_server
from backing import run
from referral_node.config import Config, Exchange
from referral_node.delivery.http import Http
from referral_node.folder import StateFolder
from referral_node.operations import Operations
from referral_node.setup import NewNode, make_node
from referral_node.store import Store, Tx
from referral_node.store.facts import CHECKPOINT, GENESIS, SUBMISSION, fact, keep
from referral_node.trouble import Trouble
from referral_node.vault import KdfCost, Kit, Password, SignIn, SlotKeys
from referral_protocol import profiles
from referral_protocol.directory import paths
from referral_protocol.directory.entries import anchor_text, sign_entry
from referral_protocol.directory.requests import parse_submission
from referral_protocol.examples.profiles import LISBON
from terminal import Terminal

PASSWORD = "correct horse battery"
PROFILE = profiles.encode(LISBON)
OTHER = profiles.encode(LISBON | {"organisation": LISBON["organisation"] | {"city": "Porto"}})
ENDPOINT = "http://127.0.0.1:9"


@dataclass
class Member:
    """A node that is not joined yet; ``follows`` counts how often it was told to follow."""

    store: Store
    build: Callable[[Exchange], Operations]
    follows: list[int]
    operations: Operations

    async def join(self, url: str, genesis: bytes, **more: Any) -> Any:
        arguments = {"url": url, "anchor": anchor_text(genesis), "profile": PROFILE} | more
        return await self.operations.join(arguments)

    async def submission(self) -> bytes | None:
        return await fact(self.store, SUBMISSION)


@pytest_asyncio.fixture
async def member(tmp_path: Path) -> AsyncIterator[Member]:
    keys = SlotKeys(KdfCost(1, 8192), os.urandom)
    clock = directory_server.Moved()
    folder = StateFolder(tmp_path / "node")
    first = Config(name="Ponte Tejo", exchange=Exchange(endpoint=ENDPOINT), allow_loopback=True)
    new = NewNode(first, "ines", "Inês Carvalhal", Password(PASSWORD), Kit(bytes(32)))
    await make_node(folder.path, new, keys, os.urandom, clock())
    store, http = await Store.open(folder.database), Http()
    follows: list[int] = []

    async def joined() -> None:
        follows.append(1)

    def build(exchange: Exchange) -> Operations:
        return Operations(
            store=store,
            folder=folder,
            config=Config(name="Ponte Tejo", exchange=exchange, allow_loopback=True),
            node=folder.read_node_key(),
            http=http,
            keys=keys,
            door=SignIn(clock, keys),
            clock=clock,
            entropy=os.urandom,
            joined=joined,
        )

    yield Member(store, build, follows, build(first.exchange))
    await http.close()
    await store.close()
    keys.close()


@pytest_asyncio.fixture
async def directory(tmp_path: Path) -> AsyncIterator[directory_server.Client]:
    place = await directory_server.made(tmp_path / "directory")
    async with place.served() as client:
        yield client


ASKED = {"needs": "keyholder", "names": ["ines"]}
BY_INES = {"authority": {"password": PASSWORD}}


async def test_a_keyholder_signs_once_and_the_same_bytes_go_again(
    member: Member, directory: directory_server.Client
) -> None:
    url, genesis = directory.running.url, directory.place.genesis
    assert await member.join(url, genesis) == ASKED
    assert await member.submission() is None
    assert member.follows == []
    answer = await member.join(url, genesis, **BY_INES)
    assert (answer["state"], answer["text"]) == ("waiting", "")
    assert member.follows == [1]
    sent = await member.submission()
    assert sent is not None
    assert await member.join(url + "/", genesis) == answer
    assert await member.submission() == sent
    requests = await directory.office.requests()
    assert [(r["name"], r["endpoint"]) for r in requests] == [("Associação Ponte Tejo", ENDPOINT)]
    status = await member.operations.status({})
    assert status["directory"]["state"] == "waiting"
    assert status["directory"]["url"] == url


async def test_approved_it_stays_as_it_was_whatever_the_profile(
    member: Member, directory: directory_server.Client
) -> None:
    url, genesis = directory.running.url, directory.place.genesis
    await member.join(url, genesis, **BY_INES)
    submission = parse_submission(await member.submission() or b"")
    signed = sign_entry(submission.content, directory.place.registrar())
    await directory.office.approve(submission.id.hex(), [[s.key, s.signature] for s in signed])
    assert (await member.join(url, genesis))["state"] == "approved"
    assert (await member.join(url, genesis, profile=OTHER))["state"] == "approved"
    assert await member.submission() == submission.pack()


async def test_status_finds_us_in_our_copy_of_the_log(
    member: Member, directory: directory_server.Client
) -> None:
    url, genesis = directory.running.url, directory.place.genesis
    await directory.admit("utrecht")
    await member.join(url, genesis, **BY_INES)
    submission = parse_submission(await member.submission() or b"")
    signed = sign_entry(submission.content, directory.place.registrar())
    await directory.office.approve(submission.id.hex(), [[s.key, s.signature] for s in signed])
    leaves: list[bytes] = []
    for piece in paths.entries_paths(0, 3):
        leaves += paths.parse_entries(await directory.body(piece.path), piece.width)
    for held, state in ((2, "waiting"), (3, "admitted")):
        rows = list(enumerate(leaves[:held]))

        async def work(tx: Tx, rows: list[tuple[int, bytes]] = rows) -> None:
            await tx.execute("DELETE FROM log_entries")
            await tx.many("INSERT INTO log_entries (number, leaf) VALUES (?, ?)", rows)

        await member.store.write(work)
        found = (await member.operations.status({}))["directory"]
        assert (found["state"], found["entries"], found["url"]) == (state, held, url)


async def test_another_profile_or_endpoint_is_another_request(
    member: Member, directory: directory_server.Client
) -> None:
    url, genesis = directory.running.url, directory.place.genesis
    await member.join(url, genesis, **BY_INES)
    first = await member.submission()
    assert await member.join(url, genesis, profile=OTHER) == ASKED
    assert (await member.join(url, genesis, profile=OTHER, **BY_INES))["state"] == "waiting"
    second = await member.submission()
    assert first != second
    member.operations = member.build(Exchange(endpoint="http://127.0.0.1:10"))
    assert await member.join(url, genesis, profile=OTHER) == ASKED


async def test_declined_it_is_told_why_and_may_be_asked_anew(
    member: Member, directory: directory_server.Client
) -> None:
    url, genesis = directory.running.url, directory.place.genesis
    await member.join(url, genesis, **BY_INES)
    first = parse_submission(await member.submission() or b"")
    await directory.office.decline(first.id.hex(), "We could not reach you.")
    answer = await member.join(url, genesis)
    assert (answer["state"], answer["text"]) == ("declined", "We could not reach you.")
    assert await member.join(url, genesis) == ASKED
    directory.place.clock.ahead += 1000
    assert (await member.join(url, genesis, **BY_INES))["state"] == "waiting"
    assert await member.submission() != first.pack()


async def test_a_wrong_password_sends_nothing(
    member: Member, directory: directory_server.Client
) -> None:
    with pytest.raises(Trouble, match="the password is wrong"):
        await member.join(
            directory.running.url,
            directory.place.genesis,
            authority={"name": "ines", "password": "a wrong password"},
        )
    assert await directory.office.requests() == []
    assert await member.submission() is None


async def test_nothing_is_told_to_another_directory_than_the_anchors(
    member: Member, directory: directory_server.Client
) -> None:
    with pytest.raises(Trouble, match="not the one of the anchor"):
        await member.join(directory.running.url, bytes(32), **BY_INES)
    assert await directory.office.requests() == []
    assert await fact(member.store, GENESIS) is None
    with pytest.raises(Trouble, match=r"the anchor: .*copy it from the paper again"):
        await member.operations.join(
            {"url": directory.running.url, "anchor": "ABCD", "profile": PROFILE}
        )


async def test_a_node_follows_one_directory(
    member: Member, directory: directory_server.Client, tmp_path: Path
) -> None:
    second = await directory_server.made(tmp_path / "second")
    async with second.served() as other:
        await member.join(directory.running.url, directory.place.genesis, **BY_INES)
        # As long as no copy of the first one's log is held, a second thought is free.
        await member.join(other.running.url, second.genesis, **BY_INES)
        await member.store.write(lambda tx: keep(tx, CHECKPOINT, b"a note"))
        with pytest.raises(Trouble, match="follows the directory of another anchor"):
            await member.join(directory.running.url, directory.place.genesis, **BY_INES)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "the directory's address: not https://"),
        ("ftp://directory.example", "the directory's address: not https://"),
        ("http://directory.example", "the directory's address: plain http"),
        ("http://127.0.0.1:9", "the directory cannot be reached: check the address"),
    ],
)
async def test_an_address_that_is_none_is_told(member: Member, url: str, said: str) -> None:
    with pytest.raises(Trouble, match=said):
        await member.join(url, bytes(32), **BY_INES)


async def test_a_profile_that_is_none_is_told(
    member: Member, directory: directory_server.Client
) -> None:
    with pytest.raises(Trouble, match="the profile cannot be used"):
        await member.join(
            directory.running.url, directory.place.genesis, profile=b"\x80", **BY_INES
        )


async def test_a_directory_that_refuses_is_quoted_in_one_line(
    member: Member, tmp_path: Path
) -> None:
    """One that allows no loopback: the real thing, with its real words."""
    place = await directory_server.made(tmp_path / "strict", allow_loopback=False)
    async with place.served() as client:
        with pytest.raises(Trouble, match="the directory refused: ") as caught:
            await member.join(client.running.url, place.genesis, **BY_INES)
    assert "\n" not in str(caught.value)
    # What was signed is kept, and sent again when it may be.
    assert await member.submission() is not None


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"<html>not found</html>", "HTTP status 404: is it one"),
        (200, b"<html>hello</html>", "is not a directory"),
        (302, b"", "HTTP status 302"),
        (429, b"", "busy: try again in 7 s"),
        (400, b'{"detail": "no \\u001b[31m\\n room"}', "refused: no \\[31m room"),
        (400, b"[" * 5000, "HTTP status 400"),
        (400, b"x" * 200_000, "gave no usable answer"),
    ],
)
async def test_what_is_no_directory_is_told(
    member: Member, status: int, body: bytes, said: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        headers = {"Retry-After": "7", "Location": "/elsewhere"}
        return web.Response(status=status, body=body, headers=headers)

    async with serving(answer) as url:
        with pytest.raises(Trouble, match=said):
            await member.join(url, bytes(32), **BY_INES)


class serving:  # noqa: N801 - used as a function
    """A listener that answers everything alike."""

    def __init__(self, handler: Callable[[web.Request], Awaitable[web.Response]]) -> None:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", handler)
        self._runner = web.AppRunner(app)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


async def test_a_profile_of_another_name_is_asked_about(
    tmp_path: Path, directory: directory_server.Client
) -> None:
    """It may be the wrong file; nothing is sent before somebody said that it is not."""
    keys = SlotKeys(KdfCost(1, 8192), os.urandom)
    state = tmp_path / "dom"
    config = Config(name="Steunpunt Dom", exchange=Exchange(endpoint=ENDPOINT), allow_loopback=True)
    new = NewNode(config, "fenna", "Fenna de Wit", Password(PASSWORD), Kit(bytes(32)))
    await make_node(state, new, keys, os.urandom, 1_000)
    keys.close()
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    example = Path(__file__).parents[2] / "deploy" / "profile.example.toml"
    url, anchor = directory.running.url, anchor_text(directory.place.genesis)
    command = ("join", url, "--anchor", anchor, "--profile", example, "--state", state,
               "--password-file", password)  # fmt: skip
    words = "is of 'Associação Ponte Tejo', and this node is called 'Steunpunt Dom' in node.toml"
    done = await run(*command)
    assert done.returncode == 1
    assert f"{words}: correct one of them, or say --other-name" in done.stderr
    terminal = Terminal(*command)
    await asyncio.to_thread(terminal.answer, "Is it the same organisation? [y/N]: ", "n")
    assert await asyncio.to_thread(terminal.end) == 1
    assert "nothing was sent" in terminal.seen
    assert await directory.office.requests() == []
    terminal = Terminal(*command)
    await asyncio.to_thread(terminal.answer, "Is it the same organisation? [y/N]: ", "y")
    assert await asyncio.to_thread(terminal.end) == 0
    assert "waiting: the registrar telephones" in terminal.seen
    # How it stands is told without asking again; a new request may say it in the command.
    assert (await run(*command)).returncode == 0
    ours = tmp_path / "profile.toml"
    text = example.read_text("utf-8")
    ours.write_text(text.replace("Associação Ponte Tejo", "STEUNPUNT  Dom", 1), "utf-8")
    done = await run(*command[:5], ours, *command[6:])
    assert (done.returncode, done.stderr) == (0, "")
    ours.write_text(text.replace("Apoio a vítimas", "Apoio", 1), "utf-8")
    assert (await run(*command[:5], ours, *command[6:])).returncode == 1
    assert (await run(*command[:5], ours, *command[6:], "--other-name")).returncode == 0
