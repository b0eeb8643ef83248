"""``referral bench``: prints figures, never judges them."""

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from referral_tools.bench import exchange as exchange_bench

WORDS = {
    "from_creation": "from creation to stored receipt, 64 senders (messages/s)",
    "backlog": "a waiting backlog delivered (messages/s)",
    "primitives": "bare primitives, one core (messages/s)",
    "ratio_to_primitives": "from creation, as a ratio to the bare primitives",
    "p50_ms": "one message, from send to verified receipt, p50 (ms)",
    "p99_ms": "the same, p99 (ms)",
    "fsync_us": "one fdatasync of 4 KiB (µs)",
}


@click.group()
def bench() -> None:
    """Measure: each figure beside what the machine gives."""


@bench.command()
@click.option("--count", default=4000, show_default=True, help="Messages in each run.")
@click.option("--runs", default=3, show_default=True, help="Runs of each figure.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def exchange(count: int, runs: int, as_json: bool) -> None:
    """Two nodes, one core each: rates and times of messages of 4 KiB."""
    found = exchange_bench.measure(count, runs)
    if as_json:
        click.echo(json.dumps(found))
    else:
        show(found)


def show(found: dict[str, Any]) -> None:
    """A table for a person."""
    console = Console()
    console.print(", ".join(f"{key} {value}" for key, value in found["machine"].items()))
    table = Table("figure", "median", "least", "most")
    for name, words in WORDS.items():
        if name in found:
            figure = found[name]
            table.add_row(words, *(str(figure[key]) for key in ("median", "min", "max")))
    for senders, figure in found.get("from_creation_by_senders", {}).items():
        words = f"from creation, {senders} at once (messages/s)"
        table.add_row(words, *(str(figure[key]) for key in ("median", "min", "max")))
    console.print(table)
