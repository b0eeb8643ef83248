"""What `referral node status` tells of what is missing: gaps, and the asking after a restore."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from referral_node.exchange.catchup.gaps import every
from referral_node.exchange.catchup.progress import standing
from referral_node.store import Store


class GapOf(msgspec.Struct, frozen=True):
    """What one peer said and this node misses."""

    peer: str
    name: str | None
    count: int
    since: int
    asked_at: int | None


class Missing(msgspec.Struct, frozen=True):
    """``begun_at``: when all members were last asked for what is missing, None: never; ``going``:
    not all have answered; ``found`` statements came back, of ``lost`` the content is to come.
    ``unanswered``: members who have not yet answered what every start asks."""

    rolled_back_at: int | None
    begun_at: int | None
    going: bool
    asked: int
    answered: int
    found: int
    lost: int
    unanswered: int
    gaps: list[GapOf]


async def missing(store: Store, names: Mapping[bytes, str]) -> Missing:
    """Read it; ``names``: of organisations, by member."""
    told = await standing(store)
    open_asks = await store.row(
        "SELECT COUNT(*) FROM catching WHERE since IS NOT NULL AND done_at IS NULL"
    )
    return Missing(
        rolled_back_at=told.rolled_back_at,
        begun_at=told.begun_at,
        going=told.since is not None and told.answered < told.asked,
        asked=told.asked,
        answered=told.answered,
        found=told.found,
        lost=told.lost,
        unanswered=0 if open_asks is None else int(open_asks[0]),
        gaps=[
            GapOf(gap.peer.hex(), names.get(gap.peer), gap.count, gap.since, gap.asked_at)
            for gap in await every(store)
        ],
    )


def lines(answer: Mapping[str, Any], when: Any) -> Iterator[str]:
    """The same in words, line by line; ``when`` writes a time."""
    if answer["rolled_back_at"] is not None:
        yield (
            f"Found {when(answer['rolled_back_at'])}: this folder had been put back to an earlier"
            " state (a snapshot, or a copy of the disk)."
        )
    if answer["begun_at"] is not None:
        how = "asking" if answer["going"] else "asked"
        said = (
            f"{answer['answered']} of {answer['asked']} members answered,"
            f" {_messages(answer['found'])} came back"
            if answer["asked"]
            else "there is no member yet who could have it"
        )
        yield f"Since {when(answer['begun_at'])}: {how} for what is missing here; {said}."
    if answer["lost"]:
        yield (
            f"{_messages(answer['lost'])} without content: it comes when somebody signs in at the"
            " other organisation, and then here."
        )
    for gap in answer["gaps"]:
        asked = "not asked for yet" if gap["asked_at"] is None else f"asked {when(gap['asked_at'])}"
        yield (
            f"Missing from {gap['name'] or gap['peer']}: {_messages(gap['count'])},"
            f" since {when(gap['since'])}, {asked}."
        )


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"
