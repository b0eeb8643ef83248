"""`referral verify` for what concerns the directory's log: a fork proof, or a whole saved log.

Law: as of :mod:`verify`: needs no node and no network; says in plain words what is proved and what
is not; exit 0 when everything holds.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from referral_protocol.directory import forks, saved
from referral_protocol.directory.entries import anchor_text
from referral_protocol.directory.forks import Fork, verify_fork_proof
from referral_protocol.directory.notes import Checkpoint
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.saved import parse_saved, verify_saved
from referral_protocol.directory.standing import cosignatures
from referral_protocol.errors import ProtocolError


class Report(NamedTuple):
    """What was found: as data, and as it is told."""

    plain: dict[str, Any]
    lines: list[str]
    verdict: str


def is_fork_proof(data: bytes) -> bool:
    """Whether a file begins as a fork proof does."""
    return data.startswith(forks.BEGINS)


def is_saved_log(data: bytes) -> bool:
    """Whether a file begins as a saved log does."""
    return data.startswith(saved.BEGINS)


def check_fork_proof(data: bytes, now: int, genesis: bytes | None) -> Report:
    """What a proof proves; ProtocolError if it proves nothing."""
    fork = verify_fork_proof(data, now, genesis)
    return Report(
        {
            "holds": True,
            "kind": "fork-proof",
            "origin": fork.first.origin,
            "anchor": anchor_text(fork.genesis),
            "anchored": genesis is not None,
            "first": _plain(fork.first),
            "second": _plain(fork.second),
            "shown_by": None if fork.shown_by is None else fork.shown_by.hex(),
            "at": fork.at,
        },
        _fork_lines(fork, genesis is not None),
        "Proved: the directory's key signed two logs that cannot both be true.",
    )


def _fork_lines(fork: Fork, anchored: bool) -> list[str]:
    by = "the directory" if fork.shown_by is None else f"member {fork.shown_by.hex()}"
    return [
        "Proof of two versions of one directory. Times are UTC.",
        *_about(fork.first.origin, fork.genesis, anchored),
        f"One checkpoint:   {_entries(fork.first.size)}, root {fork.first.root.hex()}",
        f"                  signed {_time(fork.first.at)}",
        f"Another one:      {_entries(fork.second.size)}, root {fork.second.root.hex()}",
        f"                  signed {_time(fork.second.at)}",
        "The first "
        f"{fork.first.size} entries of the second one have another root than the first one says.",
        f"Its maker says: shown by {by}, found {_time(fork.at)}. That is proved by nothing.",
        "Which of the two logs is the true one, no proof can say: ask VSE.",
    ]


def check_saved_log(data: bytes, now: int, genesis: bytes | None) -> Report:
    """Every entry and signature of a saved log; ProtocolError with the first that does not hold."""
    trial = False
    try:
        replica = verify_saved(data, now, genesis)
    except ProtocolError as refusal:
        if refusal.code != "bad-endpoint":
            raise
        replica, trial = verify_saved(data, now, genesis, allow_loopback=True), True
    note, _ = parse_saved(data)
    return Report(
        _log_plain(replica, note, now, genesis is not None, trial),
        _log_lines(replica, note, now, genesis is not None, trial),
        "Everything in this log holds.",
    )


def _log_plain(
    replica: Replica, note: bytes, now: int, anchored: bool, trial: bool
) -> dict[str, Any]:
    held = _held(replica)
    directory = replica.directory
    statuses = [member.status(now) for member in directory.members()]
    root = directory.root_at(now).root
    return {
        "holds": True,
        "kind": "log",
        "origin": held.origin,
        "anchor": anchor_text(directory.genesis),
        "anchored": anchored,
        "trial": trial,
        **_plain(held),
        "members": {status: statuses.count(status) for status in sorted(set(statuses))},
        "roots": len(directory.roots),
        "witnesses": len(root.witnesses),
        "cosigned": len(cosignatures(note, held.size, root, now)),
    }


def _log_lines(replica: Replica, note: bytes, now: int, anchored: bool, trial: bool) -> list[str]:
    plain = _log_plain(replica, note, now, anchored, trial)
    held = _held(replica)
    members = ", ".join(f"{count} {status}" for status, count in plain["members"].items())
    lines = [
        "A whole log of the directory. Times are UTC.",
        *_about(held.origin, replica.directory.genesis, anchored),
        f"{_entries(held.size)}, root {held.root.hex()}, signed {_time(held.at)}",
        f"Members: {members or 'none'}",
        f"Roots: {plain['roots']}; the one that acts now names {plain['witnesses']} witnesses, of"
        f" whom {plain['cosigned']} have cosigned this checkpoint",
    ]
    if trial:
        lines.append("This log is for a trial: it names endpoints on the machine itself.")
    return lines


def _about(origin: str, genesis: bytes, anchored: bool) -> list[str]:
    return [
        f"Directory {origin}, anchor {anchor_text(genesis)}",
        "This is the anchor that you gave."
        if anchored
        else "You gave no anchor (--anchor): compare this one with yours on paper.",
    ]


def _held(replica: Replica) -> Checkpoint:
    if replica.checkpoint is None:
        raise ProtocolError("truncated", "saved log: no entries")
    return replica.checkpoint


def _plain(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "entries": checkpoint.size,
        "root": checkpoint.root.hex(),
        "signed_at": checkpoint.at,
    }


def print_report(console: Console, report: Report) -> None:
    """For a person."""
    console.print(Text(report.lines[0], style="bold"))
    for line in report.lines[1:]:
        console.print(line, soft_wrap=True)
    console.print(Text(report.verdict, style="bold"))


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
