"""A form with files as it comes from a browser: fields first, files piece by piece, never whole.

Law: the token comes first and is looked at before a byte of a file is kept; who has none keeps
nothing here. A file that is not taken is read to its end all the same, so that the browser hears
why. The text fields are bounded like those of any form.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.multipart import MultipartReader

from referral_node.web.visit import Posted, Visit
from referral_protocol.attachments import LARGEST
from referral_protocol.statements import MAX_ATTACHMENTS
from referral_ui.formdata import CANNOT_KEEP, FormData, clean
from referral_ui.formdata import MEDIA_TYPE as PLAIN
from referral_ui.problems import Problem
from referral_ui.tokens import FIELD

MEDIA_TYPE: Final = "multipart/form-data"
MOST: Final = (MAX_ATTACHMENTS + 1) * LARGEST
"""Bytes of one form with its files."""
FIELD_BYTES: Final = 512 * 1024
FIELDS: Final = 100
PIECE: Final = 64 * 1024
PIECE_TIME: Final = 60.0
"""Seconds within which the next piece must come."""
SCRIPT: Final = "X-Upload"
"""Header of our own script: it is told where to go instead of being led there."""

Take = Callable[[str, AsyncIterator[bytes]], Awaitable[None]]
"""Takes one file: its name as the browser says it, and its pieces."""


async def read_upload(visit: Visit, take: Take) -> Posted:
    """Read a form; each file in it is handed to ``take`` as it comes.

    ``take`` may raise what it likes about a file that it does not want: it is raised here once the
    rest of that file was read. Nothing is taken from a form whose token is no good.
    """
    request = visit.request
    if request.content_type == PLAIN:
        return await visit.posted()  # kept while somebody signed in again: without its files
    fields: dict[str, list[str]] = {}
    faults: dict[str, str] = {}
    names: list[str] = []
    nonce, good = "", False
    async with _whole(request) as parts:
        async for part in parts:
            if part.filename:
                names.append(part.filename)
                await _file(part, take if good else None)
                continue
            value, broken = clean(await _text(part))
            if part.name == FIELD and not fields and not names:
                nonce, good = visit.nonce_of(value)
            elif part.name and part.name != "file":  # that is the field of a file, without one
                fields.setdefault(part.name, []).append(value)
                if broken:
                    faults[part.name] = CANNOT_KEEP
    if names:
        fields["files"] = names
    return Posted(FormData({n: tuple(v) for n, v in fields.items()}, faults), nonce, not good)


async def texts(request: web.Request) -> FormData:
    """The text fields alone, of a form that somebody sent who is not signed in any more."""
    fields: dict[str, list[str]] = {}
    async with _whole(request) as parts:
        async for part in parts:
            if part.filename:
                await _skip(part)
            elif part.name and part.name != "file":
                fields.setdefault(part.name, []).append(clean(await _text(part))[0])
    return FormData({name: tuple(values) for name, values in fields.items()})


@asynccontextmanager
async def _whole(request: web.Request) -> AsyncIterator[AsyncIterator[BodyPartReader]]:
    """The parts of a form. What is none, breaks off or stands still is a Problem."""
    if request.content_type != MEDIA_TYPE:
        raise Problem(415, "not-a-form", f"Forms with files are sent as {MEDIA_TYPE}.")
    if hdrs.CONTENT_ENCODING in request.headers:
        raise Problem(415, "encoded-form", "Forms are sent without a content encoding.")
    if (request.content_length or 0) > MOST:
        raise Problem(413, "form-too-large", "These files are too large to be sent at once.")
    try:
        yield _parts(await request.multipart())
    except TimeoutError:
        raise Problem(408, "slow-form", "The form did not arrive in time. Send it again.") from None
    except (ValueError, AssertionError, web.RequestPayloadError):
        raise Problem(400, "bad-form", "The form broke off, or is none. Send it again.") from None


async def _parts(reader: MultipartReader) -> AsyncIterator[BodyPartReader]:
    for _ in range(FIELDS):
        async with asyncio.timeout(PIECE_TIME):
            part = await reader.next()
        if part is None:
            return
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form inside a form")
        yield part
    raise Problem(400, "too-many-fields", f"A form has at most {FIELDS} fields.")


async def _text(part: BodyPartReader) -> bytes:
    data = bytearray()
    async for piece in _pieces(part):
        data += piece
        if len(data) > FIELD_BYTES:
            raise Problem(413, "form-too-large", "A text in this form is too long. Shorten it.")
    return bytes(data)


async def _file(part: BodyPartReader, take: Take | None) -> None:
    try:
        if take is not None:
            await take(part.filename or "", _pieces(part))
    except Exception:
        await _skip(part)
        raise
    await _skip(part)


async def _skip(part: BodyPartReader) -> None:
    """Read the rest of a file that is not taken: a browser listens only after it has spoken."""
    left = 0
    async for piece in _pieces(part):
        left += len(piece)
        if left > MOST:
            raise Problem(413, "form-too-large", "These files are too large to be sent.")


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(PIECE_TIME):
            piece = await part.read_chunk(PIECE)
        if not piece:
            return
        yield piece


def led(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The answer for our own script: where to go, and not the page itself."""
    if response.status != 303 or SCRIPT not in request.headers:
        return response
    return web.Response(status=204, headers={"X-Go": response.headers[hdrs.LOCATION]})
