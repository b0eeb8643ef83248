"""What a browser posted, read strictly before anybody looks at it.

Only `application/x-www-form-urlencoded`, no content encoding, within limits on size, time and
fields; what is not so is refused with a `Problem`. Text is brought to Unicode's NFC form and its
line breaks to one character, since two ways to write the same letter would be two names.

A character that cannot be kept (a null, another control character, a broken UTF-8 sequence) does
not cost a person the rest of what they typed: it becomes U+FFFD, which they see, and the field is
listed in `faults`. `forms.Form` makes an error of it, so nothing is saved until they have looked.
"""

import asyncio
import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from .problems import Problem

# Before sign-in nobody has anything long to say.
SMALL_FORM_BYTES: Final = 64 * 1024
# Far above any limit of a field: who pastes a book is told so at the field, and keeps the text.
FORM_BYTES: Final = 12 * 1024 * 1024
FORM_FIELDS: Final = 2_000
FORM_SECONDS: Final = 30.0
MOST_AT_ONCE: Final = 64 * 1024 * 1024
"""Bytes of all forms that one application reads at the same time; a short form is always read."""
MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
CANNOT_KEEP: Final = (
    "This text holds a character that cannot be kept. It is shown as \ufffd:"
    " remove it, or type it again"
)

_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SLICE = 1 << 18


class Intake:
    """How many bytes of forms an application is reading now; it lies at its :data:`INTAKE`."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self.most = most
        self.now = 0


INTAKE: Final = web.AppKey("intake", Intake)


class FormData:
    """Names with their values, in the order in which they came. Immutable."""

    def __init__(
        self, values: Mapping[str, tuple[str, ...]], faults: Mapping[str, str] | None = None
    ) -> None:
        self._values = dict(values)
        self.faults: Mapping[str, str] = dict(faults or {})

    def get(self, name: str, default: str = "") -> str:
        """The first value, as typed."""
        return next(iter(self._values.get(name, ())), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a name."""
        return self._values.get(name, ())

    def names(self) -> tuple[str, ...]:
        """All names that came."""
        return tuple(self._values)

    def without(self, *names: str) -> "FormData":
        """The rest, for example without the token."""
        return FormData(
            {n: given for n, given in self._values.items() if n not in names},
            {n: fault for n, fault in self.faults.items() if n not in names},
        )

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        # Never the values: a repr ends in a log.
        return f"FormData({len(self._values)} names)"


async def read_form(
    request: web.Request, *, at_most: int = FORM_BYTES, seconds: float = FORM_SECONDS
) -> FormData:
    """Read and parse the body of a request, or raise a Problem (400, 408, 413, 415, 503)."""
    check_headers(request.content_type, request.headers.getall("Content-Encoding", []))
    if request.content_length is not None and request.content_length > at_most:
        raise _too_large(at_most)
    body = bytearray()
    intake = request.app[INTAKE] if INTAKE in request.app else Intake()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.content.iter_any():
                body += piece
                intake.now += len(piece)
                if len(body) > at_most:
                    raise _too_large(at_most)
                if intake.now > intake.most and len(body) > SMALL_FORM_BYTES:
                    raise _too_many()
    except TimeoutError:
        raise Problem(408, "slow-form", "The form did not arrive in time. Send it again.") from None
    finally:
        intake.now -= len(body)
    if len(body) > 4 * _SLICE:
        return await asyncio.to_thread(parse, bytes(body))  # a book: others shall not wait for it
    return parse(bytes(body))


def check_headers(media_type: str, encodings: list[str]) -> None:
    """Refuse a body that is not a plain form before a byte of it is read."""
    if media_type != MEDIA_TYPE:
        raise Problem(415, "not-a-form", f"Forms are sent as {MEDIA_TYPE}.")
    if any(encoding.strip().lower() not in ("", "identity") for encoding in encodings):
        raise Problem(415, "encoded-form", "Forms are sent without a content encoding.")


def parse(body: bytes, *, fields: int = FORM_FIELDS) -> FormData:
    """The fields of a urlencoded body. Pure; raises Problem 400 for what no browser sends."""
    if body.count(b"&") >= fields:
        raise Problem(400, "too-many-fields", f"A form has at most {fields} fields.")
    values: dict[str, list[str]] = {}
    faults: dict[str, str] = {}
    for pair in body.split(b"&"):
        if not pair:
            continue
        raw_name, _, raw_value = pair.partition(b"=")
        name, broken_name = clean(_unescaped(raw_name))
        if broken_name:
            raise Problem(400, "bad-field-name", "A field of the form has a name that is not text.")
        value, broken = clean(_unescaped(raw_value))
        values.setdefault(name, []).append(value)
        if broken:
            faults[name] = CANNOT_KEEP
    return FormData({name: tuple(given) for name, given in values.items()}, faults)


def _unescaped(part: bytes) -> bytes:
    """Escapes and plus signs undone, in slices: a long text must not cost its size many times."""
    if _NO_ESCAPE.search(part):
        # A typed "%" comes as %25.
        raise Problem(400, "bad-escape", "The form holds a % that starts no escape.")
    out = bytearray()
    at = 0
    while at < len(part):
        end = min(at + _SLICE, len(part))
        # No slice ends inside an escape.
        cut = part.rfind(b"%", max(at, end - 2), end)
        if end < len(part) and cut > at:
            end = cut
        piece = part[at:end].replace(b"+", b" ")
        out += _ESCAPES.sub(lambda run: bytes.fromhex(run[0].replace(b"%", b"").decode()), piece)
        at = end
    return bytes(out)


def clean(raw: bytes) -> tuple[str, bool]:
    """The text, and whether a character in it had to be replaced."""
    try:
        text, broken = raw.decode("utf-8"), False
    except UnicodeDecodeError:
        text, broken = raw.decode("utf-8", "replace"), True
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    clean = _CONTROL.sub("\ufffd", text)
    return clean, broken or clean != text


# All of Unicode's category Cc but the tab and the line break.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _too_many() -> Problem:
    return Problem(
        503,
        "busy",
        "Too many long forms are being sent at this moment. Go back and send it again in a minute.",
        headers={"Retry-After": "60"},
    )


def _too_large(at_most: int) -> Problem:
    return Problem(
        413,
        "form-too-large",
        f"The form is larger than {at_most // 1024} KB. Go back and shorten the longest text.",
    )
