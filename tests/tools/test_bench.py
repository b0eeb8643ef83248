"""The benchmarks run, and what fills their stores is what a node would have stored."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from referral_node.exchange import Cases, Choice
from referral_node.store import Store
from referral_tools.bench import filling
from referral_tools.bench.filling import Filler, sample
from referral_tools.bench.machine import machine
from referral_tools.bench.played import STORIES, played

SMALL: dict[str, tuple[list[str], set[str]]] = {
    "latency": (["--count", "4"], {"p50_ms", "p99_ms", "p50_in_messages"}),
    "growth": (["--max", "1200", "--count", "8"], {"ratio_at_1_200", "cpu_ratio_at_1_200"}),
    "import": (["--count", "48"], {"bodies_per_s", "ratio_to_primitives"}),
    "pages": (["--threads", "30", "--count", "2"], {"today_p95_ms", "all_p95_ms", "sign_in_s"}),
    "directory": (
        ["--members", "70", "--clients", "5"],
        {
            *("first_sync_s", "increment_s", "update_seen_polls", "replica_rss_mb"),
            *("requests_per_s", "errors", "find_p95_ms", "public_p95_ms", "console_p95_ms"),
        },
    ),
    "memory": (["--threads", "12"], {"rss_mb", "rss_large_mb", "ready_s", "ready_large_s"}),
}


@pytest.mark.parametrize("name", SMALL)
def test_each_prints_one_object_of_figures(name: str, tmp_path: Path) -> None:
    arguments, expected = SMALL[name]
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "referral_tools",
            "bench",
            name,
            *arguments,
            "--runs",
            "1",
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found["machine"].keys() == machine().keys()
    figures = {key for key, value in found.items() if isinstance(value, dict)} - {"machine"}
    assert figures >= expected | {"primitives", "fsync_us"}
    for key in figures:
        figure = found[key]
        assert set(figure) == {"median", "min", "max"}, key
        assert 0 <= figure["min"] <= figure["median"] <= figure["max"], key
    assert list(tmp_path.iterdir()) == [], "something was left lying about"


async def _indexes(store: Store) -> set[str]:
    return {row["name"] for row in await store.rows("PRAGMA index_list(messages)")}


def test_a_filled_store_reads_like_a_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        now = time.time_ns() // 1_000_000
        async with played(tmp_path, now) as pair:
            first = pair.offices[0]
            exchange, vault, real = first.exchange, first.vault, first.threads
            samples = [sample(first.folder.database, vault, each) for each in real.values()]
            filler = Filler(exchange.us, vault, pair.peers, now)
            monkeypatch.setattr(filling, "AT_ONCE", 5)
            indexes = await _indexes(exchange.store)
            assert await filler.fill(exchange.store, samples, 2 * len(samples)) > len(samples)
            assert await _indexes(exchange.store) == indexes
            views = {
                name: await exchange.threads.view(vault, thread) for name, thread in real.items()
            }
            shapes = sorted(_shape(view) for view in views.values())
            found = await exchange.lists.page(vault, Choice(), 0, 1000)
            assert len(found) == 3 * 2 * len(STORIES)
            copies = [each for each in found if each.id not in real.values()]
            read = [await exchange.threads.view(vault, each.id) for each in copies]
            assert sorted(map(_shape, read)) == sorted(shapes * 2)
            assert len({each.case.birth_date for each in copies if each.case is not None}) > 3
            assert len({each.peer for each in copies}) > 3
            assert all(each.changed_at <= now for each in copies)
            cases = await exchange.lists.cases(vault, Cases())
            assert {each.id for each in cases.all} >= {each.id for each in copies if not each.ended}
            row = await exchange.store.row("PRAGMA integrity_check")
            assert row is not None
            assert row[0] == "ok"

    asyncio.run(work())


def _shape(view: Any) -> tuple[str, ...]:
    """What does not change from copy to copy: role, state and kinds of messages, all readable."""
    assert view is not None
    assert all(message.content is not None and message.known for message in view.messages)
    return (view.role, view.state.state, *(message.kind for message in view.messages))
