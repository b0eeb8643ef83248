"""Files that are opened: of a case, sent or received, and of what is still being written.

Law: a file is decrypted while it goes. It is opened from end to end before a byte of it is handed
out, and only as what this node would have taken itself; it is saved, never shown by the browser.
Who opened which case's file is recorded first.
"""

from typing import Final
from urllib.parse import quote

import structlog
from aiohttp import hdrs, web

from referral_node.exchange import FileEntry, FilesGone, entry_of
from referral_node.exchange.files.kinds import RefusedFile
from referral_node.exchange.files.names import safe_name
from referral_node.store import StoreError
from referral_node.web.pages.at_hand import draft_of
from referral_node.web.pages.referral import case_of
from referral_node.web.routing import Route, get
from referral_node.web.visit import Visit
from referral_protocol.errors import ProtocolError
from referral_ui.problems import Problem

_CHANGED: Final = (
    "This file was changed or damaged outside the exchange, or is not what its sender’s node says"
    " it is, so it is not handed out. Ask for it to be sent again."
)
_LOST: Final = "This file is not here any more. Ask for it to be sent again."

log = structlog.get_logger()


async def open_file(visit: Visit) -> web.StreamResponse:
    """A file of a case, sent or received, or added and not sent yet."""
    case = await case_of(visit)
    named = visit.id("file", 32)
    for message in case.view.messages:
        for row in (message.content or {}).get("files", ()):
            if row.get("hash") == named:
                return await _hand_out(visit, case.view.id, entry_of(row))
    return await _hand_out(visit, case.view.id, await _unsaid(visit, case.view.id, named))


async def open_draft_file(visit: Visit) -> web.StreamResponse:
    """A file of a draft."""
    draft = await draft_of(visit, visit.request.match_info["draft"])
    entry = await _unsaid(visit, draft.id, visit.id("file", 32))
    return await _hand_out(visit, draft.id, entry)


async def _unsaid(visit: Visit, owner: bytes, named: bytes) -> FileEntry | None:
    entries = await visit.exchange.filing.added(visit.vault, owner)
    return next((entry for entry in entries if entry.hash == named), None)


async def _hand_out(visit: Visit, subject: bytes, entry: FileEntry | None) -> web.StreamResponse:
    """The file, recorded, checked, then piece by piece."""
    if entry is None:
        raise Problem(404, "no-file", _LOST, title="There is no such file")
    await visit.exchange.records.note(visit.actor, "file-opened", subject)
    try:
        kind = await visit.exchange.filing.look(entry)
    except FilesGone:
        raise Problem(404, "no-file", _LOST, title="There is no such file") from None
    except (ProtocolError, RefusedFile) as error:
        log.error("file.damaged", code=error.code)
        raise Problem(409, "file-damaged", _CHANGED, title="Not opened") from None
    if kind.type != entry.type:
        raise Problem(409, "file-damaged", _CHANGED, title="Not opened")
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: kind.type,
            hdrs.CONTENT_LENGTH: str(entry.size),
            hdrs.CONTENT_DISPOSITION: disposition(safe_name(entry.name, kind)),
        }
    )
    await response.prepare(visit.request)
    try:
        async for piece in visit.exchange.filing.read(entry):
            await response.write(piece)
    except (ProtocolError, StoreError) as error:
        # Changed since it was looked at: the browser sees the download break off.
        log.error("file.damaged", code=error.code)
        if visit.request.transport is not None:
            visit.request.transport.abort()
        return response
    await response.write_eof()
    return response


def disposition(name: str) -> str:
    """Saved, never shown in the browser, under this name (RFC 6266)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


routes: Final[list[Route]] = [
    get("/referral/{thread}/files/{file}", open_file),
    get("/new/{draft}/files/{file}", open_draft_file),
]
