"""What is counted: the three figures by which the exchange is judged, and how soon each member
answered us.

Law: counted over statements alone; no case is opened for it. Few threads are counted anew each
time; many are counted at most once a minute, as nobody reads a hundredth of a percent.
"""

from typing import Final

import msgspec

from referral_node.exchange.core import Core
from referral_protocol.certificates import DAY

SPAN: Final = 90 * DAY
LEAST: Final = 10
"""Below this many referrals no percentage is shown: it would say more than is known."""
MANY: Final = 500
"""From this many threads on a count is kept for ``KEPT``."""
KEPT: Final = 60_000


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


class Answers(msgspec.Struct, frozen=True):
    """What a member did with what we sent it: how many threads, and for each that it answered how
    long that took, in milliseconds."""

    sent: int = 0
    took: tuple[int, ...] = ()


NO_ANSWERS: Final = Answers()
"""Nothing was sent to this member yet."""

_FIGURES: Final = (
    "SELECT COUNT(*) AS received, "
    "COALESCE(SUM(opened IS NOT NULL OR answered IS NOT NULL), 0) AS opened, "
    "COALESCE(SUM(answered <= respond_by), 0) AS in_time, "
    "COUNT(accepted) AS accepted, "
    "COALESCE(SUM(accepted IS NOT NULL AND ended IS NOT NULL), 0) AS outcome FROM ("
    "SELECT t.id, t.respond_by, "
    "MIN(CASE WHEN m.state = 'received' THEN m.at END) AS opened, "
    "MIN(CASE WHEN m.state IN ('accepted', 'rejected') THEN m.at END) AS answered, "
    "MIN(CASE WHEN m.state = 'accepted' THEN m.at END) AS accepted, "
    "MIN(CASE WHEN m.state IN ('completed', 'failed', 'cancelled') THEN m.at END) AS ended "
    "FROM threads t "
    "LEFT JOIN messages m ON m.thread = t.id AND m.mine = 1 AND m.state IS NOT NULL "
    "WHERE t.role = 'receiving' AND t.opened_at >= ? GROUP BY t.id, t.respond_by)"
)

_TOOK: Final = (
    "SELECT t.peer, MIN(m.at) - t.opened_at AS took FROM threads t "
    "JOIN messages m ON m.thread = t.id AND m.mine = 0 AND m.state IS NOT NULL "
    "AND m.state IN ('accepted', 'rejected') "
    "WHERE t.role = 'referring' GROUP BY t.id, t.peer, t.opened_at"
)
_SENT: Final = "SELECT peer, COUNT(*) AS sent FROM threads WHERE role = 'referring' GROUP BY peer"


class Counting:
    """Counts over all threads."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._figures: tuple[int, Figures] | None = None
        self._answers: tuple[int, dict[bytes, Answers]] | None = None

    async def figures(self) -> Figures:
        """The figures of the last 90 days, as of now or of a minute ago."""
        now = self._core.clock()
        if self._figures is not None and now - self._figures[0] < KEPT:
            return self._figures[1]
        row = await self._core.store.row(_FIGURES, (now - SPAN,))
        if row is None:
            return Figures(0, Figure(0, 0), Figure(0, 0), Figure(0, 0))
        total = int(row["received"])
        figures = Figures(
            received=total,
            acknowledged=Figure(int(row["opened"]), total),
            answered=Figure(int(row["in_time"]), total),
            outcome=Figure(int(row["outcome"]), int(row["accepted"])),
        )
        self._figures = (now, figures) if total >= MANY else None
        return figures

    async def answers(self) -> dict[bytes, Answers]:
        """How each member that we referred to answered, as of now or of a minute ago."""
        now = self._core.clock()
        if self._answers is not None and now - self._answers[0] < KEPT:
            return self._answers[1]
        store = self._core.store
        took: dict[bytes, list[int]] = {}
        for row in await store.rows(_TOOK):
            took.setdefault(row["peer"], []).append(row["took"])
        answers = {
            bytes(row["peer"]): Answers(row["sent"], tuple(took.get(row["peer"], ())))
            for row in await store.rows(_SENT)
        }
        many = sum(each.sent for each in answers.values()) >= MANY
        self._answers = (now, answers) if many else None
        return answers
