"""Since when an organisation's key stands, who witnessed it, who is awaited: in plain words. Pure.

Law: a date and names, never a promise: that a key stood in the directory says nothing about who
holds it; that is what the telephone is for.
"""

from collections.abc import Callable
from typing import Final

from markupsafe import Markup

from referral_protocol.directory.standing import KeyStanding
from referral_ui.parts import Fact, Text
from referral_ui.times import Times

NO_WITNESSES: Final = (
    "Nobody yet. Witnesses are asked for once four members have become one: until then the"
    " telephone is what counts."
)
ENOUGH: Final = "That is as many as the directory's rules ask for."
MISSING: Final = (
    "{} of {} that the rules ask for. Until then compare the fingerprint by telephone:"
    " it counts instead."
)

Name = Callable[[bytes | None, str], Text]
"""What a witness is called: by the member that runs it, or by its own name."""


def rows(standing: KeyStanding | None, name: Name, times: Times) -> tuple[Fact, ...]:
    """The facts about a key; none without a copy of the directory."""
    if standing is None:
        return ()
    found = [Fact("In the directory since", times.record(standing.since))]
    if standing.quorum == 0 and not standing.witnessed:
        return (*found, Fact("Witnessed by", NO_WITNESSES))
    by = [
        Markup("{}, {}").format(name(each.member, each.name), times.record(each.at))
        for each in standing.witnessed
    ]
    found.append(Fact("Witnessed by", Markup("<br>").join(by) if by else "Nobody yet"))
    waiting = [name(each.member, each.name) for each in standing.awaited]
    if waiting:
        found.append(Fact("Awaited", Markup("<br>").join(waiting)))
    if standing.quorum:
        count = len(standing.witnessed)
        enough = ENOUGH if standing.enough else MISSING.format(count, standing.quorum)
        found.append(Fact("Enough witnesses", enough))
    return tuple(found)
