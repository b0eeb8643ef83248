"""The poller: keeps this node's copy of the directory fresh, and publishes our prekeys.

Law: everything is fetched whole, so that the directory never learns whom we write to; every request
is conditional; a directory that is down or wrong changes nothing here and is tried again. Our
newest bundle is put on the board without anyone signed in.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import structlog

from referral_node.delivery.ending import end
from referral_node.delivery.http import Answer, Http, Unreachable
from referral_node.delivery.problem import read_problem
from referral_node.exchange.core import Core
from referral_node.exchange.replica import ReplicaKeeper
from referral_node.exchange.updating import Updating, for_good
from referral_node.store import StoreError
from referral_node.store.facts import BUNDLE, fact
from referral_protocol.certificates import Bundle
from referral_protocol.directory.board import Posted, read_board_tile
from referral_protocol.directory.notes import MAX_NOTE, peek_checkpoint
from referral_protocol.directory.paths import (
    BOARD,
    CHECKPOINT,
    MAX_BUNDLE_BYTES,
    RECORDS,
    SUBMIT,
    board_tile_path,
    entries_paths,
    parse_entries,
    publish_path,
    records_tile_path,
)
from referral_protocol.directory.records import MAX_ITEM, Records, read_records_tile
from referral_protocol.directory.tiles import MAX_INDEX, TILE_MEMBERS, parse_index
from referral_protocol.errors import ProtocolError
from referral_protocol.signed import parse_signed
from referral_protocol.wire import decode

MSGPACK: Final = "application/msgpack"
MAX_TILE: Final = TILE_MEMBERS * (4 + MAX_ITEM)

log = structlog.get_logger()


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
        self._every = every
        self._changed = changed
        self._updating = updating
        self._task: asyncio.Task[None] | None = None
        self._now = asyncio.Event()
        self._etags: dict[str, str] = {}
        self._tiles: dict[str, set[bytes]] = {RECORDS: set(), BOARD: set()}
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
        began = time.monotonic()
        try:
            news = await self._log()
            news = await self._records(force=news) or news
            news = await self._board(force=news) or news
            await self._send_update()
            await self._publish()
        except Unreachable as error:
            return self._failed(error.code)
        except ProtocolError as refusal:
            return self._failed(refusal.code)
        except StoreError as error:
            return self._failed(f"store-{error.code}")
        except Exception as error:  # noqa: BLE001 - a fault here must not end all looking
            log.error("directory.fault", kind=type(error).__name__)
            return self._failed("fault")
        if self.trouble is not None:
            log.info("directory.back")
        self.trouble = None
        if news:
            took = round((time.monotonic() - began) * 1000, 1)
            log.info("directory.news", entries=self._keeper.replica.size, ms=took)
            self._changed()
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
        if answer.etag is not None and conditional:
            self._etags[path] = answer.etag
        return answer.body

    async def _log(self) -> bool:
        note = await self._get(CHECKPOINT, MAX_NOTE)
        if note is None:
            await self._keeper.answered()
            return False
        try:
            size = peek_checkpoint(note).size
            leaves: list[bytes] = []
            for path in entries_paths(self._keeper.replica.size, size):
                piece = await self._get(path.path, MAX_BUNDLE_BYTES, conditional=False)
                leaves += parse_entries(piece or b"", path.width)[path.skip :]
            held = self._keeper.replica.size
            await self._keeper.take(note, leaves)
        except BaseException:
            self._etags.pop(CHECKPOINT, None)  # not taken: ask for it again
            raise
        return self._keeper.replica.size > held

    async def _records(self, *, force: bool) -> bool:
        found: list[Records] = []
        refused = 0
        tiles = await self._new_tiles(RECORDS, force=force)
        if tiles is None:
            return False
        for name in tiles:
            data = await self._get(records_tile_path(name), MAX_TILE, conditional=False) or b""
            records, errors = read_records_tile(data, name, self._keeper.replica.directory)
            found += records
            refused += len(errors)
        if refused:
            log.warning("directory.records", refused=refused)
        await self._keeper.take_records(found)
        self._tiles[RECORDS].update(tiles)
        return bool(found)

    async def _board(self, *, force: bool) -> bool:
        found: list[Posted] = []
        refused = 0
        tiles = await self._new_tiles(BOARD, force=force)
        if tiles is None:
            return False
        directory, now = self._keeper.replica.directory, self._core.clock()
        for name in tiles:
            data = await self._get(board_tile_path(name), MAX_TILE, conditional=False) or b""
            posted, errors = await asyncio.to_thread(read_board_tile, data, name, directory, now)
            found += posted
            refused += len(errors)
        if refused:
            log.warning("directory.board", refused=refused)
        fresh = await self._keeper.take_board(found)
        self._tiles[BOARD].update(tiles)
        return bool(fresh)

    async def _new_tiles(self, path: str, *, force: bool) -> list[bytes] | None:
        """Tiles to fetch now. After a change of the log all of them: keys may be others now."""
        if force:
            self._etags.pop(path, None)
            self._tiles[path].clear()
        index = await self._get(path, MAX_INDEX)
        if index is None:
            return None
        parsed = parse_index(index)
        self._tiles[path] &= set(parsed.tiles)
        return parsed.missing(self._tiles[path])

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
        if core.members.get(core.us) is None:
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
        log.info("directory.published")
        self._etags.pop(BOARD, None)
