"""What a composition root chooses: clock, entropy, chance, and the cost of a password.

Law: production takes the defaults, all of them; only tests make others.
"""

import os
import secrets
import time
from collections.abc import Callable

import msgspec

from referral_node.delivery.http import Http
from referral_node.vault.slots import PRODUCTION, KdfCost


def _now() -> int:
    return time.time_ns() // 1_000_000


def _chance() -> float:
    return secrets.randbelow(2**32) / 2**32


class Parts(msgspec.Struct, frozen=True):
    """What a composition root chooses. The defaults are production's.

    ``clock``: ms UTC; ``entropy``: n random bytes; ``chance``: uniform in [0, 1);
    ``cost``: what stretching a password takes; ``transport``: how this node speaks to others.
    """

    clock: Callable[[], int] = _now
    entropy: Callable[[int], bytes] = os.urandom
    chance: Callable[[], float] = _chance
    cost: KdfCost = PRODUCTION
    transport: Callable[[], Http] = Http
