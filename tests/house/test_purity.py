"""The protocol package is pure: what import-linter cannot see, this test looks for.

import-linter refuses the modules that read a clock, a disk or a socket. A name inside an allowed
module can do the same: the signature library makes keys from the system's chance, `datetime` knows
the time of day, `open` needs no import at all.
"""

import ast
from pathlib import Path

import pytest

import referral_protocol

BUILTINS = {
    "open": "opens a file",
    "print": "writes to a terminal",
    "input": "reads from a terminal",
    "eval": "runs text",
    "exec": "runs text",
    "__import__": "imports by name",
}
# Whatever ends a dotted name that reaches outside.
NAMES = {
    "now": "reads the clock",
    "utcnow": "reads the clock",
    "today": "reads the clock",
    "generate": "draws a key by chance",
    "urandom": "draws chance",
    "randombytes": "draws chance",
    "token_bytes": "draws chance",
}


def reaches_outside(source: str) -> list[str]:
    """Each call or import in `source` that leaves the values it was given."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            why = BUILTINS.get(called) or NAMES.get(called.rpartition(".")[2])
            if why:
                found.append(f"line {node.lineno}: {called}() {why}")
        elif isinstance(node, ast.ImportFrom) and node.module == "nacl.utils":
            found.append(f"line {node.lineno}: nacl.utils draws chance")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "key = nacl.signing.SigningKey.generate()",
        "at = datetime.datetime.now(datetime.UTC)",
        "table = open('table.json').read()",
        "from nacl.utils import random",
        "salt = nacl.bindings.randombytes(32)",
    ],
)
def test_the_search_finds_what_reaches_outside(source: str) -> None:
    assert len(reaches_outside(source)) == 1


def test_nothing_in_the_protocol_reaches_outside() -> None:
    package = Path(referral_protocol.__path__[0])
    modules = sorted(package.rglob("*.py"))
    assert len(modules) > 3
    found = {
        str(path.relative_to(package)): outside
        for path in modules
        if (outside := reaches_outside(path.read_text("utf-8")))
    }
    assert found == {}
