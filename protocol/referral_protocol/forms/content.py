"""The bytes of what a body says: one canonical msgpack map, and no other (SPEC 2, FORMS).

Law: ``decode`` raises :class:`ProtocolError` and nothing else on any bytes, and what it returns
packs to the same bytes again. Keys stand in ascending byte order at every level; there is no nil,
no float, no extension; no text holds a control character but the line feed. What an absent value
means is said by its absence.
"""

import re
from collections.abc import Mapping
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
    """
    plain = unpack(data, MAX_CONTENT, "content")
    if not isinstance(plain, dict):
        raise ProtocolError("wrong-type", "content: not a map")
    content: dict[str, Any] = _plain(plain, 1, ordered=True)
    _sized(content, data)
    return content


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
