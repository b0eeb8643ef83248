"""Members with their settings: in the directory, or (``alone``) not in it yet."""

from pathlib import Path

from fed_member import Member
from federation import DIRECTORY, Federation, until
from referral_node.exchange.directory.updating import REFUSED
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
        await self.quiet_or_refused(member)
        assert await member.exchange.updating.status() is None

    async def quiet_or_refused(self, member: Member) -> None:
        """Until nothing that this member signed is on its way."""

        async def done() -> bool:
            found = await member.exchange.updating.status()
            if found is None or found.state == REFUSED:
                return True
            assert member.node.poller is not None
            member.node.poller.soon()
            return False

        await until(done)
