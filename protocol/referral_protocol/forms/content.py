"""The bytes of what a body says: one canonical msgpack map, and no other (SPEC 2, FORMS).

Law: ``decode`` raises :class:`ProtocolError` and nothing else on any bytes, and what it returns
packs to the same bytes again. Keys stand in ascending byte order at every level; there is no nil,
no float, no extension; no text holds a control character but the line feed. What an absent value
means is said by its absence.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgpack

from referral_protocol.errors import ProtocolError
from referral_protocol.wire import MAX_DEPTH, MAX_ITEMS, MAX_TIME, MAX_VALUES, check_form, unpack

MAX_CONTENT: Final = 256 * 1024 - 36
"""Bytes: the largest padded body without its length and salt (SPEC 6.1)."""

MAX_ORDINARY: Final = MAX_CONTENT - 220
"""Bytes of every content but a ``return``'s, which must have room to carry such a one."""

KEY_FORM: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")

# Control characters but "\n"; line and paragraph separator; the two bidi overrides, which make text
# read as what it is not (marks, embeddings and isolates, which real names need, are allowed).
_FORBIDDEN: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e\ud800-\udfff]")

_PLAIN_ASCII: Final = bytes(code for code in range(128) if not _FORBIDDEN.search(chr(code)))


def allowed_text(value: str) -> bool:
    """Whether ``value`` holds only characters that a content may hold."""
    if value.isprintable():  # nothing that is forbidden is: a test looks at all of Unicode
        return True
    if value.isascii():  # the same answer, in an eighth of the time
        return not value.encode("ascii").translate(None, _PLAIN_ASCII)
    return _FORBIDDEN.search(value) is None


def encode(content: Mapping[str, Any]) -> bytes:
    """The one encoding of ``content``. Raises ProtocolError for what no content may hold."""
    packed: bytes = msgpack.packb(_plain(content, 1, ordered=False), use_bin_type=True)
    if len(packed) > MAX_VALUES:  # a value has at least a byte: fewer bytes cannot be too many
        check_form(packed, MAX_CONTENT, "content")
    return _sized(content, packed)


def decode(data: bytes) -> dict[str, Any]:
    """Content bytes to a map of str, int, bool, bytes, list and dict, each level in key order.

    Checks, in this order: what ``wire.unpack`` checks of every structure, then value by value in
    the order of the bytes: kind, key order, text; then the form's size. Raises ProtocolError.

    What is right, as nearly everything is, is found to be so in a fifth of the time: decoded in one
    go, looked through once, packed again and compared. Only what is not goes through the checks one
    by one, which say what is wrong.
    """
    quick = quickly(data)
    return one_by_one(data) if quick is None else quick


def one_by_one(data: bytes) -> dict[str, Any]:
    """As ``decode``, check by check."""
    plain = unpack(data, MAX_CONTENT, "content")
    if not isinstance(plain, dict):
        raise ProtocolError("wrong-type", "content: not a map")
    content: dict[str, Any] = _plain(plain, 1, ordered=True)
    _sized(content, data)
    return content


def quickly(data: bytes) -> dict[str, Any] | None:
    """The content if every check that ``decode`` makes is passed, else None.

    Only for input so small that not even its values, a byte each, can be too many.
    """
    if len(data) > MAX_VALUES:
        return None
    try:
        content = msgpack.unpackb(
            data, raw=False, strict_map_key=True, max_array_len=MAX_ITEMS, max_map_len=MAX_ITEMS
        )
    except (ValueError, TypeError, RecursionError):
        return None
    # Packing shows every other form of the same value, and a key that comes twice.
    if type(content) is not dict or msgpack.packb(content, use_bin_type=True) != data:
        return None
    return content if _right(content, 1) else None


def _right(value: Any, depth: int) -> bool:
    """Whether a decoded value is one that a content may hold, at this depth."""
    kind = type(value)
    if kind is str:
        return allowed_text(value)
    if kind is dict:
        last = ""
        for key, item in value.items():
            # Plain names in ascending order; the empty text, before all of them, is none.
            if type(key) is not str or key <= last or not _plain_name(key):
                return False
            if not (allowed_text(item) if type(item) is str else _right(item, depth + 1)):
                return False
            last = key
        return depth <= MAX_DEPTH
    if kind is list:
        return depth <= MAX_DEPTH and all(_right(item, depth + 1) for item in value)
    if kind is int:
        return bool(0 <= value <= MAX_TIME)
    return kind is bool or kind is bytes


@lru_cache(maxsize=4096)
def _plain_name(key: str) -> bool:
    return KEY_FORM.fullmatch(key) is not None


def _sized(content: Mapping[str, Any], data: bytes) -> bytes:
    limit = MAX_CONTENT if content.get("form") == "return" else MAX_ORDINARY
    if len(data) > limit:
        raise ProtocolError("too-large", f"content: {len(data)} bytes, at most {limit}")
    return data


def _plain(value: Any, depth: int, ordered: bool) -> Any:
    """The value as plain dicts and lists in canonical order; ``ordered``: refuse another order."""
    if isinstance(value, str):
        if not allowed_text(value):
            raise ProtocolError("not-text", "content: a character that is not allowed")
        return value
    if isinstance(value, bool | bytes):
        return value
    if isinstance(value, int):
        if not 0 <= value <= MAX_TIME:
            raise ProtocolError("wrong-value", "content: a number below 0 or above 2^53-1")
        return value
    if isinstance(value, dict | Mapping):
        return _map(value, depth, ordered)
    if isinstance(value, list | tuple):
        _room(len(value), depth)
        return [_plain(item, depth + 1, ordered) for item in value]
    raise ProtocolError("wrong-type", "content: neither text, number, bytes, list nor map")


def _map(value: Mapping[Any, Any], depth: int, ordered: bool) -> dict[str, Any]:
    _room(len(value), depth)
    for key in value:
        if not isinstance(key, str):
            raise ProtocolError("wrong-type", "content: a key that is not text")
        if not KEY_FORM.fullmatch(key):
            raise ProtocolError("wrong-value", "content: a key that is not a plain name")
    keys = sorted(value)  # plain names: the order of code points is the order of bytes
    if ordered and keys != list(value):
        raise ProtocolError("not-canonical", "content: keys out of order")
    return {key: _plain(value[key], depth + 1, ordered) for key in keys}


def _room(items: int, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ProtocolError("too-deep", f"content: more than {MAX_DEPTH} levels")
    if items > MAX_ITEMS:
        raise ProtocolError("too-large", f"content: more than {MAX_ITEMS} items in one list")
