"""What is in the repository: nobody's secrets, nobody's machine, no index address, no bare excuse.

Each search is tried on a planted example first, so that a pattern that finds nothing has been seen
to find something. The planted examples are put together at run time: this file is searched too.
"""

import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The hosts that packages are fetched from: where they are is the business of each machine.
HOSTS = re.compile(
    r"\b(py" r"pi\.org|files\.python" r"hosted\.org|registry\.npm" r"js\.(org|com)|registry\.yarn"
    r"pkg\.com|(deb|security|snapshot)\.deb" r"ian\.org|proxy\.gol" r"ang\.org|crat" r"es\.io)\b",
    re.IGNORECASE,
)  # fmt: skip
# Folders of one machine: a home, a work place, a scratch folder with something in it.
PLACES = re.compile(r"(?<![\w.~}\])/-])/(root|work|tmp|home/[a-z]\w*|Users/[A-Za-z]\w*)/[\w.-]")
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIV" r"ATE KEY-----|\bgh[pousr]_[A-Za-z0-9]{30,}|\bAKIA[A-Z0-9]{16}\b"
    r"|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{40,}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bAGE-SECRET-KEY-1[A-Z0-9]{20,}|://[^/\s:@{}<>]+:[^/\s:@{}<>]+@"
)  # fmt: skip


def tracked() -> list[Path]:
    """Every file in the index; outside a checkout there is nothing to say."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not in a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in files if path.is_file()]


def texts() -> Iterator[tuple[str, int, str]]:
    """Each line of each tracked text file, with its file's name and its number."""
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            lines = content.decode("utf-8").splitlines()
            yield from ((str(path.relative_to(ROOT)), n, line) for n, line in enumerate(lines, 1))


def found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{n}: {line.strip()[:120]}" for name, n, line in texts() if pattern.search(line)
    ]


@pytest.mark.parametrize(
    ("pattern", "planted"),
    [
        (HOSTS, "https://files.python" + "hosted.org/packages/a.whl"),
        (HOSTS, '"resolved": "https:/' + "/registry.npm" + 'js.org/a.tgz"'),
        (PLACES, "see /ro" + "ot/notes.txt"),
        (PLACES, 'open("/ho' + 'me/maria/node.toml")'),
        (SECRETS, "-----BEGIN OPENSSH PRIV" + "ATE KEY-----"),
        (SECRETS, "gh" + "p_" + "a1" * 18),
        (SECRETS, "postgres://node:hun" + "ter2@db/node"),
    ],
)
def test_no_tracked_file_names_hosts_places_or_secrets(
    pattern: re.Pattern[str], planted: str
) -> None:
    assert pattern.search(planted)
    assert found(pattern) == []


def test_every_tracked_text_ends_with_one_newline_and_has_no_carriage_return() -> None:
    bad = []
    for path in tracked():
        content = path.read_bytes()
        whole = b"\r" not in content and content.endswith(b"\n") and content[-2:] != b"\n\n"
        if content and b"\0" not in content[:8192] and not whole:
            bad.append(str(path.relative_to(ROOT)))
    assert bad == []


# --- excuses ------------------------------------------------------------------------------------

# How the two are written with their reason: CONTRIBUTING.md. A reason has at least two words.
EXCUSE = re.compile(
    r"#\s*(?:ruff:\s*|flake8:\s*)?(?:noqa|type:\s*ignore|pyright:\s*ignore|pragma:\s*no\s)", re.I
)
REASONED = re.compile(
    r"#\s*(noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*\s+-\s+\w+\W+\w+"
    r"|type:\s*ignore\[[\w, -]+\]\s+#\s+\w+\W+\w+)"
)
WHOLE_FILE = re.compile(r"#\s*(ruff|flake8):\s*noqa|#\s*mypy:", re.I)


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """The comments of a Python file, so that a string which speaks of one does not count."""
    with path.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def unreasoned(comment: str) -> bool:
    if WHOLE_FILE.match(comment):
        return True
    return bool(EXCUSE.search(comment)) and not REASONED.search(comment)


@pytest.mark.parametrize(
    ("comment", "bad"),
    [
        ("# noqa", True),
        ("# noqa: S110", True),
        ("# noqa: S110 - because", True),
        ("# noqa: S110 - the disk is full already", False),
        ("# type: ignore", True),
        ("# type: ignore[no-any-return]", True),
        ("# type: ignore[no-any-return]  # msgpack ships no types", False),
        ("# ruff: noqa: S110 - the whole file", True),
        ("# pragma: no cover", True),
        ("# why not the obvious way: it forks", False),
    ],
)
def test_the_search_for_excuses_finds_them(comment: str, bad: bool) -> None:
    assert unreasoned(comment) is bad


def test_every_lint_exception_carries_its_reason() -> None:
    python = [path for path in tracked() if path.suffix == ".py"]
    bad = [
        f"{path.relative_to(ROOT)}:{line}: {comment}"
        for path in python
        for line, comment in comments(path)
        if unreasoned(comment)
    ]
    assert bad == []


def test_every_rule_switched_off_for_all_carries_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    first = lines.index("ignore = [")
    last = next(n for n in range(first, len(lines)) if lines[n].startswith("[tool.mypy]"))
    rule = re.compile(r'\s*"[A-Z]+\d+"|"\S+" = \[".*\]')
    rules = [line for line in lines[first:last] if rule.match(line)]
    assert len(rules) > 5
    assert [line for line in rules if not re.search(r"#\s+\S+\s+\S+", line)] == []


# --- locks --------------------------------------------------------------------------------------

PIN = re.compile(r"[a-z0-9][a-z0-9.-]*==[\w.!+]+( ; .+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


@pytest.mark.parametrize("name", ["runtime", "dev", "lock"])
def test_every_locked_requirement_has_a_hash_and_nothing_else(name: str) -> None:
    lines = (ROOT / f"requirements/{name}.txt").read_text("utf-8").splitlines()
    assert lines
    assert [line for line in lines if not (PIN.fullmatch(line) or HASH.fullmatch(line))] == []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        goes_on = line.endswith("\\")
        assert goes_on == bool(HASH.fullmatch(following)), line


def pins(name: str) -> set[str]:
    lines = (ROOT / f"requirements/{name}.txt").read_text("utf-8").splitlines()
    return {line.removesuffix(" \\").split(" ;")[0] for line in lines if "==" in line}


def test_development_runs_on_the_very_versions_that_users_get() -> None:
    assert pins("runtime") < pins("dev")


def test_the_asset_lock_records_hashes_and_no_address() -> None:
    lock = (ROOT / "tools/assets/package-lock.json").read_text("utf-8")
    assert '"integrity": "sha512-' in lock
    assert "://" not in re.sub(r'"(url|funding)": "[^"]*"', "", lock)
