"""The prekey board: the vault-signed bundles of all members (DIRECTORY 5.2).

Law: of two bundles of a member the one made later counts; the board never goes back. A bundle is
checked against the vault key that the log names now; whoever serves the board can leave one out or
hold it back, but not make one.
"""

from typing import Final, NamedTuple

from referral_protocol.certificates import (
    MAX_BUNDLE,
    Bundle,
    VerifiedBundle,
    verify_bundle,
)
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tiles import parse_tile
from referral_protocol.errors import ProtocolError
from referral_protocol.signed import parse_signed
from referral_protocol.wire import decode

WHAT: Final = "board"


class Posted(NamedTuple):
    """A member's bundle as it stands on the board, verified."""

    member: bytes
    data: bytes
    bundle: VerifiedBundle


def bundle_member(data: bytes) -> bytes:
    """Whose bundle it claims to be; not verified."""
    content = parse_signed(data, MAX_BUNDLE, "bundle").content
    return decode(content, Bundle, MAX_BUNDLE, "bundle").member


def verify_posted(data: bytes, directory: Directory, now: int) -> Posted:
    """Check a bundle against the log: of a member that is not removed, by its vault key."""
    member = directory.known(bundle_member(data))
    if member.removed_at is not None:
        raise ProtocolError("removed", "bundle: of a member that was removed")
    return Posted(member.id, data, verify_bundle(data, member.id, member.vault_key, now))


def check_newer(posted: Posted, held: VerifiedBundle | None) -> bool:
    """Whether it replaces what is held; ``old-number`` if it was made earlier, or at once."""
    if held is None or posted.bundle.made_at > held.made_at:
        return True
    if posted.bundle == held:
        return False
    raise ProtocolError("old-number", "bundle: made before the one that is held")


def read_board_tile(
    data: bytes, name: bytes, directory: Directory, now: int
) -> tuple[list[Posted], list[ProtocolError]]:
    """The bundles of a tile that hold, and why each other item was left out."""
    posted: list[Posted] = []
    refused: list[ProtocolError] = []
    for item in parse_tile(data, name, MAX_BUNDLE, WHAT):
        try:
            posted.append(verify_posted(item, directory, now))
        except ProtocolError as error:
            refused.append(error)
    return posted, refused
