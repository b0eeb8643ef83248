"""`referral directory` as VSE's office uses it: real processes, and what a terminal shows."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from directory_server import records_of
from directory_world import bundle_of, id_of, signer
from referral_protocol.directory import paths
from referral_protocol.directory.entries import parse_anchor
from referral_protocol.directory.requests import Submission, make_join, parse_request_state
from referral_protocol.keys import fingerprint

REFERRAL = [str(Path(sys.executable).with_name("referral")), "directory"]
PASSWORD = "correct horse battery"


def run(*arguments: str | Path, expect: int = 0) -> str:
    """A command's output, both streams, after it ended as expected."""
    done = subprocess.run(
        [*REFERRAL, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    said = done.stdout + done.stderr
    assert done.returncode == expect, said
    return said


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the password in a file and a directory beside it."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    run(
        "init", "--state", tmp_path / "state", "--origin", "directory.example.org",
        "--password-file", tmp_path / "password", "--port", "0", "--allow-loopback",
    )  # fmt: skip
    return tmp_path


@contextmanager
def serving(place: Path) -> Iterator[str]:
    """`serve` in a process of its own; its address."""
    with subprocess.Popen(
        [*REFERRAL, "serve", "--state", str(place / "state")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert re.fullmatch(r"ready http://127\.0\.0\.1:\d+\n", line), line
            yield line.split()[1]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0


def post(url: str, submission: Submission) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own directory
        url + paths.REQUESTS,
        data=submission.pack(),
        headers={"Content-Type": "application/msgpack"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own directory
        assert answer.status == 202


def state_of(url: str, submission: Submission) -> tuple[str, str]:
    path = url + paths.request_path(submission.id)
    with urllib.request.urlopen(path, timeout=20) as answer:  # noqa: S310 - our own directory
        state = parse_request_state(answer.read())
    return state.state, state.text


def join_of(place: Path, name: str) -> Submission:
    anchor = run("status", "--state", place / "state", "--json")
    genesis = bytes.fromhex(json.loads(anchor)["genesis"])
    now = time.time_ns() // 1_000_000
    return make_join(
        genesis,
        signer(f"{name} vault"),
        signer(f"{name} node"),
        f"https://{name}.invalid",
        (),
        records_of(name),
        bundle_of(name, now),
        now,
    )


def fingerprint_of(name: str) -> str:
    return fingerprint(signer(f"{name} vault").public, signer(f"{name} node").public)


def test_init_prints_the_anchor(place: Path) -> None:
    status = json.loads(run("status", "--state", place / "state", "--json"))
    assert parse_anchor(status["anchor"]).hex() == status["genesis"]
    assert (status["running"], status["size"], status["waiting"]) == (False, 1, 0)
    assert "not running" in run("status", "--state", place / "state")
    again = run(
        "init", "--state", place / "state", "--origin", "x.example.org",
        "--password-file", place / "password", expect=1,
    )  # fmt: skip
    assert again.startswith("Error: ")
    assert "choose another folder" in again


def test_whole_life_of_two_members(place: Path) -> None:
    """The registrar's part from the first request to a removal, while the directory serves."""
    state = ("--state", place / "state")
    password = ("--password-file", place / "password")
    (place / "heard").write_text(fingerprint_of("lisbon") + "\n")
    with serving(place) as url:
        lisbon, utrecht = join_of(place, "lisbon"), join_of(place, "utrecht")
        post(url, lisbon)
        post(url, utrecht)

        listed = run("requests", *state)
        assert listed.count("\n") == 2
        assert "+351" in listed
        assert lisbon.id.hex()[:8] in listed
        machine = run("requests", *state, "--json")
        assert [each["id"] for each in json.loads(machine)] == [lisbon.id.hex(), utrecht.id.hex()]
        for said in (listed, machine):
            assert fingerprint_of("lisbon")[:11] not in said
            assert signer("lisbon vault").public.hex() not in said

        wrong = run(
            "approve", utrecht.id.hex(), *state, *password,
            "--fingerprint-file", place / "heard", expect=1,
        )  # fmt: skip
        assert "not the fingerprint of this request. No line is the same." in wrong
        assert fingerprint_of("utrecht")[:11] not in wrong
        (place / "other").write_text("not the password\n")
        bad = run(
            "approve", lisbon.id.hex(), *state, "--password-file", place / "other",
            "--fingerprint-file", place / "heard", expect=1,
        )  # fmt: skip
        assert "the password is wrong" in bad
        assert state_of(url, lisbon)[0] == "waiting"

        done = run(
            "approve", lisbon.id.hex()[:8], *state, *password, "--fingerprint-file", place / "heard"
        )
        assert f"member {id_of('lisbon').hex()}, entry 1" in done
        assert state_of(url, lisbon) == ("approved", "")

        run("ask", utrecht.id.hex(), *state, "--text", "Which number may we call?")
        assert state_of(url, utrecht) == ("asked-again", "Which number may we call?")
        run("decline", utrecht.id.hex(), *state, "--reason", "Nobody answers.")
        assert state_of(url, utrecht) == ("declined", "Nobody answers.")
        assert "No one is waiting" in run("requests", *state)

        member = id_of("lisbon").hex()[:8]
        run("suspend", member, *state, *password, "--reason", "keys-compromised", "--until", "7d")
        assert "suspended" in run("members", *state)
        words = run("suspend", member, *state, *password, "--reason", "zzz", expect=2)
        assert "'keys-compromised', 'not-reachable', 'misuse'" in words
        run("lift", member, *state, *password)
        assert "active" in run("members", *state)
    # And without a process that serves:
    run("remove", member, *state, *password, "--reason", "left", "--yes")
    members = json.loads(run("members", *state, "--json"))
    assert [(each["status"], each["name"]) for each in members] == [("removed", "")]
    assert json.loads(run("status", *state, "--json"))["size"] == 5


def test_killed_and_started_again(place: Path) -> None:
    with subprocess.Popen(
        [*REFERRAL, "serve", "--state", str(place / "state")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        lisbon = join_of(place, "lisbon")
        post(url, lisbon)
        process.kill()
        process.wait()
    with serving(place) as url:
        assert state_of(url, lisbon)[0] == "waiting"
        assert "Error" not in run("status", "--state", place / "state")


def test_clear_lines(place: Path, tmp_path: Path) -> None:
    state = place / "state"
    assert "`referral directory init` makes one" in run(
        "serve", "--state", tmp_path / "nothing", expect=1
    )
    (tmp_path / "short").write_text("short\n")
    assert "at least 12 characters" in run(
        "init", "--state", tmp_path / "new", "--origin", "a.example.org",
        "--password-file", tmp_path / "short", expect=1,
    )  # fmt: skip
    assert not (tmp_path / "new").exists()
    for url, said in (
        ("http://127.0.0.1:28710", "for a trial here make the directory with --allow-loopback"),
        ("directory.example.org", "Error: url: write it like https://directory.example.org"),
    ):
        assert said in run(
            "init", "--state", tmp_path / "new", "--origin", "a.example.org",
            "--password-file", place / "password", "--url", url, expect=1,
        )  # fmt: skip
        assert not (tmp_path / "new").exists()
    blind = run("init", "--state", tmp_path / "new", "--origin", "a.example.org", expect=1)
    assert blind == (
        "Error: Registrar's password (at least 12 characters): there is no terminal to type it at; "
        "give --password-file\n"
    )
    with serving(place):
        assert "a directory runs in this folder already" in run("serve", "--state", state, expect=1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} on 127.0.0.1 is in use" in run(
            "serve", "--state", state, "--port", port, expect=1
        )
    (state / "directory.toml").write_text("prot = 8710\n")
    assert "unknown key `prot`" in run("serve", "--state", state, expect=1)


def terminal(arguments: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command at a pseudo-terminal: after each text that it shows, type the answer."""
    pid, master = pty.fork()
    if pid == 0:  # the child becomes the command
        os.execv(REFERRAL[0], [*REFERRAL, *arguments])  # noqa: S606 - our own program
    said, position = "", 0
    deadline = time.monotonic() + 60
    for wanted, typed in [*answers, ("", "")]:
        while not wanted or wanted not in said[position:]:
            assert time.monotonic() < deadline, said
            if not select.select([master], [], [], 1)[0]:
                continue
            try:
                piece = os.read(master, 4096)
            except OSError:
                piece = b""
            if not piece:
                _, code = os.waitpid(pid, 0)
                os.close(master)
                return os.waitstatus_to_exitcode(code), said
            said += piece.decode()
        position = len(said)
        os.write(master, typed.encode() + b"\n")
    raise AssertionError("not reached")


def test_registrar_types_fingerprint_and_password(place: Path) -> None:
    """At a terminal: the line that differs is named, the password is not shown."""
    lisbon = join_of(place, "lisbon")
    right = fingerprint_of("lisbon")
    groups = right.split(" ")
    groups[5] = f"{(int(groups[5]) + 1) % 100_000:05d}"
    with serving(place) as url:
        post(url, lisbon)
        code, said = terminal(
            ["approve", lisbon.id.hex()[:8], "--state", str(place / "state")],
            [
                ("Fingerprint", "12345"),
                ("Fingerprint", " ".join(groups)),
                ("Fingerprint", right),
                ("Password of registrar:", "not this one at all"),
                ("Password of registrar:", PASSWORD),
            ],
        )
        assert code == 0, said
        assert "That was 5 digits, not 60." in said
        assert "Line 2 is not the same. Ask them to read line 2 again." in said
        assert "The password is wrong. 4 more." in said
        assert PASSWORD not in said
        assert state_of(url, lisbon)[0] == "approved"


def test_a_short_password_is_asked_for_again(tmp_path: Path) -> None:
    code, said = terminal(
        ["init", "--state", str(tmp_path / "new"), "--origin", "a.example.org"],
        [
            ("Registrar's password (at least 12 characters):", "short"),
            ("Registrar's password (at least 12 characters):", PASSWORD),
            ("Once more:", PASSWORD + "x"),
            ("Registrar's password (at least 12 characters):", PASSWORD),
            ("Once more:", PASSWORD),
            ("Root keys' password (at least 12 characters):", PASSWORD),
            ("Once more:", PASSWORD),
        ],
    )
    assert code == 0, said
    assert "That is too short: at least 12 characters." in said
    assert "The two are not the same." in said
    assert "Give every member this anchor on paper" in said


def test_password_wrong_five_times(place: Path) -> None:
    lisbon = join_of(place, "lisbon")
    with serving(place) as url:
        post(url, lisbon)
        code, said = terminal(
            ["approve", lisbon.id.hex()[:8], "--state", str(place / "state")],
            [("Fingerprint", fingerprint_of("lisbon")), *[("Password of registrar:", "wrong")] * 5],
        )
        assert code == 1
        assert "the password was wrong five times, and nothing was changed" in said
        assert state_of(url, lisbon)[0] == "waiting"
