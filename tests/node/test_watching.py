"""What others show of the log: followed where it grows, proved and told of where it forks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from fed_member import Member
from federation import DIRECTORY, Federation, until
from forked import Fork
from links import Answer, Request
from referral_node.api.pace import READERS_PER_MINUTE, Pace
from referral_node.commands import show
from referral_node.delivery.mail_text import letter
from referral_node.delivery.watcher import AGAIN, FIRST
from referral_node.exchange.notices.troubles import FORKED, troubles
from referral_protocol.certificates import DAY
from referral_protocol.directory.forks import verify_fork_proof
from referral_protocol.directory.notes import peek_checkpoint
from referral_protocol.directory.paths import COPY

HOUR = DAY // 24


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


async def fork_of(fed: Federation, member: Member) -> Fork:
    """A second log from what a member holds, under the directory's own keys."""
    return await Fork.of(member, fed.directory.log_key, fed.registrar_key(), fed.clock.now)


def shows(fed: Federation, name: str, to: str, fork: Fork) -> None:
    """From now on ``name`` serves this log to ``to`` as its copy."""

    def other(request: Request, _: Answer) -> bytes | None:
        if not request.path.startswith(COPY):
            return None
        body = fork.answer(request.path.removeprefix(COPY))
        status, body = ("404 X", b"") if body is None else ("200 X", body)
        return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    fed.link(to, name).change = other


async def looked(member: Member, ready: Callable[[], Any]) -> None:
    """Until the watcher of a node has come so far."""

    async def now() -> bool:
        return bool(ready())

    await until(now)


def size(member: Member) -> int:
    replica = member.exchange.members.replica
    assert replica is not None
    return int(replica.size)


async def grow(fed: Federation) -> None:
    """The log grows by two, which nobody learns of from the directory yet."""
    await fed.change_status_unseen(fed["utrecht"], "suspended")
    await fed.change_status_unseen(fed["utrecht"], "active")


# what grows is followed


async def test_what_a_peer_has_more_of_is_taken_from_the_peer(fed: Federation) -> None:
    """A directory that shows nothing new is found out by the first parcel of somebody else."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    before = size(lisboa)
    fed.link("lisboa", DIRECTORY).cut()
    await grow(fed)
    await fed.learns(utrecht, lambda: size(utrecht) == before + 2)
    await utrecht.refer(lisboa)
    await fed.settle()
    await looked(lisboa, lambda: size(lisboa) == before + 2)
    assert lisboa.exchange.views.conflicts == ()
    assert await lisboa.count("SELECT COUNT(*) FROM log_entries") == before + 2
    assert lisboa.exchange.members.checkpoint == utrecht.exchange.members.checkpoint
    paths = [r.path for r in fed.link("lisboa", "utrecht").requests if r.path.startswith(COPY)]
    assert paths[0] == COPY + "/checkpoint"
    # The same words again cost nothing.
    await utrecht.refer(lisboa)
    await fed.settle()
    assert [r.path for r in fed.link("lisboa", "utrecht").requests if r.path.startswith(COPY)] == (
        paths
    )


async def test_a_withheld_suspension_is_learned_from_a_receipt(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    fed.link("lisboa", DIRECTORY).hold()
    await fed.change_status_unseen(utrecht, "suspended")
    await fed.learns(
        utrecht, lambda: utrecht.exchange.members.get(utrecht.id).status == "suspended"
    )
    assert lisboa.exchange.members.get(utrecht.id).status == "active"
    await lisboa.refer(utrecht)
    await fed.settle()
    await looked(lisboa, lambda: lisboa.exchange.members.get(utrecht.id).status == "suspended")
    fed.link("lisboa", DIRECTORY).release()


async def test_once_a_day_everybody_is_asked(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    watcher = lisboa.node.watcher
    assert watcher is not None
    link = fed.link("lisboa", "utrecht")

    def asked() -> int:
        return sum(r.path == COPY + "/checkpoint" for r in link.requests)

    async def again() -> None:
        lisboa.exchange.views.wake.set()
        await until(partial(_at_rest, lisboa))

    await again()
    assert asked() == 0
    fed.clock.now += FIRST + 1000
    await again()
    await looked(lisboa, lambda: asked() == 1)
    await again()
    assert asked() == 1
    # A restart does not ask anew, and does not forget.
    fed.clock.now += AGAIN - 2000
    await lisboa.stop()
    await lisboa.start()
    await again()
    assert asked() == 1
    fed.clock.now += 4000
    await again()
    await looked(lisboa, lambda: asked() == 2)


async def _at_rest(member: Member) -> bool:
    await asyncio.sleep(0.02)
    return not member.exchange.views.wake.is_set()


async def test_what_nobody_gives_us_for_a_day_is_an_alarm(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    fork = await fork_of(fed, lisboa)
    fork.join("ghost")
    views = lisboa.exchange.views
    views.shown(utrecht.id, fork.note().decode())
    await looked(lisboa, lambda: utrecht.id in views.ahead)
    assert views.alarms(fed.clock.now) == []
    fed.clock.now += DAY
    assert [each.member for each in views.alarms(fed.clock.now)] == [utrecht.id]
    await lisboa.stop()
    await lisboa.start()
    views = lisboa.exchange.views
    assert [each.member for each in views.alarms(fed.clock.now)] == [utrecht.id]
    # It gives it at last: no alarm any more.
    shows(fed, "utrecht", "lisboa", fork)
    fed.clock.now += 2 * HOUR  # what was refused is left alone for one
    views.wake.set()
    await looked(lisboa, lambda: views.alarms(fed.clock.now) == [])
    assert size(lisboa) == len(fork.leaves)


async def test_what_the_log_did_not_sign_is_ignored_and_counted(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    views = lisboa.exchange.views
    note = lisboa.exchange.members.checkpoint
    other = note.replace("\n", "\n9", 1)
    with capture_logs() as lines:
        views.shown(utrecht.id, other)
        views.shown(utrecht.id, other)
        await looked(lisboa, lambda: views.ignored == 1)
        views.shown(utrecht.id, "not a note")
        await looked(lisboa, lambda: views.ignored == 2)
    found = [(x["event"], x["code"], x["refused"]) for x in lines if x["event"] == "view.ignored"]
    assert found == [
        ("view.ignored", "bad-signature", 1),
        ("view.ignored", "bad-checkpoint", 2),
    ]
    assert views.conflicts == ()


# what forks is proved


@pytest.mark.parametrize("grown", [0, 1, 3])
async def test_another_log_is_proved_kept_and_stops_new_keys(fed: Federation, grown: int) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    fork = await fork_of(fed, lisboa)
    fork.back_to(size(lisboa) - 1)
    for number in range(grown + 1):
        fork.join(f"ghost {number}")
    shows(fed, "utrecht", "lisboa", fork)
    before = size(lisboa)
    views, members = lisboa.exchange.views, lisboa.exchange.members
    with capture_logs() as lines:
        views.shown(utrecht.id, fork.note().decode())
        await looked(lisboa, lambda: views.conflicts and _files(lisboa))
    assert [x["log_level"] for x in lines if x["event"] == "view.forked"] == ["error"]
    [conflict] = views.conflicts
    assert (conflict.shown_by, conflict.alike) == (utrecht.id, before - 1)
    [path] = _files(lisboa)
    assert path.stat().st_mode & 0o777 == 0o600
    replica = members.replica
    proved = verify_fork_proof(path.read_bytes(), fed.clock.now, replica.directory.genesis)
    assert {proved.first.size, proved.second.size} == {before, len(fork.leaves)}
    assert proved.shown_by == utrecht.id

    # Utrecht's key came into the log last and was never in use here: it counts as not known.
    assert members.doubtful == {utrecht.id}
    assert members.current_prekey(utrecht.id) is None
    await utrecht.refer(lisboa)
    await asyncio.sleep(0.1)
    assert await lisboa.count("SELECT COUNT(*) FROM messages") == 0

    # The administrator is told by mail and sees it in `status`.
    wrong = [each for each in await troubles(lisboa.exchange.core, fed.clock.now) if each.urgent]
    assert [(each.reason, each.subject) for each in wrong] == [(FORKED, conflict.proof)]
    told = letter(wrong, fed.clock.now, "Europe/Lisbon", None)
    assert "Two versions of the directory were shown" in told.text
    status = await lisboa.node.operations().handlers()["status"]({})
    assert status["views"]["conflicts"][0]["proof"] == conflict.proof.hex()
    with redirect_stdout(StringIO()) as said:
        show.status(status, lisboa.config, fed.clock.now)
    assert "Others see   ANOTHER LOG, since" in said.getvalue()

    # Nothing more is taken in, and that survives a restart.
    await lisboa.stop()
    await lisboa.start()
    await grow(fed)
    poller = lisboa.node.poller
    assert poller is not None
    await fed.learns(lisboa, lambda: poller.trouble == "forked-log")
    assert size(lisboa) == before

    # The administrator settles it, after VSE has explained it.
    arguments = {"proof": conflict.proof.hex()}
    answer = await lisboa.node.operations().handlers()["directory-settle"](arguments)
    assert answer == {"proof": conflict.proof.hex(), "left": 0}
    await fed.learns(lisboa, lambda: size(lisboa) == before + 2)
    assert lisboa.exchange.members.doubtful == frozenset()
    await fed.settle()
    assert await lisboa.count("SELECT COUNT(*) FROM messages") == 1
    # The same false log is known by now; another one of it is no news.
    fork.join("one more")
    lisboa.exchange.views.shown(utrecht.id, fork.note().decode())
    await until(partial(_at_rest, lisboa))
    assert lisboa.exchange.views.unsettled == []


def _files(member: Member) -> list[Path]:
    return sorted(member.folder.proofs.glob("*.fork")) if member.folder.proofs.exists() else []


async def test_known_peers_go_on_working_while_the_log_is_in_doubt(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.settle()
    fork = await fork_of(fed, lisboa)
    fork.back_to(1)
    fork.join("ghost")
    lisboa.exchange.views.shown(utrecht.id, fork.note().decode())
    await looked(lisboa, lambda: lisboa.exchange.views.conflicts)
    assert lisboa.exchange.members.forked_at is not None
    assert lisboa.exchange.members.doubtful == frozenset()
    await utrecht.read()
    await utrecht.note(said.thread, "We have it")
    await lisboa.note(said.thread, "Good")
    await fed.settle()
    assert (await lisboa.read()).imported == 1


async def test_a_directory_that_shows_another_log_proves_it_itself(fed: Federation) -> None:
    """A split view, longer than what is held: its own tiles are the proof."""
    lisboa = fed["lisboa"]
    fork = await fork_of(fed, lisboa)
    fork.back_to(size(lisboa) - 1)
    fork.join("ghost")
    fork.join("spirit")
    link = fed.link("lisboa", DIRECTORY)

    def other(request: Request, _: Answer) -> bytes | None:
        body = fork.answer(request.path)
        if body is None:
            return None
        return f"HTTP/1.1 200 X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    link.change = other
    before = size(lisboa)
    poller = lisboa.node.poller
    assert poller is not None
    await fed.learns(lisboa, lambda: poller.trouble == "forked-log")
    [conflict] = lisboa.exchange.views.conflicts
    assert (conflict.shown_by, conflict.size) == (None, len(fork.leaves))
    assert size(lisboa) == before


async def test_tiles_that_do_not_match_prove_nothing(fed: Federation) -> None:
    """The log grew as it should, but the entries that are served are not its entries."""
    lisboa = fed["lisboa"]
    link = fed.link("lisboa", DIRECTORY)
    fork = await fork_of(fed, lisboa)
    fork.join("ghost")

    def other(request: Request, _: Answer) -> bytes | None:
        if not request.path.startswith("/tile/entries/"):
            return None
        padded = Fork(fork.directory.genesis, fork.leaves, fork.log, fork.registrar, fork.now)
        padded.join("spirit")
        number = request.path.rpartition(".p/")[2]
        body = padded.answer(f"/tile/entries/000.p/{number}") or b""
        return f"HTTP/1.1 200 X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    link.change = other
    await grow(fed)
    poller = lisboa.node.poller
    assert poller is not None
    await fed.learns(lisboa, lambda: poller.trouble == "bad-proof")
    assert lisboa.exchange.views.conflicts == ()
    link.mend()
    await fed.learns(lisboa, lambda: poller.trouble is None)


# the copy that a node serves


async def test_a_copy_is_served_whole_and_conditionally(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    base = f"http://127.0.0.1:{utrecht.port}{COPY}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/checkpoint") as answer:
            note, tag = await answer.read(), answer.headers["ETag"]
        async with session.get(f"{base}/checkpoint", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        assert note.decode() == utrecht.exchange.members.checkpoint
        count = peek_checkpoint(note).size
        async with session.get(f"{base}/tile/entries/000.p/{count}") as answer:
            entries = await answer.read()
        async with session.get(f"{base}/tile/0/000.p/{count}") as answer:
            hashes = await answer.read()
        for wrong in (
            f"tile/entries/000.p/{count + 1}",
            "tile/entries/000",
            "tile/0/001.p/1",
            "tile/8/000.p/1",
            "tile/00/000.p/1",
            "tile/entries/0",
        ):
            async with session.get(f"{base}/{wrong}") as answer:
                assert answer.status == 404, wrong
    fork = await fork_of(fed, lisboa)
    assert entries == fork.answer(f"/tile/entries/000.p/{count}")
    assert hashes == fork.answer(f"/tile/0/000.p/{count}")


def test_a_stranger_reads_at_a_measured_pace() -> None:
    now = 0.0
    pace = Pace(monotonic=lambda: now)
    assert all(pace.reader("192.0.2.7") == 0 for _ in range(READERS_PER_MINUTE))
    assert pace.reader("192.0.2.7") == 1
    assert pace.reader("192.0.2.8") == 0
    assert pace.reader("127.0.0.1") == 0  # a web server of ours: its own limits hold
    now += 1
    assert pace.reader("192.0.2.7") == 0
