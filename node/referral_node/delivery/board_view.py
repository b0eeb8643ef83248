"""What the board shows now, against what was seen before: nobody's prekeys may go back or vanish.

Law: whoever serves the board cannot make a bundle, but can leave one out or show an older one. What
is held here stays as it is; that the board shows less is counted and told (DIRECTORY 5.2).
"""

from collections.abc import Iterable

from referral_node.exchange.directory.members import MemberBook
from referral_protocol.directory.board import Posted
from referral_protocol.directory.tiles import EMPTY_TILE, Index


class BoardView:
    """When each member's bundle on the board was made, by the tile that holds it."""

    def __init__(self) -> None:
        self._tiles: dict[bytes, dict[bytes, int]] = {EMPTY_TILE: {}}
        self.published: tuple[bytes, int] | None = None
        """Our own member id, and when the bundle was made that the directory last took."""
        self.behind = 0
        """Members whose newest bundle, which was seen, the board does not show any more."""

    def read(self, name: bytes, posted: Iterable[Posted]) -> None:
        """A tile was read."""
        self._tiles[name] = {each.member: each.bundle.made_at for each in posted}

    def compare(self, index: Index, members: MemberBook) -> int:
        """How many bundles are missing or older than what is held; all tiles must be read."""
        here = {name: self._tiles.get(name, {}) for name in index.tiles}
        self._tiles = {**here, EMPTY_TILE: {}}
        shown = {member: at for tile in here.values() for member, at in tile.items()}
        self.behind = sum(shown.get(m, -1) < at for m, at in self._seen(members))
        return self.behind

    def _seen(self, members: MemberBook) -> Iterable[tuple[bytes, int]]:
        if self.published is not None:
            yield self.published
        for member in () if members.directory is None else members.directory.members():
            held = members.bundle(member.id)
            # A new vault key takes the bundle off the board until there is one of it.
            if held is None or member.removed_at is not None or held.made_at < member.vault_since:
                continue
            if self.published is None or member.id != self.published[0]:
                yield member.id, held.made_at
