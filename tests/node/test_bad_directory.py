"""A directory that answers wrongly changes nothing here, is told of, and is asked again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fed_member import Member
from federation import DIRECTORY, Federation, until
from links import Answer, Link, Request
from referral_directory.sealing import read_log_key
from referral_node.delivery import log_source
from referral_node.exchange.directory.replica import ReplicaKeeper
from referral_protocol.certificates import DAY
from referral_protocol.directory.notes import TreeHead, make_checkpoint, peek_checkpoint
from referral_protocol.directory.tiles import Index, pack_tile, tile_hash
from referral_protocol.suite import Signer

Change = Callable[[Answer], bytes]


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


def http(body: bytes, *fields: str, status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def flip(answer: Answer) -> bytes:
    body = bytearray(answer.body)
    body[-3] ^= 4
    return http(bytes(body))


CHANGES: dict[str, Change] = {
    "rubbish": lambda _: http(b"\xc1\xff\x00" * 400),
    "text": lambda _: http("Ünïcode, but no directory\n".encode() * 20),
    "not even text": lambda _: http(b"\xff\xfe" * 50),
    "nothing": lambda _: http(b""),
    "half": lambda a: http(a.body[: len(a.body) // 2]),
    "more": lambda a: http(a.body + a.body),
    "one bit": flip,
    "a byte behind": lambda a: http(a.body + b"\n"),
    "a redirect": lambda _: http(b"", "Location: http://127.0.0.1:9/", status=302),
    "a fault": lambda _: http(b"", status=500),
    "not there": lambda _: http(b"", status=404),
    "unasked 304": lambda _: b"HTTP/1.1 304 X\r\n\r\n",
    "squeezed": lambda a: http(a.body, "Content-Encoding: gzip"),
    "a megabyte of lines": lambda _: http(b"a\n" * 500_000),
    "many megabytes": lambda _: http(bytes(9 * 1024 * 1024)),
}
PATHS = {
    "checkpoint": "/checkpoint",
    "entries": "/tile/entries/",
    "records": "/v1/records",
    "records tile": "/v1/records/tiles/",
    "board": "/v1/board",
    "board tile": "/v1/board/tiles/",
}


def liar(link: Link, path: str, change: Change) -> None:
    """Change the answers to one kind of request."""
    exact = not path.endswith("/")

    def other(request: Request, answer: Answer) -> bytes | None:
        hit = request.path == path if exact else request.path.startswith(path)
        return change(answer) if hit else None

    link.change = other


async def grown(fed: Federation) -> None:
    """The log grows, so that everything is fetched anew: Utrecht's status goes and comes."""
    await fed.change_status_unseen(fed["utrecht"], "suspended")
    await fed.change_status_unseen(fed["utrecht"], "active")


def known(member: Member) -> tuple[int, bool]:
    replica = member.node.exchange.members
    assert replica.directory is not None
    return replica.directory.size, replica.current_prekey(member.id) is not None


@pytest.mark.parametrize("what", PATHS)
async def test_wrong_answers_change_nothing(fed: Federation, what: str) -> None:
    lisboa = fed["lisboa"]
    link = fed.link("lisboa", DIRECTORY)
    poller = lisboa.node.poller
    assert poller is not None
    for name, change in CHANGES.items():
        liar(link, PATHS[what], change)
        before = known(lisboa)
        await grown(fed)
        with capture_logs() as lines:
            for _ in range(2):
                count = len(link.requests)
                poller.soon()
                await until(partial(_asked, link, count))
                await asyncio.sleep(0.02)
        assert not [line for line in lines if line["log_level"] == "error"], (name, lines)
        if what in ("checkpoint", "entries"):
            assert known(lisboa) == before, name
        assert lisboa.exchange.members.current_prekey(fed["utrecht"].id) is not None, name
        link.mend()
        await fed.learns(lisboa, partial(_caught_up, lisboa, before[0] + 2))


def _caught_up(member: Member, size: int) -> bool:
    poller = member.node.poller
    return poller is not None and poller.trouble is None and known(member)[0] == size


async def _asked(link: Link, count: int) -> bool:
    return len(link.requests) > count


async def test_a_log_that_forks_is_refused_and_named(fed: Federation) -> None:
    """Signed by the true log key: the same size with another root, and a smaller tree."""
    lisboa = fed["lisboa"]
    key = read_log_key(fed.directory.log_key)
    thief = Signer(b"t" * 32)
    assert await _checkpoint(fed, lisboa, thief, lambda h: h) == "missing-signature"
    lies: list[Callable[[TreeHead], TreeHead]] = [
        lambda h: TreeHead(h.origin, h.size, bytes(32)),
        lambda h: TreeHead(h.origin, 1, h.root),
    ]
    for number, lie in enumerate(lies, 1):
        assert await _checkpoint(fed, lisboa, key, lie) == "forked-log"
        assert await lisboa.count("SELECT COUNT(*) FROM forks") == number


async def _settle(member: Member) -> None:
    """What the administrator does once VSE has explained it."""
    for each in member.exchange.views.unsettled:
        arguments = {"proof": each.proof.hex()}
        await member.node.operations().handlers()["directory-settle"](arguments)


async def _checkpoint(
    fed: Federation, member: Member, key: Signer, change: Callable[[TreeHead], TreeHead]
) -> str | None:
    link, poller = fed.link(member.name, DIRECTORY), member.node.poller
    assert poller is not None
    before = known(member)

    held = member.node.exchange.members.checkpoint
    assert held is not None
    head = peek_checkpoint(held.encode())

    def other(_: Answer) -> bytes:
        told = change(TreeHead(head.origin, head.size, head.root))
        return http(make_checkpoint(told, key, fed.clock.now))

    fed.clock.now += 11 * 60_000
    liar(link, "/checkpoint", other)
    poller.soon()
    await until(lambda: _in_trouble(member))
    found = poller.trouble
    assert known(member) == before
    link.mend()
    await _settle(member)
    await fed.learns(member, lambda: poller.trouble is None)
    return found


async def _in_trouble(member: Member) -> bool:
    return member.node.poller is not None and member.node.poller.trouble is not None


async def test_a_fault_of_our_own_does_not_end_the_looking(
    fed: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lisboa = fed["lisboa"]
    poller = lisboa.node.poller
    assert poller is not None
    before = known(lisboa)

    async def broken(*_: object) -> None:
        raise RuntimeError("ours")

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(ReplicaKeeper, "take", broken)
        await grown(fed)
        poller.soon()
        await until(lambda: _in_trouble(lisboa))
    faults = {(line["event"], line["kind"]) for line in lines if line["log_level"] == "error"}
    assert faults == {("directory.fault", "RuntimeError")}
    await fed.learns(lisboa, partial(_caught_up, lisboa, before[0] + 2))


@pytest.mark.parametrize("behind", [DAY // 24, 400 * DAY])
async def test_a_clock_that_was_set_back_does_not_stop_a_start(
    fed: Federation, behind: int
) -> None:
    """A machine whose battery has died comes up at once, and goes on when its clock is right."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    fed.clock.now += DAY // 24
    await lisboa.stop()
    fed.clock.now -= behind
    await lisboa.start()
    assert lisboa.exchange.members.get(utrecht.id) is not None
    fed.clock.now += behind
    await lisboa.refer(utrecht)
    await fed.settle()


async def test_an_older_checkpoint_of_the_same_tree_does_not_turn_time_back(
    fed: Federation,
) -> None:
    """The same tree, signed earlier: what is stored stays the later one."""
    lisboa = fed["lisboa"]
    poller = lisboa.node.poller
    assert poller is not None
    fed.clock.now += 3_600_000
    fresh = make_later(fed)
    link = fed.link("lisboa", DIRECTORY)
    liar(link, "/checkpoint", lambda _: http(fresh))
    await fed.learns(lisboa, lambda: lisboa.exchange.members.checkpoint == fresh.decode())
    link.mend()  # the directory itself still shows the one of an hour ago
    count = len(link.requests)
    poller.soon()
    await until(lambda: _asked(link, count + 2))
    await asyncio.sleep(0.05)
    assert lisboa.exchange.members.checkpoint == fresh.decode()
    row = await lisboa.store.row("SELECT value FROM facts WHERE name = 'checkpoint'")
    assert row is not None
    assert bytes(row["value"]) == fresh


def make_later(fed: Federation) -> bytes:
    """The directory's own checkpoint, signed now."""
    members = fed["lisboa"].node.exchange.members
    assert members.checkpoint is not None
    head = peek_checkpoint(members.checkpoint.encode())
    key = read_log_key(fed.directory.log_key)
    return make_checkpoint(TreeHead(head.origin, head.size, head.root), key, fed.clock.now)


def board(link: Link, items: list[bytes]) -> None:
    """From now on the board that is shown holds these bundles only."""
    tile = pack_tile(items)
    name = tile_hash(tile)

    def other(request: Request, _: Answer) -> bytes | None:
        if request.path == "/v1/board":
            return http(Index((name,)).pack())
        if request.path.startswith("/v1/board/tiles/"):
            return http(tile)
        return None

    link.change = other


async def bundles(member: Member) -> dict[bytes, bytes]:
    rows = await member.store.rows("SELECT member, bundle FROM bundles")
    return {bytes(row["member"]): bytes(row["bundle"]) for row in rows}


async def test_prekeys_that_are_withheld_or_older_are_noticed_and_kept(fed: Federation) -> None:
    """Whoever serves the board cannot make a bundle, but can leave one out or hold it back."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    first = await bundles(lisboa)
    fed.clock.now += 40 * DAY
    await utrecht.sign_in()  # makes the next prekeys
    for member in (utrecht, lisboa):
        await fed.learns(member, partial(_newer, member, utrecht.id, fed.clock.now - DAY))
    newest = lisboa.exchange.members.bundle(utrecht.id)
    poller = lisboa.node.poller
    assert poller is not None
    ours = (await bundles(lisboa))[lisboa.id]
    for what, items in (("older", [ours, first[utrecht.id]]), ("withheld", [ours])):
        for restart in (False, True):
            board(fed.link("lisboa", DIRECTORY), items)
            if restart:
                await lisboa.stop()
                await lisboa.start()
                poller = lisboa.node.poller
                assert poller is not None
            with capture_logs() as lines:
                await fed.learns(lisboa, lambda p=poller: p.trouble == "old-number")  # type: ignore[misc]  # bound now
            found = [x for x in lines if x["event"] == "directory.board"]
            assert [(x["code"], x["refused"]) for x in found] == [("old-number", 1)], what
            assert lisboa.exchange.members.bundle(utrecht.id) == newest
            fed.link("lisboa", DIRECTORY).mend()
            await fed.learns(lisboa, lambda p=poller: p.trouble is None)  # type: ignore[misc]  # bound now
    # Our own is noticed too: nobody could write to us.
    board(fed.link("lisboa", DIRECTORY), [(await bundles(lisboa))[utrecht.id]])
    await fed.learns(lisboa, lambda: poller.trouble == "old-number")


def _newer(member: Member, other: bytes, than: int) -> bool:
    held = member.exchange.members.bundle(other)
    return held is not None and held.made_at > than


async def test_a_checkpoint_from_the_future_is_refused_and_says_whose_clock(
    fed: Federation,
) -> None:
    lisboa = fed["lisboa"]
    key = read_log_key(fed.directory.log_key)
    link, poller = fed.link("lisboa", DIRECTORY), lisboa.node.poller
    assert poller is not None
    before = lisboa.exchange.members.checkpoint
    head = peek_checkpoint(before.encode())
    early = make_checkpoint(head, key, fed.clock.now + 11 * 60_000)
    liar(link, "/checkpoint", lambda _: http(early))
    await fed.learns(lisboa, lambda: poller.trouble == "clock")
    assert lisboa.exchange.members.checkpoint == before
    assert await lisboa.count("SELECT COUNT(*) FROM forks") == 0
    link.mend()
    await fed.learns(lisboa, lambda: poller.trouble is None)


async def test_a_log_that_claims_to_be_endless_is_not_even_begun(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    key = read_log_key(fed.directory.log_key)
    link, poller = fed.link("lisboa", DIRECTORY), lisboa.node.poller
    assert poller is not None
    head = peek_checkpoint(lisboa.exchange.members.checkpoint.encode())
    fed.clock.now += 11 * 60_000
    huge = make_checkpoint(TreeHead(head.origin, 2**40, head.root), key, fed.clock.now)
    liar(link, "/checkpoint", lambda _: http(huge))
    count = len(link.requests)
    await fed.learns(lisboa, lambda: poller.trouble == "too-large")
    assert not [r for r in link.requests[count:] if r.path.startswith("/tile/")]
    link.mend()
    await fed.learns(lisboa, lambda: poller.trouble is None)


async def test_a_directory_that_never_ends_its_answer_is_left(
    fed: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leaf at a time, each in time: the whole reading has an end of its own."""
    lisboa = fed["lisboa"]
    link, poller = fed.link("lisboa", DIRECTORY), lisboa.node.poller
    assert poller is not None
    monkeypatch.setattr(log_source, "LOG_WITHIN", 0.2)
    await grown(fed)
    link.hold()
    before = known(lisboa)
    poller.soon()
    await until(partial(_held, link))
    link.delay = 0.5
    link.release()
    await fed.learns(lisboa, lambda: poller.trouble == "time-out")
    assert known(lisboa) == before
    link.mend()
    await fed.learns(lisboa, partial(_caught_up, lisboa, before[0] + 2))


async def _held(link: Link) -> bool:
    return link.held > 0
