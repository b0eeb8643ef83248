"""Lines of TOML values: every value of a real parser's result is found on its line."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_node.toml_lines import line_of, lines

TEXT = '''# a comment with "quotes" and [brackets]
name = "Ponte Tejo"   # after a value
"quoted key" = 1
a.b."c d" = 'literal # not a comment'

text = """
many [lines]
x = 1 \\""" still
"""
raw = \'\'\'
[no.table]
\'\'\'
list = [ 1, 2,   # first
  "three]", [4,
  5] ]
after = true

[contact]
name = "x"
inline = { one = 1, "two" = [ { three = 3 } ] }

[[services]]
name = "first"
[services.cost]
free = true

[[services]]
name = "second"
[[services.hours]]
day = 1
[[services.hours]]
day = 2
'''


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        items: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        items = []
    for key, inner in items:
        found += paths(inner, (*path, key))
    return found


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_each_value_is_found_on_its_line(newline: str) -> None:
    found = lines(TEXT.replace("\n", newline))
    expected = {
        ("name",): 2,
        ("quoted key",): 3,
        ("a", "b", "c d"): 4,
        ("text",): 6,
        ("raw",): 10,
        ("list",): 13,
        ("list", 1): 13,
        ("list", 2): 14,
        ("list", 3, 1): 15,
        ("after",): 16,
        ("contact",): 18,
        ("contact", "name"): 19,
        ("contact", "inline", "one"): 20,
        ("contact", "inline", "two", 0, "three"): 20,
        ("services",): 22,
        ("services", 0, "name"): 23,
        ("services", 0, "cost", "free"): 25,
        ("services", 1): 27,
        ("services", 1, "name"): 28,
        ("services", 1, "hours", 1, "day"): 32,
    }
    assert {path: found.get(path) for path in expected} == expected


def test_every_path_of_the_parsed_value_has_a_line_and_no_other() -> None:
    assert set(paths(tomllib.loads(TEXT))) == set(lines(TEXT))


def test_a_missing_value_has_the_line_of_what_should_hold_it() -> None:
    found = lines(TEXT)
    assert line_of(found, ("services", 1, "telephone")) == 27
    assert line_of(found, ("contact", "inline", "two", 0, "four")) == 20
    assert line_of(found, ("nothing",)) is None
    assert line_of(found, ()) is None


keys = st.text(min_size=1, max_size=6)
leaves = st.integers() | st.booleans() | st.text(max_size=10)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def written(value: Any) -> str:
    """A value as one line of TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + ", ".join(written(item) for item in value) + "]"
    return "{" + ", ".join(f"{quoted(k)} = {written(v)}" for k, v in value.items()) + "}"


def quoted(text: str) -> str:
    escaped = "".join(c if c.isalnum() or c in " '#[]{}=,." else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'


@given(st.dictionaries(keys, values, min_size=1, max_size=5))
def test_whatever_is_in_the_values_each_key_stands_on_its_line(table: dict[str, Any]) -> None:
    text = "".join(f"{quoted(key)} = {written(value)}\n" for key, value in table.items())
    found = lines(text)
    assert set(found) == set(paths(tomllib.loads(text)))
    for number, key in enumerate(table, 1):
        assert found[key,] == number
