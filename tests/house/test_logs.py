"""Every value that a log line carries stands in its package's list, and the list holds no other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.typing import Processor

from referral_directory import logs as directory_logs
from referral_node import logs as node_logs

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "bind", "log"}
ADDED = {"event", "level", "timestamp"}


def keywords(tree: ast.AST) -> Iterator[str]:
    """The names of what calls like ``log.info("node.ready", member=...)`` say; "**" for a mapping,
    whose names nobody can check."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        target = call.func.value
        name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
        if call.func.attr in LEVELS and name in ("log", "_log"):
            yield from (keyword.arg or "**" for keyword in call.keywords)


def logged(*folders: str) -> set[str]:
    return {
        keyword
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        for keyword in keywords(ast.parse(path.read_text("utf-8")))
    }


def test_the_search_for_keywords_finds_them() -> None:
    code = 'log.info("a", x=1)\nsite.log.error("b", y=2)\nself._log.debug("c", **z)\nf.info(n=3)'
    assert set(keywords(ast.parse(code))) == {"x", "y", "**"}


@pytest.mark.parametrize(
    ("allowed", "folders"),
    [
        (node_logs.ALLOWED, ("node/referral_node", "tools/referral_ui")),
        (directory_logs.ALLOWED, ("directory/referral_directory", "tools/referral_ui")),
    ],
    ids=["node", "directory"],
)
def test_what_is_logged_is_what_the_list_allows(
    allowed: frozenset[str], folders: tuple[str, ...]
) -> None:
    assert logged(*folders) == allowed - ADDED


@pytest.mark.parametrize(
    "only_allowed",
    [node_logs.only_allowed, directory_logs.only_allowed],
    ids=["node", "directory"],
)
def test_what_is_not_in_the_list_is_dropped(only_allowed: Processor) -> None:
    line = {"event": "page.failed", "code": "disk", "name": "Oksana", "user": "ines"}
    kept = only_allowed(None, "error", dict(line))
    assert kept == {"event": "page.failed", "code": "disk"}
