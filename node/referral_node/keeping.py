"""What an administrator does about this node's keys, with a keyholder beside them.

Law: a key is replaced only by the running node, which alone knows what is under way; and only with
a keyholder's password or the recovery kit.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from referral_node.authority import Authority
from referral_node.control import Arguments, Handler
from referral_node.exchange import Actor, NotJoined, UpdateRefused, UpdateWaits
from referral_node.exchange.keys.vault import Keys
from referral_node.trouble import Trouble
from referral_node.vault.sessions import User
from referral_node.vault.vault import UnlockedVault
from referral_protocol.directory.entries import COMPROMISED, ROUTINE

Open = Callable[[Authority], Awaitable[tuple[User | None, UnlockedVault]]]
NOT_SERVING: Final = "start the node first: only a running node knows all about its keys"


class ReplaceArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    authority: Authority
    compromised: bool = False


class KeyKeeping:
    """The commands about keys. ``keys``: of the running node; None while none runs."""

    def __init__(self, keys: Keys | None, open_vault: Open) -> None:
        self._given = keys
        self._open = open_vault

    def handlers(self) -> Mapping[str, Handler]:
        """The table of commands."""
        return {
            "keys": self.show,
            "keys-new-node-key": self.machine,
            "keys-new-vault-key": self.vault,
        }

    @property
    def _keys(self) -> Keys:
        if self._given is None:
            raise Trouble(NOT_SERVING)
        return self._given

    async def show(self, arguments: Arguments) -> Any:
        """Which keys there are, since when, what is under way."""
        _read(arguments, Nothing)
        standing = await self._keys.standing()
        recovery = self._keys.recovery.standing()
        return {
            "recovery": None
            if recovery is None
            else {
                "state": recovery.state,
                "this_node": recovery.new,
                "acts_from": recovery.acts_from,
            },
            "fingerprint": standing.fingerprint,
            "vault_since": standing.vault_since,
            "node_since": standing.machine_since,
            "earlier": [[key.until, key.reason] for key in standing.earlier],
            "coming_since": standing.coming_since,
            "reason": standing.reason,
            "foreign": standing.foreign,
        }

    async def machine(self, arguments: Arguments) -> Any:
        """Replace the node key."""
        return await self._replace(arguments, self._keys.machine.replace)

    async def vault(self, arguments: Arguments) -> Any:
        """Replace the vault key."""
        return await self._replace(arguments, self._keys.replace)

    async def _replace(
        self,
        arguments: Arguments,
        work: Callable[[UnlockedVault, Actor | None, str], Awaitable[object]],
    ) -> Any:
        given = _read(arguments, ReplaceArguments)
        user, vault = await self._open(given.authority)
        actor = None if user is None else Actor(user.id, user.display, user.role)
        try:
            await work(vault, actor, COMPROMISED if given.compromised else ROUTINE)
        except UpdateWaits:
            raise Trouble(
                "another change is on its way to the directory: wait until it is done, then again"
            ) from None
        except NotJoined:
            raise Trouble("the directory does not name this node as it is: join it first") from None
        except UpdateRefused as refusal:
            raise Trouble(f"the directory would refuse this: {refusal}") from None
        finally:
            vault.close()
        return await self.show({})


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


def _read(arguments: Arguments, kind: Any) -> Any:
    try:
        return msgspec.convert(arguments, kind, strict=True)
    except msgspec.ValidationError:
        raise Trouble(
            "the command and the running node are of different versions: restart the node"
        ) from None
