"""Our request to join, as far as this node knows how it stands.

Law: what the directory said last is kept as it came; that we are a member is known from the log
alone, never from an answer.
"""

import msgspec

from referral_node.exchange.core import Core
from referral_node.store import Tx
from referral_node.store.facts import (
    DIRECTORY_URL,
    GENESIS,
    REQUEST,
    REQUEST_STATE,
    SUBMISSION,
    VAULT_PUBLIC,
    fact,
    keep,
)
from referral_protocol.directory.entries import anchor_text, parse_entry
from referral_protocol.directory.requests import (
    APPROVED,
    DECLINED,
    RequestState,
    parse_request_state,
    parse_submission,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import fingerprint

ASKED: str = "asked"
"""Signed and kept, and the directory has not answered yet."""


class OurRequest(msgspec.Struct, frozen=True):
    """``state``: ``asked`` or one of the directory's; ``text``: the registrar's words to us."""

    url: str
    anchor: str
    state: str
    text: str
    at: int | None
    asked_at: int | None


async def our_request(core: Core) -> OurRequest | None:
    """How our request stands; None if there was none."""
    store = core.store
    url, genesis = await fact(store, DIRECTORY_URL), await fact(store, GENESIS)
    submission = await fact(store, SUBMISSION)
    if url is None or genesis is None or submission is None:
        return None
    said = await _said(core)
    asked_at: int | None = None
    try:
        asked_at = parse_entry(parse_submission(submission).content).at
    except ProtocolError:
        pass  # made by another version: only the date is missing
    return OurRequest(
        url.decode("utf-8"),
        anchor_text(genesis),
        ASKED if said is None else said.state,
        "" if said is None else said.text,
        None if said is None else said.at,
        asked_at,
    )


async def open_request(core: Core) -> bytes | None:
    """The id under which to ask how it stands; None when there is nothing to ask any more."""
    directory = core.members.directory
    member = None if directory is None else directory.member(core.us)
    if member is not None and core.vault_key in (None, member.vault_key):
        return None  # another one's key there: we asked to take its place, and wait for that
    said = await _said(core)
    if said is not None and said.state == DECLINED:
        return None
    return await fact(core.store, REQUEST)


async def answered(core: Core, state: RequestState) -> bool:
    """Keep what the directory says now; whether it is something new."""
    if await _said(core) == state:
        return False

    async def work(tx: Tx) -> None:
        await keep(tx, REQUEST_STATE, state.pack())

    await core.store.write(work)
    return True


async def our_fingerprint(core: Core) -> str:
    """Our sixty digits, from the keys that lie here."""
    return fingerprint(await fact(core.store, VAULT_PUBLIC) or b"", core.node.public)


async def _said(core: Core) -> RequestState | None:
    stored = await fact(core.store, REQUEST_STATE)
    try:
        return None if stored is None else parse_request_state(stored)
    except ProtocolError:
        return None


__all__ = [
    "APPROVED",
    "ASKED",
    "DECLINED",
    "OurRequest",
    "answered",
    "open_request",
    "our_fingerprint",
    "our_request",
]
