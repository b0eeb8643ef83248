"""The rules that `make mutants` breaks are where it says, and so are the tests that must notice."""

from pathlib import Path

import pytest

from mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_made(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text("utf-8")
    assert mutant.old in text, f"{mutant.file} has changed: say in tests/mutants.py what it is now"
    assert mutant.new != mutant.old
    compile(text.replace(mutant.old, mutant.new), mutant.file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_that_notice_are_there(mutant: Mutant) -> None:
    files = [word for word in mutant.tests.split(" -k ")[0].split() if word.startswith("tests/")]
    assert files
    assert all((ROOT / file).exists() for file in files)


def test_no_two_have_the_same_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
