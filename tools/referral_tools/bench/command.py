"""``referral bench``: prints figures, never judges them."""

import json
from collections.abc import Callable
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from referral_node.logs import set_up
from referral_tools.bench import directory as directory_bench
from referral_tools.bench import exchange as exchange_bench
from referral_tools.bench import growth as growth_bench
from referral_tools.bench import importing as import_bench
from referral_tools.bench import latency as latency_bench
from referral_tools.bench import memory as memory_bench
from referral_tools.bench import pages as pages_bench

WORDS: Final = {
    "from_creation": "from creation to stored receipt, 256 at once (messages/s)",
    "backlog": "a waiting backlog delivered (messages/s)",
    "p50_ms": "one message, from send to verified receipt, p50 (ms)",
    "p99_ms": "the same, p99 (ms)",
    "p50_in_messages": "p50 as bare messages that take as long",
    "p99_in_messages": "p99 as bare messages that take as long",
    "small_in_messages": "with 1,000 stored, as bare messages that take as long",
    "bodies_per_s": "bodies opened after a sign-in (per second)",
    "bodies_per_cpu_s": "the same per second of processor",
    "longest_wait_ms": "the longest that a page waits for its part of them (ms)",
    "sign_in_s": "sign-in until Today is there, its cases read (s)",
    "today_p50_ms": "Today, p50 (ms)",
    "today_p95_ms": "Today, p95 (ms)",
    "today_cpu_ms": "Today, processor (ms)",
    "today_p95_in_messages": "Today, p95 as bare messages that take as long",
    "referral_p50_ms": "a referral, p50 (ms)",
    "referral_p95_ms": "a referral, p95 (ms)",
    "referral_cpu_ms": "a referral, processor (ms)",
    "referral_p95_in_messages": "a referral, p95 as bare messages that take as long",
    "all_p50_ms": "a page of all referrals, p50 (ms)",
    "all_p95_ms": "a page of all referrals, p95 (ms)",
    "all_cpu_ms": "a page of all referrals, processor (ms)",
    "all_p95_in_messages": "a page of all referrals, p95 as bare messages that take as long",
    "first_sync_s": "a node's first copy of the directory, all verified (s)",
    "first_sync_cpu_s": "processor of the node until then, with its start (s)",
    "increment_s": "a poll that brings one change (s)",
    "increment_most_s": "the longest of them (s)",
    "update_seen_polls": "polls until a change was seen, most",
    "replica_rss_mb": "memory of the node after its first copy (MB)",
    "replica_rss_again_mb": "the same after a start with that copy (MB)",
    "ready_again_s": "from start to ready with that copy (s)",
    "find_first_ms": "Find a service, the first time (ms)",
    "find_p50_ms": "Find a service, p50 (ms)",
    "find_p95_ms": "Find a service, p95 (ms)",
    "public_first_ms": "the directory's public pages, the first time (ms)",
    "public_p50_ms": "the directory's public pages, p50 (ms)",
    "public_p95_ms": "the directory's public pages, p95 (ms)",
    "console_first_ms": "the registrars' pages, the first time (ms)",
    "console_p50_ms": "the registrars' pages, p50 (ms)",
    "console_p95_ms": "the registrars' pages, p95 (ms)",
    "directory_ready_s": "from the directory's start to ready (s)",
    "directory_rss_mb": "memory of the directory (MB)",
    "requests_per_s": "conditional requests, all nodes polling at once (per second)",
    "polls_per_s": "the same as whole polls (per second)",
    "request_p50_ms": "one of these requests, p50 (ms)",
    "request_p95_ms": "one of these requests, p95 (ms)",
    "unchanged_percent": "answers that said: as before (%)",
    "errors": "errors",
    "rss_signed_in_mb": "memory with somebody signed in (MB)",
    "rss_mb": "memory, nobody signed in, nearly empty (MB)",
    "ready_s": "from start to ready, nearly empty (s)",
    "rss_large_mb": "memory, nobody signed in, with all threads (MB)",
    "ready_large_s": "from start to ready, with all threads (s)",
    "interpreter_mb": "memory of a Python that does nothing (MB)",
    "ratio_to_interpreter": "memory, nearly empty, as a ratio to that",
    "ready_in_interpreter_starts": "ready, nearly empty, as runs of a Python that does nothing",
    "primitives": "bare primitives, one core (messages/s)",
    "ratio_to_primitives": "the first figure, as a ratio to the bare primitives",
    "fsync_us": "one fdatasync of 4 KiB (µs)",
}
"""What each figure is called."""
WITH_A_SIZE: Final = {
    "ms_at_": "one message with {} stored (ms)",
    "cpu_ms_at_": "the same, processors of both nodes (ms)",
    "ratio_at_": "one message with {} stored, as a ratio to 1,000",
    "cpu_ratio_at_": "the same, processors of both nodes",
    "mb_at_": "one store with {} messages (MB)",
}
"""The same for figures whose name ends with a number of stored messages."""

runs_ = click.option("--runs", default=3, show_default=True, help="Runs of each figure.")
json_ = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group()
def bench() -> None:
    """Measure: each figure beside what the machine gives."""
    set_up("error")  # what a node logs of each parcel would cost time and hide the figures


@bench.command()
@click.option("--count", default=4000, show_default=True, help="Messages in each run.")
@runs_
@json_
def exchange(count: int, runs: int, as_json: bool) -> None:
    """Two nodes, one core each: rates and times of messages of 4 KiB."""
    tell(exchange_bench.measure(count, runs), as_json)


@bench.command()
@click.option("--count", default=300, show_default=True, help="Messages in each run.")
@runs_
@json_
def latency(count: int, runs: int, as_json: bool) -> None:
    """One message at a time between two idle nodes."""
    tell(latency_bench.measure(count, runs), as_json)


@bench.command()
@click.option("--max", "most", default=1_000_000, show_default=True, help="Messages stored, most.")
@click.option("--count", default=4000, show_default=True, help="Messages in each run.")
@runs_
@json_
def growth(most: int, count: int, runs: int, as_json: bool) -> None:
    """What a message costs nodes that hold 1,000, 100,000 and 1,000,000 already.

    A million needs some 8 GB of disk for the time of the run, and minutes to fill.
    """
    tell(growth_bench.measure(most, count, runs, _told(as_json)), as_json)


@bench.command("import")
@click.option("--count", default=3000, show_default=True, help="Bodies in each run.")
@runs_
@json_
def import_(count: int, runs: int, as_json: bool) -> None:
    """Opening what has come, after a sign-in."""
    tell(import_bench.measure(count, runs, _told(as_json)), as_json)


@bench.command()
@click.option("--threads", default=100_000, show_default=True, help="Referrals stored.")
@click.option("--count", default=100, show_default=True, help="Pages of each kind in each run.")
@runs_
@json_
def pages(threads: int, count: int, runs: int, as_json: bool) -> None:
    """Today, a referral and the list of all, from a node with many referrals."""
    tell(pages_bench.measure(threads, count, runs, _told(as_json)), as_json)


@bench.command()
@click.option("--threads", default=100_000, show_default=True, help="Referrals stored.")
@runs_
@json_
def memory(threads: int, runs: int, as_json: bool) -> None:
    """A node at rest with nobody signed in, and how soon it is ready."""
    tell(memory_bench.measure(threads, runs, _told(as_json)), as_json)


@bench.command()
@click.option("--members", default=10_000, show_default=True, help="Members of the directory.")
@click.option("--clients", default=1000, show_default=True, help="Nodes that poll at once.")
@runs_
@json_
def directory(members: int, clients: int, runs: int, as_json: bool) -> None:
    """A directory of many members: a node's copy of it, and many nodes that poll."""
    tell(directory_bench.measure(members, clients, runs, _told(as_json)), as_json)


def tell(found: dict[str, Any], as_json: bool) -> None:
    """One JSON object, or a table for a person."""
    if as_json:
        click.echo(json.dumps(found))
    else:
        show(found)


def _told(as_json: bool) -> Callable[[str], None]:
    """Says on standard error how far a long run has come; nothing where a machine reads."""
    return (lambda _words: None) if as_json else lambda words: click.echo(words, err=True)


def show(found: dict[str, Any]) -> None:
    """A table for a person."""
    console = Console()
    console.print(", ".join(f"{key} {value}" for key, value in found["machine"].items()))
    table = Table("figure", "median", "least", "most")
    for name, figure in found.items():
        words = _words(name)
        if words:
            table.add_row(words, *(str(figure[key]) for key in ("median", "min", "max")))
    for senders, figure in found.get("from_creation_by_senders", {}).items():
        words = f"from creation, {senders} at once (messages/s)"
        table.add_row(words, *(str(figure[key]) for key in ("median", "min", "max")))
    console.print(table)


def _words(name: str) -> str:
    """What a figure is called; "" for what is none."""
    for prefix, words in WITH_A_SIZE.items():
        if name.startswith(prefix):
            return words.format(f"{int(name.removeprefix(prefix)):,}")
    return WORDS.get(name, "")
