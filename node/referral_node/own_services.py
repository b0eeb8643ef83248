"""Services from a file, put into our own profile: what `services import` asks of a node.

Law: it is all or nothing, and only a keyholder does it. What is loaded is kept on this node, like
what is typed on the pages; nobody else reads it before a keyholder sends it to the directory.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from referral_node.authority import Authority
from referral_node.control import Arguments, Handler
from referral_node.exchange import Actor, Exchange
from referral_node.exchange.directory.own_profile import StaleProfile
from referral_node.exchange.directory.service_files import joined, whose
from referral_node.trouble import Trouble
from referral_node.vault.sessions import User
from referral_node.vault.vault import UnlockedVault

MOST: Final = 200


class Loaded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file says, read already. ``replace``: services that are not in it go."""

    services: Annotated[list[dict[str, Any]], Meta(max_length=MOST)]
    ids: Annotated[list[str], Meta(max_length=MOST)]
    replace: bool = False


class LoadArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    loaded: Loaded
    authority: Authority
    dry_run: bool = False


Open = Callable[[Authority], Awaitable[tuple[User | None, UnlockedVault]]]


class OwnServices:
    """The operation over a running node's profile; while none runs, ``exchange`` is None."""

    def __init__(self, exchange: Exchange | None, sign_in: Open) -> None:
        self._exchange = exchange
        self._sign_in = sign_in

    def handlers(self) -> Mapping[str, Handler]:
        """Its part of the table of commands."""
        return {"services-import": self.load, "services-whose": self.whose}

    async def whose(self, arguments: Arguments) -> Any:
        """``{"id", "names"}``: how a file names our own organisation."""
        if arguments:
            raise Trouble("services-whose takes no arguments")
        exchange = self._serving()
        found = whose(exchange.us, await exchange.own_profile.stated())
        return {"id": found.id, "names": sorted(found.names)}

    def _serving(self) -> Exchange:
        if self._exchange is None:
            raise Trouble("services are changed while the node serves: start it, then try again")
        return self._exchange

    async def load(self, arguments: Arguments) -> Any:
        """``{"changes": [[kind, name, fields]], "problems": [[place, field, words]], "kept"}``."""
        exchange = self._serving()
        try:
            given = msgspec.convert(arguments, LoadArguments, strict=True)
        except msgspec.ValidationError:
            raise Trouble(
                "the command and the running node are of different versions: restart the node"
            ) from None
        user, vault = await self._sign_in(given.authority)
        try:
            if user is None:
                raise Trouble("a keyholder must give their password")
            mine = await exchange.own_profile.load(vault)
            loaded = given.loaded
            values, found, problems = joined(
                exchange.us, mine, loaded.services, loaded.ids, replace=loaded.replace
            )
            keep = found.anything and not problems and not given.dry_run
            if keep:
                actor = Actor(user.id, user.display, user.role)
                await exchange.own_profile.save(vault, actor, values, mine.version)
        except StaleProfile:
            raise Trouble("somebody changed the profile at this moment: try again") from None
        finally:
            vault.close()
        return {
            "changes": [[each.kind, each.name, list(each.fields)] for each in found.changes],
            "problems": [list(each) for each in problems],
            "kept": keep,
        }
