"""``referral bench exchange``: messages per second between two nodes, and how long one takes."""

import base64
import statistics
import tempfile
from pathlib import Path
from typing import Any, Final

from referral_tools.bench import primitives
from referral_tools.bench.machine import fsync_us, machine, spread
from referral_tools.bench.pair import pair

BATCH: Final = 256
"""Messages handed in at once where the rate is measured: as many as one commit takes."""


def measure(count: int, runs: int) -> dict[str, Any]:
    """All figures of the exchange: rates in messages per second, times in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="referral-bench-") as place:
        syncs = fsync_us(Path(place))
        bare = []
        for number in range(runs):
            folder = Path(place) / str(number)
            folder.mkdir()
            bare.append(primitives.rate(folder, max(4, count // 640)))
    created, backlog = [], []
    for _ in range(runs):
        created.append(_from_creation(count, BATCH))
        backlog.append(_backlog(count))
    by_senders = {
        str(senders): spread([_from_creation(part, senders) for _ in range(runs)])
        for senders, part in ((1, count // 8), (8, count // 4), (64, count))
    }
    times = _latency(max(100, count // 40))
    median_bare = statistics.median(bare)
    return {
        "machine": machine(),
        "messages": count,
        "from_creation": spread(created),
        "backlog": spread(backlog),
        "from_creation_by_senders": by_senders,
        "primitives": spread(bare),
        "ratio_to_primitives": spread([rate / median_bare for rate in created], 2),
        "fsync_us": spread(syncs),
        "p50_ms": spread([_percentile(times, 50)]),
        "p99_ms": spread([_percentile(times, 99)]),
    }


def _from_creation(count: int, senders: int) -> float:
    with pair(deliver=True) as (sender, recipient):
        peer = {"peer": _text(recipient.id)}
        sender.order("create", count=64, senders=8, wait=True, **peer)
        took = sender.order("create", count=count, senders=senders, wait=True, **peer)["seconds"]
        _check(recipient.order("held")["held"], count + 64)
    return count / float(took)


def _backlog(count: int) -> float:
    with pair(deliver=False) as (sender, recipient):
        sender.order("create", count=count, senders=64, wait=False, peer=_text(recipient.id))
        took = sender.order("deliver")["seconds"]
        _check(recipient.order("held")["held"], count)
    return count / float(took)


def _latency(count: int) -> list[float]:
    with pair(deliver=True) as (sender, recipient):
        peer = {"peer": _text(recipient.id), "senders": 1, "wait": True, "one_by_one": True}
        sender.order("create", count=20, **peer)
        took: list[float] = sender.order("create", count=count, **peer)["took"]
    return took


def _check(held: int, expected: int) -> None:
    if held != expected:
        raise RuntimeError(f"the recipient holds {held} messages, not {expected}")


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _text(member: bytes) -> str:
    return base64.b64encode(member).decode("ascii")
