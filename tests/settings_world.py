"""Members with their settings: in the directory, or (``alone``) not in it yet."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fed_member import Member
from federation import DIRECTORY, Federation, until
from referral_protocol.directory.entries import parse_anchor
from referral_protocol.directory.invitation import make_invitation


class Settings(Federation):
    """A federation in which ``alone`` is made and runs, but never asked to join."""

    def __init__(self, folder: Path, *names: str, alone: str = "") -> None:
        super().__init__(folder, *names)
        self.alone = alone

    async def join(self, member: Member) -> None:
        if member.name != self.alone:
            await super().join(member)

    async def everybody_knows(self) -> None:
        if not self.alone:
            await super().everybody_knows()

    @property
    def invitation(self) -> str:
        """What VSE would send, with an address that only links know."""
        return make_invitation(self._endpoints[DIRECTORY], parse_anchor(self.anchor))

    async def quiet(self, member: Member) -> None:
        """Until the directory has all that this member signed, and it knows that."""

        async def done() -> bool:
            if await member.exchange.updating.status() is None:
                return True
            member.node.poller.soon()  # type: ignore[union-attr]  # it has joined
            return False

        await until(done)


async def eventually(found: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what goes on by itself."""
    await until(found)
