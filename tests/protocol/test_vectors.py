"""The vectors: every one is answered as it says, they are what the generator makes, and they are
many enough of each kind."""

from collections import Counter
from copy import deepcopy
from typing import Any

import pytest

from referral_protocol.errors import CODES, Layer
from referral_tools.conformance.generate import FOLDER, load, make, text
from referral_tools.conformance.run import OPERATIONS, agrees

VECTORS = load()
REFUSED = {path: vector for path, vector in VECTORS.items() if vector["expect"] != "ok"}
SAID_BY_NODES = {"suspended", "disk", "busy", "quota"}
"""Codes that follow from a node's circumstances, not from any bytes."""


@pytest.mark.parametrize("path", VECTORS)
def test_the_protocol_answers_as_the_vector_says(path: str) -> None:
    assert agrees(VECTORS[path])


def test_the_files_are_what_the_generator_makes() -> None:
    assert make(VECTORS) == VECTORS, "run python -m referral_tools.conformance.generate"
    assert all((FOLDER / path).read_text("utf-8") == text(v) for path, v in VECTORS.items())


def test_there_are_enough_of_each_kind() -> None:
    assert len(VECTORS) - len(REFUSED) >= 40
    assert len(REFUSED) >= 100
    layers = Counter(vector["expect"]["layer"] for vector in REFUSED.values())
    for layer in Layer:
        if layer is not Layer.DELIVERY:
            assert layers[layer.value] >= 6, layer
    assert {vector["do"] for vector in VECTORS.values()} == set(OPERATIONS)


def test_no_two_have_the_same_field_and_cause() -> None:
    pairs = Counter((vector["field"], vector["cause"]) for vector in REFUSED.values())
    assert [pair for pair, count in pairs.items() if count > 1] == []
    given = Counter(repr((vector["do"], vector["given"])) for vector in VECTORS.values())
    assert [each for each, count in given.items() if count > 1] == []


def test_each_code_stands_in_its_layer_and_each_has_a_vector() -> None:
    for path, vector in REFUSED.items():
        layer, code = vector["expect"]["layer"], vector["expect"]["code"]
        assert CODES[code].layer.value == layer
        assert path.startswith(f"refused/{layer.replace(' ', '-')}/")
    codes = {vector["expect"]["code"] for vector in REFUSED.values()}
    assert codes == set(CODES) - SAID_BY_NODES


def test_the_runner_notices_every_other_answer() -> None:
    good = next(v for v in VECTORS.values() if v["expect"] == "ok" and v.get("result"))
    wrong: list[dict[str, Any]] = []
    wrong.append({**deepcopy(good), "result": {}})
    wrong.append({**deepcopy(good), "expect": {"layer": "size", "code": "truncated"}})
    bad = next(iter(REFUSED.values()))
    wrong.append({**deepcopy(bad), "expect": "ok"})
    wrong.append({**deepcopy(bad), "expect": {**bad["expect"], "code": "another"}})
    wrong.append({**deepcopy(bad), "expect": {**bad["expect"], "layer": "another"}})
    assert [agrees(vector) for vector in wrong] == [False] * len(wrong)


def test_the_readme_tells_every_operation_and_every_input() -> None:
    rows = {}
    for line in (FOLDER / "README.md").read_text("utf-8").splitlines():
        if line.startswith("| `"):
            name, given = line.strip("| ").split(" | ")[:2]
            rows[name.strip("`")] = given
    assert set(rows) == set(OPERATIONS)
    for vector in VECTORS.values():
        for name in vector["given"]:
            assert f"`{name}`" in rows[vector["do"]], (vector["do"], name)
