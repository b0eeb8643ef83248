"""What a hand wishes to do in its next step: drawn from the seed by the step's number alone.

Law: pure. What a wish then meets (which threads there are, what a page offers) depends on how fast
machines are; what is wished does not, so that a seed gives the same decisions again.
"""

import random
from dataclasses import dataclass
from typing import Final

NOTE: Final = "note"
ACT: Final = "act"
REFER: Final = "refer"
CONTINUE: Final = "continue"
LOOK: Final = "look"
LEAVE: Final = "leave"

_KINDS: Final = {NOTE: 74, ACT: 11, REFER: 5, CONTINUE: 3, LOOK: 5, LEAVE: 2}
FIRST: Final = 2
"""With so many referrals each hand begins."""


@dataclass(frozen=True)
class Wish:
    """``which`` in [0, 1) picks among what there is; ``count`` notes are said in a row; a referral
    is put aside after ``pause`` steps, if that is not None; ``again``: the form is sent twice."""

    kind: str
    which: float
    what: float
    count: int
    pause: int | None
    again: bool
    chance: random.Random


def wish(seed: str, hand: str, step: int) -> Wish:
    """The wish of this step."""
    chance = random.Random(f"{seed}/{hand}/{step}")
    kind = chance.choices(list(_KINDS), list(_KINDS.values()))[0]
    if step < FIRST:
        kind = REFER
    return Wish(
        kind,
        chance.random(),
        chance.random(),
        chance.randint(3, 12),
        chance.randint(1, 7) if chance.random() < 0.3 and step >= FIRST else None,
        chance.random() < 0.06,
        chance,
    )
