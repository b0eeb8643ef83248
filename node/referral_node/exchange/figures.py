"""The three figures by which the exchange is judged: acknowledged, answered in time, outcome."""

from typing import Final

import msgspec

from referral_node.exchange.core import Core
from referral_protocol.certificates import DAY

SPAN: Final = 90 * DAY
LEAST: Final = 10
"""Below this many referrals no percentage is shown: it would say more than is known."""


class Figure(msgspec.Struct, frozen=True):
    """``reached`` of ``total``."""

    reached: int
    total: int


class Figures(msgspec.Struct, frozen=True):
    """Of the referrals received in the last 90 days."""

    received: int
    acknowledged: Figure
    answered: Figure
    outcome: Figure


class Counting:
    """Counts over the threads that we received; no case is opened for it."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def figures(self) -> Figures:
        """The figures of the last 90 days, as of now."""
        now = self._core.clock()
        row = await self._core.store.row(
            "SELECT COUNT(*) AS received, "
            "COALESCE(SUM(opened IS NOT NULL OR answered IS NOT NULL), 0) AS opened, "
            "COALESCE(SUM(answered IS NOT NULL AND answered <= respond_by), 0) AS in_time, "
            "COALESCE(SUM(accepted IS NOT NULL), 0) AS accepted, "
            "COALESCE(SUM(accepted IS NOT NULL AND ended IS NOT NULL), 0) AS outcome FROM ("
            "SELECT t.respond_by, "
            "(SELECT MIN(m.at) FROM messages m WHERE m.thread = t.id AND m.mine = 1 "
            " AND m.state = 'received') AS opened, "
            "(SELECT MIN(m.at) FROM messages m WHERE m.thread = t.id AND m.mine = 1 "
            " AND m.state IN ('accepted', 'rejected')) AS answered, "
            "(SELECT MIN(m.at) FROM messages m WHERE m.thread = t.id AND m.mine = 1 "
            " AND m.state = 'accepted') AS accepted, "
            "(SELECT MIN(m.at) FROM messages m WHERE m.thread = t.id AND m.mine = 1 "
            " AND m.state IN ('completed', 'failed', 'cancelled')) AS ended "
            "FROM threads t WHERE t.role = 'receiving' AND t.opened_at >= ?)",
            (now - SPAN,),
        )
        if row is None:
            return Figures(0, Figure(0, 0), Figure(0, 0), Figure(0, 0))
        total = int(row["received"])
        return Figures(
            received=total,
            acknowledged=Figure(int(row["opened"]), total),
            answered=Figure(int(row["in_time"]), total),
            outcome=Figure(int(row["outcome"]), int(row["accepted"])),
        )
