"""The examples for operators hold what they say: units, proxy, profile, and the table of events."""

import ast
import configparser
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from referral_directory.console.visit import FORM_BYTES as CONSOLE_BYTES
from referral_node.profile_file import read_profile
from referral_node.web.uploading import MOST
from referral_protocol import profiles
from referral_protocol.directory.requests import MAX_SUBMISSION
from referral_protocol.parcels import MAX_PARCEL
from referral_protocol.uploads import MAX_UPLOAD
from referral_ui.formdata import FORM_BYTES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
RUNBOOK = DEPLOY / "RUNBOOK.md"
LOCKS = {
    "LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "PrivateDevices", "PrivateTmp",
    "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname", "ProtectKernelLogs",
    "ProtectKernelModules", "ProtectKernelTunables", "RemoveIPC", "RestrictNamespaces",
    "RestrictRealtime", "RestrictSUIDSGID",
}  # fmt: skip


# --- units --------------------------------------------------------------------------------------


class Unit(configparser.RawConfigParser):
    """A unit file: keys keep their case, and one that comes again adds to itself."""

    def __init__(self) -> None:
        super().__init__(strict=False, interpolation=None, delimiters=("=",), comment_prefixes="#")

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def service(path: Path) -> dict[str, str]:
    unit = Unit()
    unit.read_string(path.read_text("utf-8"))
    # What a timer starts is not started by itself.
    started = set() if path.with_suffix(".timer").exists() else {"Install"}
    assert set(unit) - {"DEFAULT"} == {"Unit", "Service"} | started
    return dict(unit["Service"])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_lock_the_service_in(path: Path) -> None:
    found = service(path)
    assert {key: found.get(key) for key in LOCKS} == dict.fromkeys(LOCKS, "yes")
    exact = {
        "ProtectSystem": "strict",
        "UMask": "0077",
        "StateDirectoryMode": "0700",
        "LimitCORE": "0",
        "MemorySwapMax": "0",
        "CapabilityBoundingSet": "",
        "Restart": "on-failure",
        "SystemCallErrorNumber": "EPERM",
    }
    assert {key: found.get(key) for key in exact} == exact
    assert found["User"] == found["StateDirectory"] != "root"
    assert f"%S/{found['StateDirectory']}/" in found["ExecStart"]
    # A secret in the environment can be read by whoever may look at the process.
    assert not [key for key in found if "Environment" in key]


def verified(folder: Path, more: str = "") -> str:
    """What systemd says about our units for `lisboa`; ``more``: a line put into each."""
    folder.mkdir()
    units = []
    for path in sorted((DEPLOY / "systemd").iterdir()):
        text = path.read_text("utf-8").replace("/opt/referral/bin/referral", "/bin/true")
        unit = folder / path.name.replace("@.", "@lisboa.")
        unit.write_text(text.replace("[Unit]\n", f"[Unit]\n{more}"), "utf-8")
        units.append(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, units)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr + ("" if done.returncode == 0 else "it failed")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_systemd_finds_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    assert verified(tmp_path / "units") == ""
    said = verified(tmp_path / "wrong", "Colour=blue\n")
    assert said.count("Colour") == len(list((DEPLOY / "systemd").iterdir()))


def test_a_backup_reaches_nobody_but_its_node() -> None:
    found = service(DEPLOY / "systemd/referral-backup@.service")
    assert found["PrivateNetwork"] == "yes"
    assert found["RestrictAddressFamilies"] == "AF_UNIX"
    to = found["ExecStart"].split(" --to ")[1].split()[0]
    assert found["ReadWritePaths"] == to


# --- proxy --------------------------------------------------------------------------------------


def servers(text: str) -> dict[str, str]:
    """The text of each server block, by the port that it passes requests to."""
    pieces = re.split(r"^server \{$", text, flags=re.MULTILINE)[1:]
    found = {}
    for piece in pieces:
        port = re.search(r"proxy_pass http://127\.0\.0\.1:(\d+);", piece)
        assert port is not None
        found[port[1]] = re.sub(r"#.*", "", piece)
    return found


def limit(block: str) -> int:
    """``client_max_body_size`` in bytes."""
    found = re.search(r"client_max_body_size (\d+)([km]);", block)
    assert found is not None
    return int(found[1]) * {"k": 1024, "m": 1024**2}[found[2]]


def test_the_proxy_lets_in_what_the_program_takes_and_little_more() -> None:
    text = (DEPLOY / "proxy/nginx.conf").read_text("utf-8")
    found = servers(text)
    assert set(found) == {"8700", "8701", "8710", "8711"}
    for port, most in (
        ("8700", MAX_PARCEL),
        ("8701", FORM_BYTES),
        ("8710", MAX_SUBMISSION),
        ("8711", CONSOLE_BYTES),
    ):
        assert most < limit(found[port]) < most * 1.25
        assert "gzip off;" in found[port]
        assert "proxy_max_temp_file_size 0;" in found[port]
    assert f"{MAX_PARCEL:,} bytes" in text
    assert limit(found["8700"]) > MAX_UPLOAD
    files = re.search(r"location ~ (\S+) \{(.*?)\}", found["8701"], re.DOTALL)
    assert files is not None
    assert MOST < limit(files[2]) < MOST * 1.25
    assert "proxy_request_buffering off;" in files[2]
    for path in (f"/referral/{'0a' * 32}/files", f"/new/{'0a' * 16}/files"):
        assert re.search(files[1], path)
    for port in ("8700", "8701", "8711"):
        assert "ssl_protocols TLSv1.3;" in found[port]
        assert "proxy_request_buffering off;" in found[port]
        assert "X-Forwarded-For" not in found[port]
    for port in ("8701", "8711"):
        assert "access_log off;" in found[port]
        assert "error_log /dev/null" in found[port]
    assert "deny all;" in found["8711"]


# --- profile ------------------------------------------------------------------------------------


def test_the_example_of_a_profile_is_one() -> None:
    profile = profiles.decode(read_profile(DEPLOY / "profile.example.toml"))
    assert profile.contact("point-of-contact") is not None


# --- events -------------------------------------------------------------------------------------

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def events(tree: ast.AST) -> Iterator[str]:
    """The first arguments of calls like ``log.info("node.ready", ...)``."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        target = call.func.value
        name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
        if call.func.attr not in LEVELS or name not in ("log", "_log") or not call.args:
            continue
        for part in ast.walk(call.args[0]):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value


def said_in_code(*packages: str) -> set[str]:
    return {
        event
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
        for event in events(ast.parse(path.read_text("utf-8")))
    }


def said_in_table(text: str, heading: str) -> set[str]:
    """The codes in the first column of the table under a heading."""
    part = text.split(f"\n### {heading}\n", 1)[1].split("\n#", 1)[0]
    cells = re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE)
    return {event for cell in cells for event in re.findall(r"`([^`]+)`", cell)}


def test_the_search_for_events_finds_them() -> None:
    code = 'log.info("a.b", x=1)\nself._log.error("c" if y else "d")\nmath.log("e")\nlog.bind("f")'
    assert set(events(ast.parse(code))) == {"a.b", "c", "d"}
    table = "x\n### One\n| event | y |\n| `a.b`, `d` | `x` |\n\n## Two\n| `c` | x |\n"
    assert said_in_table(table, "One") == {"a.b", "d"}


@pytest.mark.parametrize(
    ("heading", "packages", "shared"),
    [
        ("Events of a node", ("node/referral_node", "tools/referral_ui"), set()),
        ("Events of the directory", ("directory/referral_directory", "tools/referral_ui"), set()),
    ],
)
def test_the_runbook_explains_every_event_and_no_other(
    heading: str, packages: tuple[str, ...], shared: set[str]
) -> None:
    code = said_in_code(*packages) | shared
    assert shared <= said_in_code("tools/referral_ui")
    assert len(code) > 5
    assert said_in_table(RUNBOOK.read_text("utf-8"), heading) == code


def test_the_runbook_explains_every_figure_and_no_other() -> None:
    code = (ROOT / "node/referral_node/api/metrics.py").read_text("utf-8")
    served = set(re.findall(r"\breferral_[a-z_]+\b", code)) - {"referral_node", "referral_protocol"}
    assert "referral_outbox_waiting" in served
    assert said_in_table(RUNBOOK.read_text("utf-8"), "Figures for monitoring") == served
