"""One scenario, and short ways to write one down."""

import re
from typing import Any, NamedTuple

import msgpack

from referral_protocol.errors import CODES


class Scene(NamedTuple):
    """A vector and the path of its file; ``sealed``: made with chance, so the file is kept."""

    path: str
    vector: dict[str, Any]
    sealed: bool


def ok(about: str, do: str, sealed: bool = False, /, **given: Any) -> Scene:
    """What must pass. The generator fills in what comes out."""
    vector = {"about": about, "do": do, "given": plain(given), "expect": "ok"}
    return Scene(f"ok/{_slug(about)}.json", vector, sealed)


def refused(
    code: str, field: str, cause: str, do: str, sealed: bool = False, /, **given: Any
) -> Scene:
    """What must fail, and only for this: ``field`` is what is wrong, ``cause`` how."""
    layer = CODES[code].layer.value
    vector = {
        "about": f"{field}: {cause}",
        "field": field,
        "cause": cause,
        "do": do,
        "given": plain(given),
        "expect": {"layer": layer, "code": code},
    }
    path = f"refused/{_slug(layer)}/{_slug(field)}--{_slug(cause)}.json"
    return Scene(path, vector, sealed)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def plain(value: Any) -> Any:
    """A value as JSON has it, bytes as hex, long runs of one byte shortened."""
    match value:
        case bytes():
            return _shortened(value)
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    return value


def _shortened(data: bytes) -> Any:
    parts: list[Any] = []
    end = 0
    for run in re.finditer(rb"(.)\1{255,}", data, re.DOTALL):
        if run.start() > end:
            parts.append(data[end : run.start()].hex())
        parts.append({"hex": run[1].hex(), "times": len(run[0])})
        end = run.end()
    if end < len(data) or not parts:
        parts.append(data[end:].hex())
    return parts[0] if len(parts) == 1 else parts


def fields(data: bytes) -> list[Any]:
    """The fields of a structure, to be changed one by one."""
    found: list[Any] = msgpack.unpackb(data)
    return found


def packed(value: Any) -> bytes:
    """Canonical bytes of any value, also of one that no structure allows."""
    data: bytes = msgpack.packb(value, use_bin_type=True)
    return data


def changed(data: bytes, place: int, value: Any) -> bytes:
    """A structure with another value in one of its fields."""
    found = fields(data)
    found[place] = value
    return packed(found)


def raw(data: bytes, place: int, replacement: bytes) -> bytes:
    """A structure with one of its fields replaced by these very bytes, canonical or not."""
    found = fields(data)
    return bytes([0x90 + len(found)]) + b"".join(
        replacement if number == place else packed(each) for number, each in enumerate(found)
    )


def flipped(data: bytes, place: int, bit: int = 0) -> bytes:
    """The same bytes with one bit flipped; ``place`` may count from the end."""
    other = bytearray(data)
    other[place] ^= 1 << bit
    return bytes(other)
