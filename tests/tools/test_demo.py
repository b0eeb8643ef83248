"""The demo's parts: passwords, profiles, ports, the state folder, one process."""

import asyncio
import os
import signal
import socket
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from referral_directory.commands.desk import SHORTEST
from referral_node.passwords import check_password
from referral_node.profile_file import parse_profile
from referral_protocol import profiles
from referral_tools.demo import process as process_
from referral_tools.demo.cast import PLAYERS, Player
from referral_tools.demo.founding import printed_fingerprint
from referral_tools.demo.live import choose_ports
from referral_tools.demo.place import Place, Progress
from referral_tools.demo.ports import free_ports, is_free
from referral_tools.demo.process import Process, need, run
from referral_tools.demo.show import Show
from referral_tools.demo.toml import write_toml
from referral_tools.demo.trouble import DemoTrouble
from referral_tools.demo.words import WORDS, new_password


def test_its_passwords_may_be_chosen_and_differ() -> None:
    assert len(set(WORDS)) == 128
    made = {new_password() for _ in range(50)}
    assert len(made) == 50
    for text in made:
        assert len(text) >= SHORTEST
        for player in PLAYERS:
            check_password(text, player.user, player.person, player.name)


@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.code)
def test_a_profile_file_says_what_the_example_says(player: Player) -> None:
    assert parse_profile(write_toml(player.profile)) == profiles.encode(dict(player.profile))


def test_toml_keeps_every_character() -> None:
    values = {"top": 1, "a": {"text": 'ї "quoted" \\ \n \x7f \x01', "on": True, "n": [1, "x"]}}
    assert tomllib.loads(write_toml(values)) == values
    with pytest.raises(TypeError):
        write_toml({"a": {"b": 1.5}})


def test_the_fingerprint_is_read_from_what_init_printed() -> None:
    groups = [f"{n:05}" for n in range(12)]
    lines = "\n             ".join(" ".join(groups[n : n + 4]) for n in (0, 4, 8))
    printed = f"Member id    aa\nFingerprint  {lines}\nNext: referral node serve\n"
    assert printed_fingerprint(printed) == " ".join(groups)
    with pytest.raises(DemoTrouble, match="printed no fingerprint"):
        printed_fingerprint("Fingerprint  12345 12345\n")


@contextmanager
def listening(port: int) -> Iterator[None]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        yield


def test_a_new_demo_moves_to_free_ports_and_an_old_one_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = free_ports()
    assert ports is not None
    assert len(ports.all()) == 11
    pages = ports.pages("utrecht")
    with Place(tmp_path / "state") as place:
        assert choose_ports(place, ports.base, Show()) == ports
        with listening(pages):
            assert not is_free(pages)
            moved = choose_ports(place, ports.base, Show())
            assert moved != ports
            said = capsys.readouterr().out
            assert (
                said == f"Port {pages} is in use: the demo takes ports from {moved.base} instead.\n"
            )
            place.keep(Progress(ports.base, joined=True))
            with pytest.raises(DemoTrouble, match=f"port {pages} .Steunpunt Dom, pages. is in use"):
                choose_ports(place, None, Show())
        assert choose_ports(place, 30_000, Show()) == ports
        assert "--base-port is not used" in capsys.readouterr().out


def test_a_folder_is_taken_once_and_never_from_others(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("do not lose this")
    with pytest.raises(DemoTrouble, match="something other than a demo's state"):
        Place(tmp_path / "mine").__enter__()
    with Place(tmp_path / "state") as place:
        with pytest.raises(DemoTrouble, match="a demo runs here already"):
            Place(tmp_path / "state").__enter__()
        place.write(place.password("lisboa"), "four-plain-words-here\n")
        assert place.password("lisboa").stat().st_mode & 0o777 == 0o600
        assert place.path.stat().st_mode & 0o777 == 0o700
        place.keep(Progress(18700))
    with Place(tmp_path / "state") as place:
        assert place.progress == Progress(18700)


# --- one process --------------------------------------------------------------------------------

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready http://127.0.0.1:1/", flush=True)
time.sleep(600)
"""
BRIEF = "import sys; print('half a'); print('word', file=sys.stderr); sys.exit(3)"


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started is a line of Python instead of `referral`."""
    for command in ("REFERRAL", "CHILD"):
        monkeypatch.setattr(process_, command, (sys.executable, "-c"))


@pytest.mark.usefixtures("python")
async def test_a_process_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    stubborn = Process("The stubborn one", (STUBBORN,), tmp_path / "log")
    await stubborn.start()
    assert stubborn.url == "http://127.0.0.1:1/"
    pid = stubborn.pid
    await stubborn.stop(within=0.2)
    assert (stubborn.running, stubborn.pid) == (False, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.usefixtures("python")
async def test_a_process_that_ends_before_it_is_ready_is_told_with_its_last_words(
    tmp_path: Path,
) -> None:
    brief = Process("The brief one", (BRIEF,), tmp_path / "log")
    with pytest.raises(DemoTrouble, match="The brief one has ended with status 3") as told:
        await brief.start()
    assert sorted(told.value.lines) == ["half a", "word"]


@pytest.mark.usefixtures("python")
async def test_a_death_is_noticed_and_a_stop_is_none(tmp_path: Path) -> None:
    one = Process("The one", (STUBBORN,), tmp_path / "log")
    await one.start()
    dying = asyncio.ensure_future(one.died())
    await one.kill()
    await asyncio.sleep(0.1)
    assert not dying.done()
    await one.start()
    os.kill(one.pid, signal.SIGKILL)
    assert str(await dying) == "The one has ended with signal 9"


@pytest.mark.usefixtures("python")
async def test_a_command_that_hangs_or_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DemoTrouble, match="did not end within 0 s"):
        await run("import time; time.sleep(600)", within=0.3)
    with pytest.raises(DemoTrouble, match="failed: word"):
        await need(BRIEF)
