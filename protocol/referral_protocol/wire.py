"""Bytes to typed values and back: one encoding for each value, and no other (SPEC 2).

Law: a decoder here takes a size limit, unpacks msgpack, packs it again and compares, then checks
every field's type and size. It raises :class:`ProtocolError` and nothing else on any bytes, and
needs at most a few times the input's memory: lengths that the input claims but does not have are
refused before anything is allocated for them.
"""

from typing import Annotated, Any, Final, TypeVar

import msgpack
import msgspec
from msgspec import Meta

from referral_protocol.errors import ProtocolError

MAX_ITEMS: Final = 1024
"""Most elements of one array or map. msgpack makes room for what a header claims before it sees the
elements, and headers nest: without this bound a megabyte could ask for gigabytes."""

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


def unpack(data: bytes, limit: int, what: str) -> Any:
    """msgpack bytes to plain values (arrays as tuples), size and canonical form checked."""
    if len(data) > limit:
        raise ProtocolError("too-large", f"{what}: {len(data)} bytes, at most {limit}")
    if not data:
        raise ProtocolError("truncated", f"{what}: no bytes")
    try:
        items = min(len(data), MAX_ITEMS)
        plain = msgpack.unpackb(
            data,
            raw=False,
            use_list=False,
            strict_map_key=True,
            max_array_len=items,
            max_map_len=items,
        )
    except UnicodeDecodeError:
        raise ProtocolError("not-text", f"{what}: text that is not UTF-8") from None
    except msgpack.ExtraData:
        raise ProtocolError("trailing", f"{what}: bytes after the value") from None
    except (ValueError, TypeError, RecursionError, OverflowError):
        # msgpack's own errors are ValueErrors; a map key of an unhashable kind is a TypeError.
        raise ProtocolError("not-msgpack", f"{what}: not well-formed msgpack") from None
    if _repacked(plain) != data:
        raise ProtocolError("not-canonical", f"{what}: not the one encoding of its value")
    return plain


def _repacked(plain: Any) -> bytes | None:
    try:
        packed: bytes = msgpack.packb(plain, use_bin_type=True)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return packed


def typed(plain: Any, kind: type[T], what: str) -> T:
    """Plain values to the struct ``kind``; every missing, extra or misfit field is refused."""
    try:
        # bytes as a built-in type: text is never taken for base64 of bytes.
        return msgspec.convert(plain, kind, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ProtocolError("wrong-type", f"{what}: {error}") from None
    except (ValueError, TypeError, RecursionError):
        raise ProtocolError("wrong-type", what) from None


def decode(data: bytes, kind: type[T], limit: int, what: str) -> T:
    """Bytes to a typed value: size, encoding, canonical form, type, in this order (SPEC 2)."""
    return typed(unpack(data, limit, what), kind, what)
