"""Bytes to typed values and back: one encoding for each value, and no other (SPEC 2).

Law: a decoder here takes a size limit, decodes into types, packs the value again, and the bytes
must be equal. It raises :class:`ProtocolError` and nothing else on any bytes, with the code of the
first check in SPEC 2's order that fails. Nothing is allocated for a length that the input claims
but does not have, so memory stays at a few times the input.
"""

from collections.abc import Hashable
from functools import cache
from typing import Annotated, Any, Final, TypeVar, cast

import msgpack
import msgspec
from msgspec import Meta

from referral_protocol.errors import ProtocolError

MAX_ITEMS: Final = 1024
"""Most elements of one array or map."""

MAX_VALUES: Final = 16_384
"""Most values of one structure, at all depths: an empty array costs one byte on the wire and fifty
in memory, so their number has a bound of its own."""

MAX_DEPTH: Final = 8
"""Arrays and maps inside one another; the outermost is the first."""

MAX_TIME: Final = 2**53 - 1
"""Largest integer on the wire: exact in every language's floating point too."""

Id = Annotated[bytes, Meta(min_length=16, max_length=16)]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
KemKey = Annotated[bytes, Meta(min_length=1216, max_length=1216)]
Time = Annotated[int, Meta(ge=0, le=MAX_TIME)]
Count = Annotated[int, Meta(ge=0, le=MAX_TIME)]
Code = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[a-z0-9]+(?:-[a-z0-9]+)*\Z")]

T = TypeVar("T")


class Wire(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Base of everything that travels as a msgpack array in the order of its fields."""


def encode(value: Wire | tuple[Any, ...] | list[Any]) -> bytes:
    """The one encoding of a value: msgpack, arrays in field order, smallest integer forms."""
    plain = msgspec.to_builtins(value, builtin_types=(bytes,))
    packed: bytes = msgpack.packb(plain, use_bin_type=True)
    return packed


def decode(data: bytes, kind: type[T], limit: int, what: str) -> T:
    """Bytes to a typed value: size, encoding, canonical form, type, in this order (SPEC 2)."""
    if len(data) > limit:
        raise ProtocolError("too-large", f"{what}: {len(data)} bytes, at most {limit}")
    decoder, walk_first = _decoder(cast(Hashable, kind))
    if walk_first:
        check_form(data, limit, what)
    detail = "a field is missing"
    try:
        value = decoder.decode(data)
        # Packing shows every other form of the same value: a longer integer, a default left out.
        if encode((value,))[1:] == data:
            return value  # type: ignore[no-any-return]  # a decoder of `kind` gives `kind`
    except msgspec.ValidationError as error:
        detail = str(error)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        detail = "not this structure"
    check_form(data, limit, what)
    raise ProtocolError("wrong-type", f"{what}: {detail}")


@cache
def _decoder(kind: Hashable) -> tuple[Any, bool]:
    """The decoder of a type, and whether its input must be walked before it is decoded.

    A type says how long each of its arrays may be, and nothing is allocated beyond that; only a
    field of any type would believe whatever the input claims.
    """
    return msgspec.msgpack.Decoder(kind), "AnyType" in repr(msgspec.inspect.type_info(kind))


def unpack(data: bytes, limit: int, what: str) -> Any:
    """msgpack bytes to plain values (arrays as tuples), size and canonical form checked."""
    check_form(data, limit, what)
    try:
        plain = msgpack.unpackb(data, raw=False, use_list=False, strict_map_key=True)
    except (ValueError, TypeError, RecursionError):
        # The form was checked: what is left is the key of a map that is neither text nor bytes.
        raise ProtocolError("wrong-type", f"{what}: the key of a map") from None
    if msgpack.packb(plain, use_bin_type=True) != data:
        raise ProtocolError("not-canonical", f"{what}: the same key twice")
    return plain


def typed(plain: Any, kind: type[T], what: str) -> T:
    """Plain values to the struct ``kind``; every missing, extra or misfit field is refused."""
    try:
        # bytes as a built-in type: text is never taken for base64 of bytes.
        value = msgspec.convert(plain, kind, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ProtocolError("wrong-type", f"{what}: {error}") from None
    except (ValueError, TypeError, RecursionError):
        raise ProtocolError("wrong-type", what) from None
    if encode((value,)) != encode((plain,)):
        raise ProtocolError("wrong-type", f"{what}: a field is missing or of another type")
    return value


# What a first byte says: how many bytes of length or value follow, and what they mean.
_NOTHING, _FIXED, _TEXT, _ARRAY, _MAP, _FOREIGN, _BYTES, _UNSIGNED, _SIGNED = range(9)


def _first_byte(first: int) -> tuple[int, int, int]:
    """Meaning, bytes of the length or number that follows, and the length if none follow."""
    if first <= 0x7F or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3):
        return _FIXED, 0, 0
    if first <= 0x8F:
        return _MAP, 0, first & 0x0F
    if first <= 0x9F:
        return _ARRAY, 0, first & 0x0F
    if first <= 0xBF:
        return _TEXT, 0, first & 0x1F
    return {
        0xC4: (_BYTES, 1, 0),
        0xC5: (_BYTES, 2, 0),
        0xC6: (_BYTES, 4, 0),
        0xC7: (_FOREIGN, 1, 1),
        0xC8: (_FOREIGN, 2, 1),
        0xC9: (_FOREIGN, 4, 1),
        0xCA: (_FOREIGN, 0, 4),
        0xCB: (_FOREIGN, 0, 8),
        0xCC: (_UNSIGNED, 1, 0),
        0xCD: (_UNSIGNED, 2, 0),
        0xCE: (_UNSIGNED, 4, 0),
        0xCF: (_UNSIGNED, 8, 0),
        0xD0: (_SIGNED, 1, 0),
        0xD1: (_SIGNED, 2, 0),
        0xD2: (_SIGNED, 4, 0),
        0xD3: (_SIGNED, 8, 0),
        0xD4: (_FOREIGN, 0, 2),
        0xD5: (_FOREIGN, 0, 3),
        0xD6: (_FOREIGN, 0, 5),
        0xD7: (_FOREIGN, 0, 9),
        0xD8: (_FOREIGN, 0, 17),
        0xD9: (_TEXT, 1, 0),
        0xDA: (_TEXT, 2, 0),
        0xDB: (_TEXT, 4, 0),
        0xDC: (_ARRAY, 2, 0),
        0xDD: (_ARRAY, 4, 0),
        0xDE: (_MAP, 2, 0),
        0xDF: (_MAP, 4, 0),
    }.get(first, (_NOTHING, 0, 0))


_FIRST: Final = tuple(_first_byte(first) for first in range(256))
# The smallest number that needs this many bytes after the first one, by meaning.
_LEAST: Final = {
    (_TEXT, 1): 32,
    (_TEXT, 2): 1 << 8,
    (_TEXT, 4): 1 << 16,
    (_BYTES, 1): 0,
    (_BYTES, 2): 1 << 8,
    (_BYTES, 4): 1 << 16,
    (_ARRAY, 2): 16,
    (_ARRAY, 4): 1 << 16,
    (_MAP, 2): 16,
    (_MAP, 4): 1 << 16,
    (_UNSIGNED, 1): 1 << 7,
    (_UNSIGNED, 2): 1 << 8,
    (_UNSIGNED, 4): 1 << 16,
    (_UNSIGNED, 8): 1 << 32,
    (_FOREIGN, 1): 0,
    (_FOREIGN, 2): 0,
    (_FOREIGN, 4): 0,
}
# Signed numbers with this many bytes are in smallest form below this one; none is, above.
_BELOW: Final = {1: -32, 2: -(1 << 7), 4: -(1 << 15), 8: -(1 << 31)}


def check_form(data: bytes, limit: int, what: str) -> None:
    """One well-formed msgpack value in its one form, within every bound; builds nothing.

    The bytes are walked from front to back and the first fault counts, but what is only not in
    canonical form is said last, and a float or an extension after that.
    """
    if len(data) > limit:
        raise ProtocolError("too-large", f"{what}: {len(data)} bytes, at most {limit}")
    end = len(data)
    place = values = 0
    loose = foreign = False
    waiting = [1]  # how many values each open array or map still lacks, the outermost first
    while waiting:
        if waiting[-1] == 0:
            waiting.pop()
            continue
        waiting[-1] -= 1
        values += 1
        if place >= end:
            raise ProtocolError("truncated", f"{what}: a value is missing")
        meaning, size, length = _FIRST[data[place]]
        place += 1
        if meaning == _FIXED:
            continue
        if size:
            number = int.from_bytes(data[place : place + size], "big", signed=meaning == _SIGNED)
            place += size
            if meaning == _SIGNED:
                loose = loose or number >= _BELOW[size]
            else:
                loose = loose or number < _LEAST[meaning, size]
                length = 0 if meaning == _UNSIGNED else length + number
        if meaning in (_ARRAY, _MAP):
            if length > MAX_ITEMS or values > MAX_VALUES:
                raise ProtocolError("too-large", f"{what}: too many values")
            if len(waiting) > MAX_DEPTH:
                raise ProtocolError("too-deep", f"{what}: at most {MAX_DEPTH} levels")
            waiting.append(length if meaning == _ARRAY else 2 * length)
            continue
        if meaning == _NOTHING:
            raise ProtocolError("not-msgpack", f"{what}: a byte that begins nothing")
        foreign = foreign or meaning == _FOREIGN
        if place + length > end:
            raise ProtocolError("truncated", f"{what}: a value is cut off")
        if meaning == _TEXT:
            try:
                data[place : place + length].decode("utf-8")
            except UnicodeDecodeError:
                raise ProtocolError("not-text", f"{what}: text that is not UTF-8") from None
        place += length
    if place != end:
        raise ProtocolError("trailing", f"{what}: bytes after the value")
    if loose:
        raise ProtocolError("not-canonical", f"{what}: not the one encoding of its value")
    if foreign:
        raise ProtocolError("wrong-type", f"{what}: a float or an extension")
