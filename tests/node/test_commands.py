"""`referral node` as an administrator runs it: real processes, a real terminal, one line each.

Production's password cost is used throughout, as the command line has no other.
"""

import json
import os
import re
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from babel.core import get_global
from click.testing import CliRunner

from referral_node.commands.node import node
from referral_node.zones import zone_of_capital
from referral_protocol import codes
from terminal import REFERRAL, Terminal

PASSWORD = "correct horse battery"
OTHER = "quite another sentence"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal, in this process: starting one for each takes a second."""
    command = list(map(str, arguments))
    done = CliRunner().invoke(node, command)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)


def started(
    *arguments: str | Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal, as a process of its own."""
    return subprocess.run(
        [*REFERRAL, *map(str, arguments)],
        env=os.environ | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str], words: str) -> None:
    """One line on stderr with these words, nothing on stdout, status 1."""
    assert (done.returncode, done.stdout) == (1, ""), done
    assert re.fullmatch(rf"Error: .*{words}.*\n", done.stderr), done.stderr


def secret(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text + "\n")
    file.chmod(0o600)
    return file


def free_ports() -> list[int]:
    """Three ports that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def init(
    folder: Path, *more: str | Path, how: Callable[..., subprocess.CompletedProcess[str]] = run
) -> subprocess.CompletedProcess[str]:
    # Port 0: each serve takes what is free then.
    return how(
        "init", "--state", folder / "node", "--name", "Ponte Tejo", "--country", "pt",
        "--time-zone", "Europe/Lisbon", "--endpoint", "http://127.0.0.1:18700",
        "--allow-loopback", "--host", "lisboa.localhost", "--exchange-port", "0",
        "--pages-port", "0", "--metrics-port", "0", "--user", "Ines",
        "--display", "Inês Carvalhal", "--password-file", secret(folder, "password", PASSWORD),
        "--kit-file", folder / "kit", *(more or ("--kit-confirmed",)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a node, its password file and its kit, for tests that change none of it."""
    folder = tmp_path_factory.mktemp("made")
    done = init(folder)
    assert done.returncode == 0, done.stderr
    return folder


@contextmanager
def served(
    state: Path, ready: str = "ready http://lisboa.localhost:"
) -> Iterator[subprocess.Popen[str]]:
    """A serving node, ready; stopped with SIGTERM, which must end it cleanly."""
    process = subprocess.Popen(
        [*REFERRAL, "serve", "--state", str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(ready), process.communicate()
        yield process
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def test_behind_a_proxy_the_public_address_is_printed(tmp_path: Path) -> None:
    assert init(tmp_path).returncode == 0
    config = tmp_path / "node/node.toml"
    config.write_text(config.read_text().replace("[pages]\n", "[pages]\nproxy = true\n"))
    with served(tmp_path / "node", "ready https://lisboa.localhost/\n"):
        pass


# --- init -----------------------------------------------------------------------------------------


def test_init_prints_id_and_fingerprint_and_no_secret(tmp_path: Path) -> None:
    done = init(tmp_path, how=started)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"Ponte Tejo: the node is made in {tmp_path / 'node'}"
    assert re.fullmatch(r"Member id {4}[0-9a-f]{32}", lines[1])
    assert re.fullmatch(r"Fingerprint  (\d{5} ){3}\d{5}", lines[2])
    assert all(re.fullmatch(r" {13}(\d{5} ){3}\d{5}", line) for line in lines[3:5])
    kit = (tmp_path / "kit").read_text()
    assert re.fullmatch(r"([A-Z2-7]{4} ){13}[A-Z2-7]{4}\n", kit)
    assert (tmp_path / "kit").stat().st_mode & 0o777 == 0o600
    assert kit[:4] not in done.stdout
    assert PASSWORD not in done.stdout
    status = json.loads(started("status", "--state", tmp_path / "node", "--json").stdout)
    assert status["fingerprint"] == " ".join(" ".join(lines[2:5]).split()[1:])
    assert status["member"] == lines[1].split()[-1]


def test_a_second_init_changes_nothing(made: Path) -> None:
    before = {p.name: p.stat().st_mtime_ns for p in (made / "node").iterdir()}
    told(init(made), "a node is here already; choose another folder")
    told(run("init", "--state", made), "not empty")
    assert {p.name: p.stat().st_mtime_ns for p in (made / "node").iterdir()} == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--country", "Atlantis"), "'Atlantis' is not an ISO 3166-1 code"),
        (("--time-zone", "Lisbon"), "time_zone: not a known time zone"),
        (("--endpoint", "http://exchange.example"), "exchange.endpoint: plain http"),
        (("--host", "a b"), "pages.hosts.1: write host names"),
        (("--pin", "zz"), "exchange.pins.0: write 64 hexadecimal digits"),
        (("--pages-port", "70000"), "pages.port: expected a whole number"),
        (("--user", "a b"), "sign-in name"),
        (("--display", ""), "a person's name has 1 to 120 characters"),
    ],
)
def test_an_answer_that_cannot_be_is_told(
    tmp_path: Path, options: tuple[str, str], words: str
) -> None:
    told(init(tmp_path, "--kit-confirmed", *options), words)
    assert {p.name for p in tmp_path.iterdir()} == {"password"}


def test_a_weak_password_and_a_used_kit_file_are_refused(tmp_path: Path) -> None:
    weak = secret(tmp_path, "weak", "password1234")
    told(init(tmp_path, "--kit-confirmed", "--password-file", weak), "too easy to guess")
    short = secret(tmp_path, "short", "short")
    told(init(tmp_path, "--kit-confirmed", "--password-file", short), "at least 12 characters")
    secret(tmp_path, "kit", "somebody's")
    told(init(tmp_path), "kit: is there already: choose a new file")
    assert (tmp_path / "kit").read_text() == "somebody's\n"
    assert not (tmp_path / "node").exists()


def test_without_a_terminal_what_is_missing_is_a_mistake_in_the_command(tmp_path: Path) -> None:
    done = run("init", "--state", tmp_path / "node")
    assert done.returncode == 2
    assert "missing --name: What is your organisation called" in done.stderr
    done = init(tmp_path, "--allow-loopback")
    assert done.returncode == 2
    assert "give --kit-confirmed" in done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"password"}


def test_a_password_file_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    done = init(tmp_path)
    assert done.returncode == 0
    (tmp_path / "password").chmod(0o644)
    done = run("users", "--state", tmp_path / "node", "--reset", "ines", "--kit-file",
               tmp_path / "kit", "--password-file", tmp_path / "password")  # fmt: skip
    assert done.returncode == 0
    assert "Warning" in done.stderr
    assert "run `chmod go= " in done.stderr


def test_init_at_a_terminal_asks_for_everything(tmp_path: Path) -> None:
    terminal = Terminal("init", "--state", tmp_path / "node")
    terminal.answer("What is your organisation called: ", "x" * 201)
    terminal.answer("What is your organisation called: ", "  Steunpunt   Dom")
    terminal.answer("two letters, like PT): ", "Atlantis")
    terminal.answer("two letters, like PT): ", "Netherlands")
    terminal.answer("(https://...): ", "http://exchange.dom.example")
    terminal.answer("(https://...): ", "http://127.0.0.1:18700")
    terminal.answer("(https://...): ", "https://exchange.dom.example/")
    terminal.answer("Sign-in name of your point of contact: ", "fenna de wit")
    terminal.answer("Sign-in name of your point of contact: ", "fenna")
    terminal.answer("as others read it: ", "x" * 121)
    terminal.answer("as others read it: ", "Fenna de Wit")
    terminal.answer("Password: ", "short")
    terminal.answer("Password: ", PASSWORD)
    terminal.answer("The same again: ", OTHER)
    terminal.answer("Password: ", PASSWORD)
    terminal.answer("The same again: ", PASSWORD)
    kit = dict(re.findall(r"\b(\d{1,2}) ([A-Z2-7]{4})\b", terminal.wait("Type group ")))
    assert len(kit) == 14
    number = terminal.wait(" of the kit: ")
    os.write(terminal.handle, b"AAAA\n")
    terminal.wait("Look again.\nType group " + number)
    terminal.answer(" of the kit: ", kit[number].lower())
    for _ in range(2):
        terminal.wait("Type group ")
        number = terminal.wait(" of the kit: ")
        os.write(terminal.handle, kit[number].encode() + b"\n")
    assert terminal.end() == 0, terminal.seen
    assert "the node is made in" in terminal.seen
    for wrong in (
        "That cannot be: name: ",
        "That cannot be: 'Atlantis' is not an ISO 3166-1 code",
        "That cannot be: exchange.endpoint: plain http",
        "is for trials only; start again with --allow-loopback",
        "That cannot be: a sign-in name has only letters",
        "That cannot be: a person's name has 1 to 120 characters",
    ):
        assert terminal.seen.count(wrong) == 1, wrong
    assert "too short" in terminal.seen
    assert "The two are not the same." in terminal.seen
    assert PASSWORD not in terminal.seen
    config = (tmp_path / "node" / "node.toml").read_text()
    assert 'name = "Steunpunt Dom"' in config
    assert 'endpoint = "https://exchange.dom.example"' in config
    assert 'country = "NL"' in config
    assert 'time_zone = "Europe/Amsterdam"' in config


@pytest.mark.parametrize(
    ("typed", "zone"),
    [("", "Europe/Lisbon"), ("lisbon", "Europe/Lisbon"), ("Azores", "Atlantic/Azores")],
)
def test_a_country_of_several_time_zones_offers_that_of_its_capital(
    tmp_path: Path, typed: str, zone: str
) -> None:
    terminal = Terminal(
        "init", "--state", tmp_path / "node", "--name", "Ponte Tejo", "--country", "PT",
        "--endpoint", "https://exchange.tejo.example", "--user", "ines", "--display", "Ines",
        "--password-file", secret(tmp_path, "password", PASSWORD),
        "--kit-file", tmp_path / "kit", "--kit-confirmed",
    )  # fmt: skip
    terminal.answer("[Europe/Lisbon]: ", typed)
    assert terminal.end() == 0, terminal.seen
    assert f'time_zone = "{zone}"' in (tmp_path / "node" / "node.toml").read_text()


def test_every_usual_time_zone_is_one_of_its_country() -> None:
    for country, zones in get_global("territory_zones").items():
        usual = zone_of_capital(country)
        assert usual is None or usual in zones, country
        # What is offered to whoever has to choose; Antarctica and far islands have no capital.
        if len(zones) > 1 and country in codes.COUNTRIES.codes:
            assert usual is not None or country in {"AQ", "UM"}, country


def test_a_kit_that_nobody_has_makes_no_node(tmp_path: Path) -> None:
    terminal = Terminal(
        "init", "--state", tmp_path / "node", "--name", "x", "--country", "NL",
        "--endpoint", "https://a.example", "--user", "f", "--display", "F",
        "--password-file", secret(tmp_path, "password", PASSWORD), "--kit-file", tmp_path / "kit",
    )  # fmt: skip
    for _ in range(3):
        terminal.answer(" of the kit: ", "AAAA")
    assert terminal.end() == 1
    assert "the kit was not typed back: nothing was made" in terminal.seen
    assert {p.name for p in tmp_path.iterdir()} == {"password"}


# --- the other commands ---------------------------------------------------------------------------


def test_users_over_the_files_and_over_the_socket_are_the_same(tmp_path: Path) -> None:
    assert init(tmp_path).returncode == 0
    state = tmp_path / "node"
    other = secret(tmp_path, "other", OTHER)
    done = run("users", "--state", state, "--add", "Tiago", "--display", "Tiago Faria",
               "--password-file", other, "--by", "ines",
               "--by-password-file", tmp_path / "password")  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "Tiago Faria may sign in as tiago.\n")
    before = run("users", "--state", state, "--json")
    with served(state):
        during = run("users", "--state", state, "--json")
        assert json.loads(during.stdout) == json.loads(before.stdout)
        status = json.loads(run("status", "--state", state, "--json").stdout)
        assert status["running"] is not None
        assert status["keyholders"] == 2
        done = run("users", "--state", state, "--reset", "ines", "--password-file", other,
                   "--by", "tiago", "--by-password-file", other)  # fmt: skip
        assert done.stdout.startswith("ines has a new password"), done.stderr
        assert run("users", "--state", state, "--end", "ines").returncode == 0
        told(run("users", "--state", state, "--end", "tiago"), "tiago is the last keyholder")
        told(started("serve", "--state", state), "works in this folder: stop it first")
    status = json.loads(run("status", "--state", state, "--json").stdout)
    assert status["running"] is None
    assert status["keyholders"] == 1
    lines = run("users", "--state", state).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["Sign-in name", "tiago", "ines"]


def test_five_wrong_passwords_over_the_socket_make_it_wait(made: Path, tmp_path: Path) -> None:
    wrong = secret(tmp_path, "wrong", "a wrong password")

    def attempt() -> subprocess.CompletedProcess[str]:
        return run("users", "--state", made / "node", "--reset", "ines", "--password-file",
                   made / "password", "--by", "ines", "--by-password-file", wrong)  # fmt: skip

    with served(made / "node"):
        for _ in range(5):
            told(attempt(), "the password is wrong")
        told(attempt(), r"too many wrong passwords: wait \d+ seconds, then try again")


def test_status_at_a_pipe_and_at_a_terminal(made: Path) -> None:
    done = run("status", "--state", made / "node")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Running      no\n" in done.stdout
    assert "Directory    not asked yet: `referral node join`\n" in done.stdout
    assert "Nothing waits to be delivered.\n" in done.stdout
    terminal = Terminal("users", "--state", made / "node")
    assert terminal.end() == 0
    assert "Inês Carvalhal" in terminal.seen
    assert "┃" in terminal.seen


def test_status_ends_without_a_word_when_nobody_reads_it(made: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*REFERRAL, "status", "--state", str(made / "node")],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("status",), "there is no such folder"),
        (("users",), "there is no such folder"),
        (("serve",), "there is no such folder"),
        (("join", "http://127.0.0.1:9", "--anchor", "x", "--profile", "p"), "no such folder"),
    ],
)
def test_each_command_tells_that_there_is_no_node(
    tmp_path: Path, command: tuple[str, ...], words: str
) -> None:
    name, *more = command
    told(run(name, "--state", tmp_path / "nowhere", *more), words)


def copied(made: Path, tmp_path: Path) -> Path:
    """A copy of the node that a test may damage."""
    state = tmp_path / "node"
    state.mkdir(mode=0o700)
    for file in (made / "node").iterdir():
        (state / file.name).write_bytes(file.read_bytes())
        (state / file.name).chmod(0o600)
    return state


def test_a_database_of_a_newer_version_is_left_alone(made: Path, tmp_path: Path) -> None:
    state = copied(made, tmp_path)
    with sqlite3.connect(state / "node.db") as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    before = (state / "node.db").read_bytes()
    for command in ("serve", "status"):
        told(started(command, "--state", state), "version 9999.*install the newer program again")
    assert (state / "node.db").read_bytes() == before


def test_what_is_no_database_is_told(made: Path, tmp_path: Path) -> None:
    state = copied(made, tmp_path)
    (state / "node.db").write_bytes(b"not a database, " * 1000)
    for command in ("serve", "status"):
        told(started(command, "--state", state), "damaged.*restore the last backup")


def test_an_unknown_key_in_the_configuration_is_told_with_its_line(
    made: Path, tmp_path: Path
) -> None:
    state = copied(made, tmp_path)
    text = (state / "node.toml").read_text()
    (state / "node.toml").write_text("coulour = 1\n" + text)
    for command in ("serve", "status"):
        told(started(command, "--state", state), "line 1: coulour: there is no such key here")


def test_a_folder_that_others_may_read_is_refused(made: Path, tmp_path: Path) -> None:
    state = copied(made, tmp_path)
    state.chmod(0o755)
    for command in ("serve", "status"):
        told(started(command, "--state", state), "others on this machine may read it")


def test_a_missing_or_damaged_key_is_told(made: Path, tmp_path: Path) -> None:
    state = copied(made, tmp_path)
    (state / "node.key").write_bytes(b"short")
    for command in ("serve", "status"):
        told(started(command, "--state", state), "node.key: damaged")
    (state / "node.key").unlink()
    told(run("status", "--state", state), "node.key: the node's key is missing")


@pytest.mark.parametrize("table", ["exchange", "pages", "metrics"])
def test_a_port_in_use_is_told_with_the_port(made: Path, tmp_path: Path, table: str) -> None:
    state = copied(made, tmp_path)
    config = state / "node.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        before, mark, after = config.read_text().partition(f"[{table}]\n")
        config.write_text(before + mark + after.replace("port = 0", f"port = {port}", 1))
        told(started("serve", "--state", state), rf"{port} \({table}\).*another program")


def test_passwords_are_not_taken_from_arguments_or_the_environment(made: Path) -> None:
    for command in ("init", "join", "users"):
        words = run(command, "--help").stdout
        assert not re.search(r"--(by-)?password\b(?!-file)", words), command
    done = started(
        "users", "--state", made / "node", "--reset", "ines", "--by", "ines",
        environment={"PASSWORD": PASSWORD, "REFERRAL_PASSWORD": PASSWORD},
    )  # fmt: skip
    assert done.returncode == 1
    assert (
        "a password is needed and there is no terminal to ask at: give --password-file"
        in done.stderr
    )


def test_join_tells_every_mistake_of_a_profile(made: Path, tmp_path: Path) -> None:
    profile = tmp_path / "PROFILE.toml"
    profile.write_text('[organisation]\nname = "x"\ncountry = "Portugal"\n')
    done = run("join", "http://127.0.0.1:9", "--anchor", "x", "--profile", profile,
               "--state", made / "node")  # fmt: skip
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert all(line.startswith("Error: PROFILE.toml") for line in lines)
    assert (
        "Error: PROFILE.toml, line 3: organisation.country: 'Portugal' is not an ISO 3166-1 code; "
        "write PT"
    ) in lines
    assert len(lines) > 3


def test_join_needs_to_know_which_directory(made: Path, tmp_path: Path) -> None:
    done = run("join", "--profile", tmp_path / "p", "--state", made / "node")
    assert done.returncode == 2
    assert "say which directory: --invitation, or URL and --anchor" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--invitation", "hello"), "this is not an invitation: it begins with referral-exchange"),
        (
            ("https://d.example", "--invitation", "referral-exchange:join?"),
            "--invitation says both URL and --anchor: leave them out",
        ),
    ],
)
def test_an_invitation_that_is_none_is_told(
    made: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = run("join", *words, "--profile", tmp_path / "p", "--state", made / "node")
    assert done.returncode != 0
    assert said in done.stderr
