"""The invitation: which directory to join, as one line to paste or as a QR code.

    referral-exchange:join?directory=https://directory.example.org&anchor=ABCD-EFGH-...

Law: it holds nothing secret and lets nobody in; it only spares typing the address and the anchor.
It has one spelling. What a mail program did to the line on its way (broken lines, spaces) is undone
when it is read; anything else that differs is refused, and said in words.
"""

import re
from typing import Final, NamedTuple

from referral_protocol.directory.endpoints import parse_endpoint
from referral_protocol.directory.entries import anchor_text, parse_anchor
from referral_protocol.errors import ProtocolError

BEGINS: Final = "referral-exchange:join?"
MAX_LINE: Final = 600
"""Longest line that is read, in characters."""

_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HEX: Final = re.compile(r"%([0-9A-Fa-f]{2})")


class Invitation(NamedTuple):
    """Where a directory answers, and the 32 bytes of its genesis hash."""

    url: str
    genesis: bytes

    @property
    def anchor(self) -> str:
        """The anchor as on paper: thirteen groups of four."""
        return anchor_text(self.genesis)


def make_invitation(url: str, genesis: bytes) -> str:
    """The line. ``url`` is a directory's, in the one spelling of endpoints; ``bad-endpoint``."""
    address = parse_endpoint(url, allow_loopback=True).url
    anchor = anchor_text(genesis).replace(" ", "-")
    return f"{BEGINS}directory={address}&anchor={anchor}"


def parse_invitation(text: str) -> Invitation:
    """Read a line. ``wrong-value`` says what is wrong with it, ``bad-endpoint`` with the address,
    ``wrong-genesis`` with the anchor. Whether loopback is allowed is asked when it is joined."""
    line = "".join(text.split())
    if len(line) > MAX_LINE:
        raise ProtocolError("too-large", "invitation: longer than any")
    if line[: len(BEGINS)].lower() != BEGINS:
        raise ProtocolError("wrong-value", f"invitation: it begins with {BEGINS.rstrip('?')}")
    parts: dict[str, str] = {}
    for piece in line[len(BEGINS) :].split("&"):
        name, equals, value = piece.partition("=")
        if name not in ("directory", "anchor") or not equals or name in parts:
            raise ProtocolError("wrong-value", "invitation: directory and anchor, each once")
        if _ESCAPE.search(value):
            raise ProtocolError("wrong-value", f"invitation: the {name} is broken off")
        parts[name] = _HEX.sub(lambda found: chr(int(found[1], 16)), value)
    for name in ("directory", "anchor"):
        if not parts.get(name):
            raise ProtocolError("wrong-value", f"invitation: the {name} is missing")
    address = parse_endpoint(parts["directory"].rstrip("/"), allow_loopback=True).url
    return Invitation(address, parse_anchor(parts["anchor"]))
