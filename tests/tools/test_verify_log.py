"""`referral verify` on a fork proof and on a whole saved log: the real command on real files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from directory_world import DAY, World, id_of
from referral_protocol.directory.entries import anchor_text
from referral_protocol.directory.forks import make_fork_proof, root_leaves
from referral_protocol.directory.paths import pack_entries
from referral_protocol.directory.saved import saved_head
from referral_protocol.directory.views import judge
from referral_tools.cli import main


def two() -> tuple[World, World]:
    ours, theirs = World(), World()
    for world, name in ((ours, "lviv"), (theirs, "ghost")):
        world.now -= 400 * DAY  # the command has the machine's own clock
        world.found(world.root)
        world.join("lisbon", "utrecht", name)
    return ours, theirs


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    ours, theirs = two()
    replica = ours.replica()
    _, shown = judge(replica, theirs.checkpoint(), ours.now)
    roots = root_leaves(ours.leaves)
    path = tmp_path / "found.fork"
    path.write_bytes(
        make_fork_proof(replica, roots, shown, theirs.tree, id_of("utrecht"), ours.now)
    )
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    ours, _ = two()
    path = tmp_path / "log.saved"
    path.write_bytes(saved_head(ours.checkpoint()) + pack_entries(ours.leaves))
    return path


def anchor() -> str:
    return anchor_text(two()[0].genesis)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["verify", *map(str, arguments)], env={"COLUMNS": "140"})


def test_a_fork_proof_is_told_in_plain_words(proof: Path) -> None:
    result = run(proof, "--anchor", anchor())
    assert result.exit_code == 0, result.output
    for words in (
        "This is the anchor that you gave.",
        "One checkpoint:   4 entries",
        f"shown by member {id_of('utrecht').hex()}",
        "Proved: the directory's key signed two logs that cannot both be true.",
        "Which of the two logs is the true one, no proof can say: ask VSE.",
    ):
        assert words in result.output
    assert "compare this one with yours on paper" in run(proof).output


def test_a_saved_log_is_checked_whole(log: Path) -> None:
    result = run(log, "--anchor", anchor())
    assert result.exit_code == 0, result.output
    for words in ("4 entries, root", "Members: 3 active", "Everything in this log holds."):
        assert words in result.output


def test_both_as_json(proof: Path, log: Path) -> None:
    found = json.loads(run(proof, "--json").output)
    assert (found["holds"], found["kind"], found["anchored"]) == (True, "fork-proof", False)
    assert found["first"]["entries"] == found["second"]["entries"] == 4
    found = json.loads(run(log, "--json", "--anchor", anchor()).output)
    assert (found["kind"], found["entries"], found["members"]) == ("log", 4, {"active": 3})
    assert found["anchored"]


@pytest.mark.parametrize("name", ["proof", "log"])
def test_another_anchor_refuses_it(name: str, request: pytest.FixtureRequest) -> None:
    result = run(request.getfixturevalue(name), "--anchor", anchor_text(bytes(32)))
    assert result.exit_code == 1
    assert "Refused: wrong-genesis" in result.output
    assert "this is another directory's log: telephone VSE" in result.output


@pytest.mark.parametrize("name", ["proof", "log"])
def test_a_damaged_file_is_refused_with_a_clear_line(
    name: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    result = run(path)
    assert result.exit_code == 1
    assert "Refused: truncated" in result.output
    assert "no evidence bundle, no fork proof and no saved log" in result.output
    for place in range(60, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        result = run(path)
        assert result.exit_code == 1, place
        assert result.output.startswith("Refused: "), place


def test_a_foreign_file_is_refused_with_a_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    for data in (b"", b"\xff\xd8\xff\xe0 not ours", b"PK\x03\x04", b"# a text\n" * 400):
        path.write_bytes(data)
        result = run(path)
        assert result.exit_code == 1
        assert "This is no evidence bundle, no fork proof and no saved log" in result.output
