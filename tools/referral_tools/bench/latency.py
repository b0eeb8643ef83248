"""``referral bench latency``: one message at a time between idle nodes, each a process."""

import base64
import statistics
from typing import Any

from referral_tools.bench import bare
from referral_tools.bench.machine import machine, spread
from referral_tools.bench.pair import pair


def measure(count: int, runs: int) -> dict[str, Any]:
    """Milliseconds from "send" to the verified, stored receipt."""
    beside = bare.measure()
    p50, p99 = [], []
    for _ in range(runs):
        took = one_by_one(count)
        p50.append(percentile(took, 50))
        p99.append(percentile(took, 99))
    return {
        "machine": machine(),
        "messages": count,
        "p50_ms": spread(p50, 2),
        "p99_ms": spread(p99, 2),
        **beside.figures(),
        "p50_in_messages": spread([beside.messages(each) for each in p50]),
        "p99_in_messages": spread([beside.messages(each) for each in p99]),
    }


def one_by_one(count: int) -> list[float]:
    """Milliseconds of each message."""
    with pair(deliver=True) as (sender, recipient):
        peer = base64.b64encode(recipient.id).decode("ascii")
        order = {"peer": peer, "senders": 1, "wait": True, "one_by_one": True}
        sender.order("create", count=20, **order)
        took: list[float] = sender.order("create", count=count, **order)["took"]
    return took


def percentile(values: list[float], percent: int) -> float:
    """One percentile, between neighbours where need be."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
