"""The poller: keeps this node's copy of the directory fresh, and publishes our prekeys.

Law: everything is fetched whole, so that the directory never learns whom we write to; every request
is conditional; a directory that is down or wrong changes nothing here and is tried again. Our
newest bundle is put on the board without anyone signed in.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import structlog

from referral_node.delivery.board_view import BoardView
from referral_node.delivery.cosigner import Cosigner
from referral_node.delivery.ending import end
from referral_node.delivery.http import Answer, Http, Unreachable
from referral_node.delivery.log_source import LogSource
from referral_node.delivery.problem import read_problem
from referral_node.delivery.tiles import Found, Read, Shelf, absent, read_all
from referral_node.exchange.core import Core
from referral_node.exchange.directory.replica import ReplicaKeeper
from referral_node.exchange.directory.request import answered, open_request
from referral_node.exchange.directory.updating import Updating, for_good
from referral_node.store import StoreError
from referral_node.store.facts import BUNDLE, SUBMISSION, fact
from referral_protocol.certificates import Bundle
from referral_protocol.directory.board import Posted, read_board_tile
from referral_protocol.directory.entries import parse_entry, parse_leaf
from referral_protocol.directory.notes import MAX_NOTE, peek_checkpoint
from referral_protocol.directory.paths import (
    BOARD,
    CHECKPOINT,
    RECORDS,
    REQUESTS,
    SUBMIT,
    board_tile_path,
    publish_path,
    records_tile_path,
    request_path,
)
from referral_protocol.directory.records import MAX_ITEM, Records, read_records_tile
from referral_protocol.directory.requests import MAX_REQUEST_STATE, parse_request_state
from referral_protocol.directory.tiles import MAX_INDEX, TILE_MEMBERS, Index, parse_index
from referral_protocol.errors import ProtocolError
from referral_protocol.signed import parse_signed
from referral_protocol.wire import decode

MSGPACK: Final = "application/msgpack"
MAX_TILE: Final = TILE_MEMBERS * (4 + MAX_ITEM)

T = TypeVar("T")

log = structlog.get_logger()


async def _unwatched(_note: bytes) -> None:
    """Nobody looks at what a directory shows beside this."""


class DirectoryPoller:
    """One task that follows one directory. ``changed`` is called when anything is new."""

    def __init__(
        self,
        core: Core,
        keeper: ReplicaKeeper,
        http: Http,
        url: str,
        every: float,
        changed: Callable[[], None],
        updating: Updating,
    ) -> None:
        self._core = core
        self._keeper = keeper
        self._http = http
        self._url = url.rstrip("/")
        self.source = LogSource.of_directory(http, self._url)
        self._every = every
        self._changed = changed
        self._updating = updating
        self._task: asyncio.Task[None] | None = None
        self._now = asyncio.Event()
        self._etags: dict[str, str] = {}
        self._shelves = {RECORDS: Shelf(), BOARD: Shelf()}
        self._shown = BoardView()
        self.forked: Callable[[bytes], Awaitable[None]] = _unwatched
        """Called with a checkpoint of the directory that does not extend what is held; raises the
        code of why it proves nothing."""
        self.cosigner: Cosigner | None = None
        self._turn = asyncio.Lock()
        self.trouble: str | None = None
        """Code of what went wrong at the last poll; None: it went well."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="directory-poller")

    async def stop(self) -> None:
        if self._task is not None:
            await end([self._task])

    def soon(self) -> None:
        """Poll at once: somebody waits for it."""
        self._now.set()

    async def _run(self) -> None:
        while True:
            self._now.clear()
            await self.poll()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._now.wait()

    async def poll(self) -> bool:
        """Fetch what is new; True if the directory answered with something that holds."""
        async with self._turn:
            return await self._poll()

    async def _poll(self) -> bool:
        began = time.monotonic()
        try:
            news = await self._log()
            news = await self._records(force=news) or news
            news = await self._board(force=news) or news
            await self._ask_request()
            await self._send_update()
            await self._publish()
            if self.cosigner is not None and await self.cosigner.run():
                self._etags.pop(CHECKPOINT, None)  # our line stands under it now
                self.soon()
        except Unreachable as error:
            return self._failed(error.code)
        except ProtocolError as refusal:
            return self._failed(refusal.code)
        except StoreError as error:
            return self._failed(f"store-{error.code}")
        except Exception as error:  # noqa: BLE001 - a fault here must not end all looking
            log.error("directory.fault", kind=type(error).__name__)
            return self._failed("fault")
        if news:
            took = round((time.monotonic() - began) * 1000, 1)
            log.info("directory.news", entries=self._keeper.replica.size, ms=took)
            self._changed()
        if self._core.members.forked_at is not None:
            return self._failed("forked-log")
        if self._shown.behind:
            return self._failed("old-number")
        if self.trouble is not None:
            log.info("directory.back")
        self.trouble = None
        return True

    def _failed(self, code: str) -> bool:
        if self.trouble != code:
            log.warning("directory.trouble", code=code)
        self.trouble = code
        return False

    async def _get(self, path: str, limit: int, *, conditional: bool = True) -> bytes | None:
        """The body, or None if it is as it was."""
        answer = await self._http.request(
            "GET",
            self._url + path,
            limit=limit,
            etag=self._etags.get(path) if conditional else None,
        )
        if answer.status == 304:
            return None
        if answer.status != 200:
            raise Unreachable(f"http-{answer.status}", left=False, status=answer.status)
        if conditional:
            self._etags.pop(path, None)  # what was answered before is not what we have now
            if answer.etag is not None:
                self._etags[path] = answer.etag
        return answer.body

    async def _log(self) -> bool:
        note = await self._get(CHECKPOINT, MAX_NOTE)
        if note is None:
            await self._keeper.answered()
            return False
        held = self._keeper.replica.size
        if self._core.members.forked_at is not None:
            await self._in_doubt(note)
            return False
        try:
            leaves = await self.source.leaves(held, peek_checkpoint(note).size)
            new = await self._keeper.take(note, leaves, held)
        except ProtocolError as refusal:
            self._etags.pop(CHECKPOINT, None)
            if refusal.code == "forked-log":
                await self.forked(note)
            raise
        except BaseException:
            self._etags.pop(CHECKPOINT, None)  # not taken: ask for it again
            raise
        if held:
            self.look_again(new)
        return bool(new)

    async def _in_doubt(self, note: bytes) -> None:
        """Nothing more is taken in while nobody has settled a conflict: only a later time of what
        is held."""
        held = self._keeper.replica.checkpoint
        if held is not None and peek_checkpoint(note) == (held.origin, held.size, held.root):
            await self._keeper.take(note, [])
        else:
            self._etags.pop(CHECKPOINT, None)

    def look_again(self, leaves: Sequence[bytes]) -> None:
        """Of these entries' members keys or records may be others now: what was read is not."""
        about = {parse_entry(parse_leaf(leaf).content).member for leaf in leaves}
        members = enumerate(self._keeper.replica.directory.members())
        places = [place for place, member in members if member.id in about]
        for shelf in self._shelves.values():
            shelf.look_again(places)

    async def _records(self, *, force: bool) -> bool:
        directory = self._keeper.replica.directory
        present: dict[bytes, set[bytes]] = {}

        async def store(found: Found[Records]) -> bool:
            if found.refused:
                log.warning("directory.records", refused=found.refused)
            await self._keeper.take_records(found.items)
            self._shelves[RECORDS].put(found.whole)
            return bool(found.items)

        async def fetch(name: bytes) -> bytes:
            return await self._tile(records_tile_path(name))

        def read(data: bytes, name: bytes) -> tuple[list[Records], list[ProtocolError]]:
            held, errors = read_records_tile(data, name, directory)
            if not errors:
                present[name] = {records.member for records in held}
            return held, errors

        async def whole(index: Index) -> None:
            members = [member.id for member in directory.members()]
            await self._keeper.drop_records(absent(members, index, present))

        return await self._beside(RECORDS, fetch, read, store, force=force, whole=whole)

    async def _board(self, *, force: bool) -> bool:
        directory, now = self._keeper.replica.directory, self._core.clock()

        async def store(found: Found[Posted]) -> bool:
            if found.refused:
                log.warning("directory.board", refused=found.refused)
            fresh = await self._keeper.take_board(found.items)
            self._shelves[BOARD].put(found.whole)
            return bool(fresh)

        async def fetch(name: bytes) -> bytes:
            return await self._tile(board_tile_path(name))

        def read(data: bytes, name: bytes) -> tuple[list[Posted], list[ProtocolError]]:
            posted, errors = read_board_tile(data, name, directory, now)
            self._shown.read(name, posted)
            return posted, errors

        async def whole(index: Index) -> None:
            before = self._shown.behind
            if self._shown.compare(index, self._core.members) > before:
                log.warning("directory.board", code="old-number", refused=self._shown.behind)

        return await self._beside(BOARD, fetch, read, store, force=force, whole=whole)

    async def _beside(
        self,
        path: str,
        fetch: Callable[[bytes], Awaitable[bytes]],
        read: Read[T],
        store: Callable[[Found[T]], Awaitable[bool]],
        *,
        force: bool,
        whole: Callable[[Index], Awaitable[None]],
    ) -> bool:
        if force:
            self._etags.pop(path, None)
        index = await self._get(path, MAX_INDEX)
        if index is None:
            return False
        try:
            parsed = parse_index(index)
            names = self._shelves[path].missing(parsed)
            news = await read_all(names, fetch, read, store)
            await whole(parsed)
            return news
        except BaseException:
            self._etags.pop(path, None)  # not all of it was read: ask for it again
            raise

    async def _tile(self, path: str) -> bytes:
        return await self._get(path, MAX_TILE, conditional=False) or b""

    async def _ask_request(self) -> None:
        """How our request to join stands; one that the directory does not have is sent again."""
        request = await open_request(self._core)
        if request is None:
            return
        answer = await self._http.request(
            "GET", self._url + request_path(request), limit=MAX_REQUEST_STATE
        )
        if answer.status == 404:
            submission = await fact(self._core.store, SUBMISSION)
            answer = await self._http.request(
                "POST",
                self._url + REQUESTS,
                data=submission,
                content_type=MSGPACK,
                limit=MAX_REQUEST_STATE,
            )
        if answer.status not in (200, 202):
            raise Unreachable(f"http-{answer.status}", left=False, status=answer.status)
        state = parse_request_state(answer.body)
        if await answered(self._core, state):
            log.info("directory.request", state=state.state)

    async def _send_update(self) -> None:
        """Send the change of our card that a keyholder signed, until it stands in our copy."""
        submission = await self._updating.to_send()
        if submission is None:
            return
        answer = await self._http.request(
            "POST",
            self._url + SUBMIT,
            data=submission.pack(),
            content_type=MSGPACK,
            limit=MAX_NOTE,
        )
        if answer.status in (200, 201):
            log.info("directory.update-sent")
            if await self._updating.sent():
                self.soon()  # it is done when our copy of the log holds it
            return
        code, said = read_problem(answer.body)
        if code is None or not for_good(code):
            raise Unreachable(f"http-{answer.status}", left=False, status=answer.status)
        log.warning("directory.update-refused", code=code)
        await self._updating.refused(code, said)

    async def _publish(self) -> None:
        """Put our newest bundle on the board if the one there is older."""
        core = self._core
        named = core.members.get(core.us)
        if named is None or core.vault_key not in (None, named.vault_key):
            return  # not admitted yet: the request to join carries the first bundle
        data = await fact(core.store, BUNDLE)
        if data is None:
            return
        posted = core.members.bundle(core.us)
        ours = decode(parse_signed(data, len(data), "bundle").content, Bundle, len(data), "bundle")
        if posted is not None and posted.made_at >= ours.made_at:
            return
        answer: Answer = await self._http.request(
            "PUT",
            self._url + publish_path(core.us),
            data=data,
            content_type=MSGPACK,
            limit=MAX_NOTE,
        )
        if answer.status not in (200, 201, 204):
            raise Unreachable(f"http-{answer.status}", left=False, status=answer.status)
        self._shown.published = (core.us, ours.made_at)
        log.info("directory.published")
        self._etags.pop(BOARD, None)
