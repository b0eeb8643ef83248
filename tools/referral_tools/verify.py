"""`referral verify FILE`: what an evidence bundle, a fork proof or a saved log proves, offline.

Needs no node, no network, no account: the file, and the directory's anchor from paper. Exit 0 when
everything in it holds, 1 when something does not or the file is refused; what was found is printed
either way, for a person or, with `--json`, for a machine.
"""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from referral_protocol.directory.entries import parse_anchor
from referral_protocol.directory.saved import MAX_SAVED
from referral_protocol.errors import Layer, ProtocolError
from referral_protocol.evidence import MAX_EVIDENCE, Findings, verify_evidence
from referral_protocol.evidence.findings import StatementFinding
from referral_tools.verify_log import (
    Report,
    check_fork_proof,
    check_saved_log,
    is_fork_proof,
    is_saved_log,
    print_report,
)

UNREADABLE: Final = (Layer.SIZE, Layer.ENCODING, Layer.CANONICAL, Layer.TYPE)
_MISTYPED: Final = (
    "Write the anchor as on the paper, thirteen groups of four, in quotation marks. "
    "The file was not looked at."
)
_OTHER: Final = (
    "Compare the anchor with the paper first. If it is right, this is another directory's log: "
    "telephone VSE."
)
RUNGS: Final = {
    "sent": "Sent",
    "held": "Held by their node",
    "opened": "Opened by a person",
    "answered": "Answered",
    "contacted": "Victim contacted",
    "outcome": "Outcome",
}


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--anchor", metavar="HASH", help="The directory's anchor, as it was given on paper.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def verify(file: Path, anchor: str | None, as_json: bool) -> None:
    """Check an evidence bundle, a proof that the directory forked, or a whole log, offline."""
    data = _read(file)
    now = int(time.time() * 1000)
    try:
        genesis = None if anchor is None else parse_anchor(anchor)
    except ProtocolError as error:
        _print_refusal(error, as_json, _MISTYPED)
        raise SystemExit(1) from None
    try:
        if is_fork_proof(data) or is_saved_log(data):
            check = check_fork_proof if is_fork_proof(data) else check_saved_log
            _print_log(check(data, now, genesis), as_json)
            return
        found = verify_evidence(data, now, genesis)
    except ProtocolError as error:
        _print_refusal(error, as_json, _advice(error, genesis is not None))
        raise SystemExit(1) from None
    if as_json:
        click.echo(json.dumps(as_plain(found), indent=2))
    else:
        _print(Console(highlight=False, markup=False), found)
    raise SystemExit(1 if found.problems else 0)


def _read(file: Path) -> bytes:
    """As much as its kind may have, and one byte."""
    with file.open("rb") as opened:
        data = opened.read(MAX_EVIDENCE + 1)
        if is_saved_log(data):
            data += opened.read(MAX_SAVED + 1 - len(data))
    return data


def _print_log(report: Report, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.plain, indent=2))
    else:
        print_report(Console(highlight=False, markup=False), report)


def _print_refusal(error: ProtocolError, as_json: bool, advice: str) -> None:
    if as_json:
        refused = {"code": error.code, "layer": error.layer.value, "detail": error.detail}
        click.echo(json.dumps({"holds": False, "refused": refused}, indent=2))
        return
    click.echo(f"Refused: {error} (layer: {error.layer.value}).", err=True)
    click.echo(advice, err=True)


def _advice(error: ProtocolError, anchored: bool) -> str:
    """What to do next. ``anchored``: an anchor was given, and is well written."""
    if error.code == "clock":
        return "The file is dated ahead of this machine's clock. Set the clock, then try again."
    if anchored and error.code == "wrong-genesis" and "anchor" in error.detail:
        return _OTHER
    if error.layer in UNREADABLE:
        return (
            "This is no evidence bundle, no fork proof and no saved log; or it was damaged or cut"
            " off on its way: nothing in this file proves anything. Ask its maker for it again."
        )
    return "So nothing in this file proves anything. Ask its maker for it again."


def as_plain(found: Findings) -> dict[str, Any]:
    """The findings for a machine: bytes as hex, times in milliseconds UTC."""
    plain: dict[str, Any] = msgspec.to_builtins(found, builtin_types=(bytes,))
    return {"holds": not found.problems, **_hexed(plain)}


def _hexed(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {name: _hexed(each) for name, each in value.items()}
        case list() | tuple():
            return [_hexed(each) for each in value]
    return value


def _print(console: Console, found: Findings) -> None:
    roles = {party.id: party.role for party in found.parties}
    console.print(Text("Evidence of one thread. Times are UTC.", style="bold"))
    console.print(f"Thread {found.thread.hex()}", soft_wrap=True)
    console.print(f"Made by {found.made_by.hex()}, {_time(found.made_at)} (not signed).")
    console.print(f"Directory {found.origin}, anchor {found.anchor}", soft_wrap=True)
    if found.anchored:
        console.print("This is the anchor that you gave.")
    else:
        console.print("You gave no anchor (--anchor): compare this one with yours on paper.")
    console.print(f"Log of {_entries(found.log_size)} as of {_time(found.checkpoint_at)}.")
    _print_parties(console, found)
    _print_statements(console, found, roles)
    _print_receipts(console, found, roles)
    _print_rungs(console, found)
    _print_end(console, found)


def _print_parties(console: Console, found: Findings) -> None:
    console.print()
    for party in found.parties:
        console.print(f"The {party.role} side: {party.id.hex()}")
        console.print(f"  {party.status}, joined {_time(party.joined_at)}")
        console.print(f"  Fingerprint {party.fingerprint}", soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=column in ("when", "hash"))
    return table


def _print_statements(console: Console, found: Findings, roles: dict[bytes, str]) -> None:
    table = _table("Statements", "when", "who", "what", "hash", "signature")
    for said in found.statements:
        what = said.kind if said.state is None else f"{said.kind}: {said.state}"
        who = roles.get(said.sender, said.sender.hex()[:8])
        table.add_row(_time(said.at), who, what, said.hash.hex()[:12], _standing(said))
    console.print()
    console.print(table)


def _standing(said: StatementFinding) -> str:
    words = [{None: "does not verify", "current": "good"}.get(said.key, f"good, {said.key} key")]
    if said.key is not None and not said.applied:
        words.append("ahead of a gap")
    if said.ignored:
        words.append("not allowed, ignored")
    if said.content is not None:
        words.append("content matches" if said.content else "content does not match")
    return "; ".join(words)


def _print_receipts(console: Console, found: Findings, roles: dict[bytes, str]) -> None:
    table = _table("Receipts", "when", "whose node", "statement", "says")
    for receipt in found.receipts:
        for statement, status, code in receipt.answers:
            says = status if code is None else f"{status}: {code}"
            table.add_row(_time(receipt.at), roles[receipt.by], statement.hex()[:12], says)
    console.print()
    console.print(table)


def _print_rungs(console: Console, found: Findings) -> None:
    table = _table("What is proved", "rung", "when", "said", "proof")
    for rung in found.rungs:
        proof = f"{rung.proof} {rung.subject.hex()[:12]}"
        table.add_row(RUNGS[rung.rung], _time(rung.at), rung.said or "", proof)
    console.print()
    console.print(table)


def _print_end(console: Console, found: Findings) -> None:
    console.print()
    if found.state is not None:
        withdrawn = "" if found.state.withdrawn is None else ", withdrawn by the referring side"
        console.print(Text(f"State: {found.state.state}{withdrawn}.", style="bold"))
    for problem in found.problems:
        subject = "" if problem.subject is None else f" ({problem.subject.hex()[:12]})"
        console.print(Text(f"Problem: {problem.code}: {problem.what}{subject}", style="bold red"))
    if found.problems:
        console.print("Not everything in this bundle holds. What a problem names proves nothing.")
    else:
        console.print("Everything in this bundle holds.")
    console.print("A bundle can leave things out: it never proves that nothing else was said.")


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
