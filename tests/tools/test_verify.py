"""`referral verify`: the real command on a real file."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from referral_protocol.directory.entries import anchor_text
from referral_tools.cli import main
from referral_tools.conformance import story

TOLD = story.tell()
ANCHOR = anchor_text(TOLD.log.genesis)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The evidence of the whole story, as a file."""
    path = tmp_path / "thread.evidence"
    path.write_bytes(story.evidence(TOLD))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["verify", *map(str, arguments)], env={"COLUMNS": "140"})


def test_a_bundle_that_holds_is_told_rung_by_rung(bundle: Path) -> None:
    result = run(bundle, "--anchor", ANCHOR)
    assert result.exit_code == 0, result.output
    for words in (
        "This is the anchor that you gave.",
        "Held by their node",
        "2025-06-15 15:07:40",
        "state: accepted",
        "State: completed.",
        "Everything in this bundle holds.",
        TOLD.statements["accepted"].hash.hex()[:12],
    ):
        assert words in result.output


def test_without_an_anchor_it_says_what_to_compare(bundle: Path) -> None:
    result = run(bundle)
    assert result.exit_code == 0
    assert ANCHOR in result.output
    assert "compare this one with yours on paper" in result.output


def test_the_findings_as_json(bundle: Path) -> None:
    result = run(bundle, "--json", "--anchor", ANCHOR.lower().replace(" ", "-"))
    found = json.loads(result.output)
    assert (result.exit_code, found["holds"], found["anchored"]) == (0, True, True)
    assert found["thread"] == TOLD.statements["opened"].hash.hex()
    assert found["state"]["state"] == "completed"
    assert [rung["rung"] for rung in found["rungs"]][:3] == ["sent", "held", "opened"]


@pytest.mark.parametrize(
    ("anchor", "next_step"),
    [
        (anchor_text(bytes(32)), "Compare the anchor with the paper first. If it is right"),
        ("not an anchor", "Write the anchor as on the paper, thirteen groups of four"),
        (ANCHOR[:4], "Write the anchor as on the paper, thirteen groups of four"),
        ("", "Write the anchor as on the paper, thirteen groups of four"),
    ],
)
def test_another_anchor_refuses_the_bundle(bundle: Path, anchor: str, next_step: str) -> None:
    result = run(bundle, "--anchor", anchor)
    assert result.exit_code == 1
    assert "Refused: wrong-genesis" in result.output
    assert next_step in result.output
    assert "Ask its maker" not in result.output
    again = json.loads(run(bundle, "--anchor", anchor, "--json").output)
    assert again["refused"]["layer"] == "directory"
    assert again["holds"] is False


def test_a_file_that_is_no_bundle(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff" * 1000)
    result = run(path)
    assert result.exit_code == 1
    assert "nothing in this file proves anything" in result.output
    assert run(tmp_path / "nowhere").exit_code == 2


def test_a_bundle_from_the_future_blames_the_clock(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    result = run(bundle)
    assert result.exit_code == 1
    assert "this machine's clock" in result.output


def test_a_problem_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    wrong = story.disclosed(TOLD.statements["contacted"], b"something else")
    path = tmp_path / "thread.evidence"
    path.write_bytes(story.evidence(TOLD, wrong))
    result = run(path)
    assert result.exit_code == 1
    assert "Problem: wrong-commitment" in result.output
    assert "content does not match" in result.output
    assert "Not everything in this bundle holds." in result.output
