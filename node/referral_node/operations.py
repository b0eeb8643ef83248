"""What the commands do to a node's store: one table for both ways in.

A command reaches these through `control.sock` while a node serves the folder, and opens the files
itself while none does; the same functions run either way, with the same arguments.

Law: no operation reads or shows a case. Whoever is admitted is admitted by a keyholder's password
or the recovery kit, checked here and nowhere else.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import msgspec

from referral_node import users
from referral_node.authority import Authority
from referral_node.backup import age
from referral_node.backup.copying import copy_database
from referral_node.config import Config
from referral_node.control import Arguments, Handler
from referral_node.delivery.http import Http
from referral_node.exchange import Exchange
from referral_node.exchange.keys.vault import Keys
from referral_node.exchange.notices.duty import today
from referral_node.folder import StateFolder
from referral_node.joining import NeedsKeyholder, Wish
from referral_node.keeping import KeyKeeping
from referral_node.own_services import OwnServices
from referral_node.passwords import check_password
from referral_node.recovering import Place, Recoverer
from referral_node.status import status
from referral_node.store import Store
from referral_node.store.facts import MEMBER, fact
from referral_node.telling import Telling
from referral_node.trouble import Trouble
from referral_node.vault.sessions import User
from referral_node.vault.signin import SignIn
from referral_node.vault.slots import Kit, Password, SlotKeys
from referral_node.vault.vault import UnlockedVault
from referral_node.watching import Watching
from referral_protocol.directory.requests import RequestState
from referral_protocol.suite import Signer

T = TypeVar("T")


class JoinArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    anchor: str
    profile: bytes
    authority: Authority = Authority()


class RecoverArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    anchor: str
    member: bytes
    profile: bytes | None = None
    authority: Authority = Authority()


class AddArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    display: str
    role: str
    password: str
    authority: Authority


class ResetArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    password: str
    authority: Authority


class EndArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class BackedUpArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: int


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


async def _nobody_joined() -> None:
    """No node runs that could begin to follow the directory."""


class Operations:
    """The commands over one open store.

    ``ended`` is called with the id of a user whose sessions must end; ``joined`` when a request to
    join was taken, so that a running node begins to follow; ``running`` gives what only a serving
    process knows, for `status`; ``own_keys`` and ``exchange`` are those of the running node.
    """

    def __init__(
        self,
        *,
        store: Store,
        folder: StateFolder,
        config: Config,
        node: Signer,
        http: Http,
        keys: SlotKeys,
        door: SignIn,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        ended: Callable[[bytes], object] = lambda _user: None,
        joined: Callable[[], Awaitable[None]] = _nobody_joined,
        running: Callable[[], dict[str, Any]] | None = None,
        settled: Callable[[], Awaitable[None]] = _nobody_joined,
        own_keys: Keys | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        self._store = store
        self._folder = folder
        self._config = config
        self._keys = keys
        self._door = door
        self._clock = clock
        self._entropy = entropy
        self._ended = ended
        self._joined = joined
        self._running = running
        self._copying = asyncio.Lock()
        self._telling = Telling(store, config, folder.path, clock, entropy)
        self._keeping = KeyKeeping(own_keys, self._open)
        self._services = OwnServices(exchange, self._open)
        self._watching = Watching(store, folder, config, clock, entropy, settled)
        self._serves = own_keys is not None
        self._joining = Recoverer(
            store,
            http,
            config.exchange,
            node,
            allow_loopback=config.allow_loopback,
            clock=clock,
            entropy=entropy,
        )

    def handlers(self) -> Mapping[str, Handler]:
        """The table of commands, for a ControlServer or to be called at once."""
        return {
            "status": self.status,
            "join": self.join,
            "recover": self.recover,
            "users": self.users,
            "users-add": self.add,
            "users-reset": self.reset,
            "users-end": self.end,
            "backup-copy": self.backup_copy,
            "backup-done": self.backup_done,
            "backup-failed": self.backup_failed,
            **self._telling.handlers(),
            **self._watching.handlers(),
            **self._keeping.handlers(),
            **self._services.handlers(),
        }

    async def status(self, arguments: Arguments) -> Any:
        """What waits and why; see :class:`~referral_node.status.Status`."""
        _read(arguments, Nothing)
        return msgspec.to_builtins(
            await status(self._store, self._folder, self._config, self._running, self._clock())
        )

    async def join(self, arguments: Arguments) -> Any:
        """Ask a directory to admit us. ``{"needs": "keyholder", "names": [...]}`` or the state."""
        given = _read(arguments, JoinArguments)
        wish = Wish(given.url, given.anchor, given.profile)
        vault: UnlockedVault | None = None
        if given.authority.password is not None:
            _, vault = await self._open(await self._named(given.authority))
        try:
            state = await self._joining.join(wish, vault)
        except NeedsKeyholder:
            return {"needs": "keyholder", "names": await self._names()}
        finally:
            if vault is not None:
                vault.close()
        await self._joined()
        return _plain(state)

    async def recover(self, arguments: Arguments) -> Any:
        """Ask a directory to let this node take a member's place. Answers as of `join`."""
        given = _read(arguments, RecoverArguments)
        if self._serves and await fact(self._store, MEMBER) != given.member:
            raise Trouble("stop the node, ask again, then start it: it becomes another member")
        place = Place(given.url, given.anchor, given.member, given.profile)
        vault: UnlockedVault | None = None
        if given.authority.password is not None:
            _, vault = await self._open(await self._named(given.authority))
        try:
            state = await self._joining.recover(place, vault)
        except NeedsKeyholder:
            return {"needs": "keyholder", "names": await self._names()}
        finally:
            if vault is not None:
                vault.close()
        return _plain(state)

    async def users(self, arguments: Arguments) -> Any:
        """Everybody who may or could sign in."""
        _read(arguments, Nothing)
        day = today(self._clock(), self._config.time_zone).isoformat()
        return [asdict(person) for person in await users.all_users(self._store, day)]

    async def add(self, arguments: Arguments) -> Any:
        """Admit a keyholder."""
        given = _read(arguments, AddArguments)
        user = users.new_user(given.name, given.display, given.role, self._entropy)
        password = check_password(given.password, user.name, user.display, self._config.name)
        by, vault = await self._open(given.authority)
        try:
            await users.add_user(self._store, self._keys, vault, by, user, password, self._clock())
        finally:
            vault.close()
        return {"name": user.name}

    async def reset(self, arguments: Arguments) -> Any:
        """Give a keyholder a new password; their sessions end."""
        given = _read(arguments, ResetArguments)
        user = await users.find_user(self._store, given.name)
        names = (given.name,) if user is None else (user.name, user.display)
        password = check_password(given.password, *names, self._config.name)
        by, vault = await self._open(given.authority)
        try:
            user = await users.reset_password(
                self._store, self._keys, vault, by, given.name, password, self._clock()
            )
        finally:
            vault.close()
        self._ended(user.id)
        return {"name": user.name}

    async def end(self, arguments: Arguments) -> Any:
        """End a person's access, and their sessions."""
        given = _read(arguments, EndArguments)
        user = await users.end_user(self._store, given.name, self._clock())
        self._ended(user.id)
        return {"name": user.name}

    async def backup_copy(self, arguments: Arguments) -> Any:
        """Copy the database for the backup that the caller makes; ``{"at": its moment}``."""
        _read(arguments, Nothing)
        stop = threading.Event()
        async with self._copying:
            at = self._clock()
            try:
                await asyncio.to_thread(copy_database, self._folder, stop)
            finally:
                stop.set()  # whoever waited is gone: the thread shall not keep the node from ending
        # While it was copied, the write-ahead log could not be emptied: what was erased is in it.
        await self._store.truncate()
        return {"at": at}

    async def backup_done(self, arguments: Arguments) -> Any:
        """The backup of this moment is good."""
        await age.done(self._store, _read(arguments, BackedUpArguments).at)
        return {}

    async def backup_failed(self, arguments: Arguments) -> Any:
        """A backup could not be made."""
        _read(arguments, Nothing)
        await age.failed(self._store, self._clock())
        return {}

    async def _open(self, authority: Authority) -> tuple[User | None, UnlockedVault]:
        """The vault by whoever lets it happen; None for the kit."""
        if authority.kit is not None:
            kit = Kit.typed(authority.kit)
            return None, await users.open_with_kit(self._store, self._keys, kit)
        if authority.name is None or authority.password is None:
            raise Trouble("a keyholder must give their password, or type the recovery kit")
        return await users.sign_in(
            self._store, self._door, authority.name, Password(authority.password)
        )

    async def _named(self, authority: Authority) -> Authority:
        """The only keyholder's name, where none is given and there is but one."""
        if authority.name is not None:
            return authority
        names = await self._names()
        if len(names) != 1:
            raise Trouble(f"say whose password it is: --user {' or '.join(names)}")
        return msgspec.structs.replace(authority, name=names[0])

    async def _names(self) -> list[str]:
        people = await users.all_users(self._store)
        return [person.name for person in people if person.ended_at is None]


def _read(arguments: Arguments, kind: type[T]) -> T:
    try:
        return msgspec.convert(arguments, kind, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError:
        raise Trouble(
            "the command and the running node are of different versions: restart the node"
        ) from None


def _plain(state: RequestState) -> dict[str, Any]:
    return {"state": state.state, "at": state.at, "text": state.text}
