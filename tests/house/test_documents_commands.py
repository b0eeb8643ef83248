"""What the documents and the units tell a person to type is what the `referral` command takes.

Every command line in a code block is read by click's own parser, option by option; nothing is run.
In a running text `referral node status` may stand without what it needs.
"""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from referral_tools import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("deploy/**/*.md"))
    # What changed once is history: it may name what is gone.
    if path.name != "CHANGELOG.md"
)
UNITS = sorted(ROOT.glob("deploy/systemd/*.service"))
CONTAINERFILE = ROOT / "deploy/container/Containerfile"
MAKEFILE = ROOT / "Makefile"

# Programs that run the one named after them; behind any other, a path is only a path.
RUNNERS = {"docker", "env", "nohup", "podman", "sudo", "systemd-run", "timeout"}

_SPAN = re.compile(r"`+([^`\n]+)`+")


def blocks(text: str) -> Iterator[str]:
    """The lines of a Markdown text's code blocks, fenced or indented; continued ones joined."""
    fenced = False
    waiting = ""
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if not fenced and not line.startswith("    "):
            continue
        joined = waiting + line.strip()
        if joined.endswith("\\"):
            waiting = joined[:-1]
            continue
        waiting = ""
        yield joined


def spans(text: str) -> Iterator[str]:
    """What stands between backticks in the running text."""
    prose = [line for line in text.splitlines() if not line.startswith("    ")]
    yield from _SPAN.findall("\n".join(prose))


def words_after(name: str, line: str) -> list[str] | None:
    """What follows a program's name on a command line; None if the line does not run it."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return None
    for place, word in enumerate(words):
        if place and words[0] not in RUNNERS:
            return None
        if word == name or word.endswith(f"/bin/{name}"):
            rest = words[place + 1 :]
            ends = [n for n, other in enumerate(rest) if other in ("|", ">", "&&", ";")]
            return rest[: ends[0]] if ends else rest
    return None


def problem(words: list[str], *, whole: bool = True) -> str | None:
    """Why the command would not take these words, or None. ``whole``: nothing may be missing."""
    command: click.Command = cli.main
    parent: click.Context | None = None
    while True:
        context = click.Context(command, parent=parent, info_name=command.name)
        try:
            given, words, _ = command.make_parser(context).parse_args(list(words))
            for parameter in command.get_params(context):
                value = given.get(parameter.name or "")
                absent = value is None or parameter.value_is_missing(value)
                if absent and parameter.required and whole and "help" not in given:
                    return f"{context.command_path}: missing {parameter.human_readable_name}"
                # A path in a document leads nowhere on this machine.
                if not absent and not isinstance(parameter.type, click.Path):
                    parameter.type_cast_value(context, value)
        except click.ClickException as error:
            return f"{context.command_path}: {error.format_message()}"
        if not isinstance(command, click.Group):
            return f"{context.command_path}: what is {words[0]!r}?" if words else None
        if not words:
            return None if not whole or given else f"{context.command_path}: which command?"
        found = command.get_command(context, words[0])
        if found is None:
            return f"{context.command_path}: no such command: {words[0]}"
        command, parent, words = found, context, words[1:]


def problems(lines: list[str], *, whole: bool = True) -> list[str]:
    """The lines that are commands of ours and would not be taken, each with its reason."""
    found = []
    for line in lines:
        words = words_after("referral", line)
        reason = None if words is None else problem(words, whole=whole)
        if reason is not None:
            found.append(f"{line}: {reason}")
    return found


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("referral node status --state FOLDER", None),
        ("sudo -u referral-lisboa /opt/referral/bin/referral node users --state F", None),
        ("referral directory approve 3f2a --state FOLDER   # a comment", None),
        ("referral verify FILE --json | less", None),
        ("referral --version", None),
        ("ln -s /opt/referral/bin/referral /usr/local/bin/referral", None),
        ("sudo -u referral-lisboa referral node polish", "no such command: polish"),
        ("referral node status", "missing"),
        ("referral node status --state", "requires an argument"),
        ("referral node status --state FOLDER --loud", "--loud"),
        ("referral node status --state FOLDER LISBOA", "what is 'LISBOA'"),
        ("referral node users --state FOLDER --role cleaner", "'cleaner' is not one of"),
        ("referral directory serve --port http", "'http' is not a valid integer"),
        ("referral verify", "missing"),
        ("referral node", "which command?"),
        ("referral", "which command?"),
    ],
)
def test_the_reader_takes_what_the_command_takes_and_nothing_else(
    line: str, reason: str | None
) -> None:
    found = problems([line])
    assert (not found) if reason is None else (len(found) == 1 and reason in found[0])


def test_the_reader_sees_both_kinds_of_block_and_joins_lines() -> None:
    text = "a\n\n    referral node \\\n      serve\n\n```sh\nreferral verify A\n```\nreferral no\n"
    assert list(blocks(text)) == ["referral node serve", "referral verify A"]
    assert list(spans("`referral node` and ``referral verify``\n    `no`")) == [
        "referral node",
        "referral verify",
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_is_one_that_the_program_takes(path: Path) -> None:
    text = path.read_text("utf-8")
    assert problems(list(blocks(text))) == []
    assert problems(list(spans(text)), whole=False) == []


def test_every_part_of_the_command_line_for_operators_stands_in_the_runbook() -> None:
    """The other way round: no command of node and directory is left unsaid."""
    runbook = (ROOT / "deploy/RUNBOOK.md").read_text("utf-8")
    said = {
        tuple(words[:2])
        for line in (*blocks(runbook), *spans(runbook))
        if (words := words_after("referral", line)) is not None
    }
    missing = []
    for name in ("node", "directory"):
        group = cli.PARTS[name].load()
        assert isinstance(group, click.Group)
        missing += [f"{name} {each}" for each in group.commands if (name, each) not in said]
    assert missing == []


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_every_unit_starts_what_there_is(path: Path) -> None:
    lines = [line.removeprefix("ExecStart=") for line in path.read_text("utf-8").splitlines()]
    starts = [line for line in lines if words_after("referral", line) is not None]
    assert len(starts) == 1
    assert problems(starts) == []


def test_the_container_starts_what_there_is() -> None:
    lines = CONTAINERFILE.read_text("utf-8").splitlines()
    (entry,) = (json.loads(s.removeprefix("ENTRYPOINT ")) for s in lines if s.startswith("ENTRY"))
    (command,) = (json.loads(s.removeprefix("CMD ")) for s in lines if s.startswith("CMD "))
    assert problems([shlex.join([*entry, *command])]) == []
    assert problems([shlex.join([*entry, *command, "more"])]) != []


def test_every_make_target_in_a_document_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE.read_text("utf-8"), re.MULTILINE))
    texts = [path.read_text("utf-8") for path in DOCUMENTS]
    named = {
        words[0]
        for text in texts
        for line in (*blocks(text), *spans(text))
        if (words := words_after("make", line)) and re.fullmatch(r"[a-z][a-z-]*", words[0])
    }
    assert len(named) > 5
    assert named - targets == set()
