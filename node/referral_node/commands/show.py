"""What the commands print: plain lines for a pipe, tables at a terminal.

Law: everything here was made by :mod:`operations` and holds no case. What came from elsewhere (a
registrar's text, an organisation's name) loses its control characters before it reaches a terminal.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from referral_node import missing
from referral_node.backup.age import Backups
from referral_node.backup.format import Head
from referral_node.backup.making import Made
from referral_node.backup.restoring import Restored
from referral_node.config import Config
from referral_node.mail_settings import WHY
from referral_node.setup import Made as MadeNode
from referral_protocol.certificates import DAY
from referral_protocol.directory.coming import listed
from referral_protocol.directory.entries import REMOVED
from referral_protocol.directory.forks import SUFFIX

_MINUTE: Final = 60
_UTC: Final = ZoneInfo("UTC")
_REQUESTS: Final = {
    "not-asked": "not asked yet: `referral node join`",
    "asked": "made, but the directory has not taken it yet: run `referral node join` again",
    "waiting": "waiting: the registrar telephones your organisation and asks for the fingerprint",
    "asked-again": "the registrar asks for more; change the profile and run `join` again",
    "declined": "declined",
    "approved": "approved; the node fetches the directory now",
    "admitted": "a member of the directory",
}
_TROUBLE: Final = {
    "connect": "the directory is not reached",
    "time-out": "the directory is too slow",
    "connection": "the directory broke off",
    "wrong-tls-key": "the directory shows another TLS key",
    "fault": "looking at the directory met a fault of the program",
    "clock": "the clock of this machine or the directory's is wrong",
    "forked-log": "the directory shows another log than the one held here",
    "older-checkpoint": "the directory shows an older log than the one held here",
    "bad-proof": "the directory serves entries that are not those of its log",
    "old-number": "the directory's board lacks keys that were seen there before",
}


def made(result: MadeNode, config: Config) -> None:
    """What `init` made, and what comes next."""
    click.echo(f"{clean(config.name)}: the node is made in {result.folder}")
    click.echo(f"Member id    {result.member.hex()}")
    fingerprint(result.fingerprint)
    click.echo(f"Next: referral node serve --state {result.folder}")
    click.echo("then, in the browser: a keyholder signs in, and opens Settings, The directory")
    click.echo(
        f"or here: referral node join --invitation LINE --profile FILE.toml --state {result.folder}"
    )


def fingerprint(text: str) -> None:
    """Three lines of four groups, as they are read out."""
    groups = text.split()
    for start in (0, 4, 8):
        label = "Fingerprint" if start == 0 else ""
        click.echo(f"{label:<13}{' '.join(groups[start : start + 4])}")


def request(answer: Mapping[str, Any], stands: Mapping[str, Any], config: Config) -> None:
    """How a request to join stands. ``stands``: what `status` tells."""
    joined = stands["directory"].get("joined_at")  # a node of an older version does not tell
    if joined is not None and answer["state"] in ("approved", "admitted"):
        click.echo(f"You are a member since {_time(joined, ZoneInfo(config.time_zone))}.")
        return
    click.echo(f"Request to join: {_REQUESTS.get(answer['state'], answer['state'])}")
    if answer["text"]:
        click.echo(f"They say: {clean(answer['text'])}")
    if answer["state"] in ("waiting", "asked-again"):
        fingerprint(stands["fingerprint"])


def status(answer: Mapping[str, Any], config: Config, now: int) -> None:
    """The administrator's view."""
    zone = ZoneInfo(config.time_zone)
    directory = answer["directory"]
    click.echo(f"{clean(answer['organisation'])}  {answer['member']}")
    fingerprint(answer["fingerprint"])
    _lines(
        ("Running", _running(answer["running"])),
        ("Directory", _directory(directory, zone, now)),
        *_coming(directory.get("coming", ()), zone),
        ("Others see", _views(answer.get("views"), zone, now)),
        ("Keyholders", str(answer["keyholders"])),
        ("Prekeys", f"{answer['prekeys']}, until {_time(answer['prekeys_until'], zone)}"),
        ("Stored", f"{stored(answer['threads'], answer['messages'])}, "
                   f"{_size(answer['database_bytes'])}"),
        ("Disk", _disk(answer)),
        ("Backup", _backups(answer, zone, now)),
        ("Mail", _mail(answer, zone, now)),
        ("Times", f"here are those of {zone.key}"),
    )  # fmt: skip
    if answer.get("restored_at") is not None:
        restored, until = answer["restored_at"], answer["restored_from"]
        _lines(("Restored", f"{_time(restored, zone)}, from a backup of {_time(until, zone)}"))
    held = directory.get("stopped")  # a node of an older version does not tell
    if held is not None:
        _lines((held["status"].capitalize(), _stopped(held, zone)))
    for line in missing.lines(answer["missing"], lambda at: _time(at, zone)):
        click.echo(clean(line))
    click.echo("")
    if not answer["waiting"] and not answer["without_key"]:
        click.echo("Nothing waits to be delivered.")
    if answer["without_key"]:
        click.echo(
            f"{_wait(answer['without_key'])} for a key of the recipient, and for a keyholder "
            "to sign in after it has come."
        )
    if answer["to_import"]:
        click.echo(
            f"{_wait(answer['to_import'])} for a keyholder to sign in, "
            f"the oldest since {_time(answer['to_import_since'], zone)}."
        )
    if answer["waiting"]:
        _table(
            ("To", "Messages", "Most urgent", "Oldest", "Next try", "Tries", "Why"),
            (
                (
                    clean(row["name"] or row["peer"]),
                    str(row["count"]),
                    row["priority"],
                    _time(row["oldest_at"], zone),
                    _in(row["next_at"], now),
                    str(row["attempts"]),
                    row["code"] or "",
                )
                for row in answer["waiting"]
            ),
        )
    if answer["peers"]:
        click.echo("")
        _table(
            ("Peer", "Reached", "Tried", "Failures", "Trouble"),
            (
                (
                    clean(row["name"] or row["peer"]),
                    _time(row["reached_at"], zone),
                    _time(row["tried_at"], zone),
                    str(row["failures"]),
                    row["trouble"] or "",
                )
                for row in answer["peers"]
            ),
        )


def proofs(found: Sequence[Mapping[str, Any]], folder: Path, config: Config) -> None:
    """Conflicts of the log, with the files that prove them."""
    zone = ZoneInfo(config.time_zone)
    for row in found:
        click.echo(f"Proof {row['proof']}")
        settled = row["settled_at"]
        alike = row["alike"]
        _lines(
            ("Found", _time(row["found_at"], zone)),
            ("Shown by", row["shown_by"] or "the directory"),
            ("Its log has", f"{row['entries']} entries"),
            ("Alike", f"the first {alike} entries" if alike else "not known how many"),
            ("Settled", "no: no new keys are used" if settled is None else _time(settled, zone)),
            ("File", str(folder / f"{row['proof']}{SUFFIX}")),
        )


def people(rows: Sequence[Mapping[str, Any]], config: Config) -> None:
    """Who may sign in, and who might once."""
    zone = ZoneInfo(config.time_zone)
    head = ["Sign-in name", "Name", "Role", "Since", "Ended"]
    lines = [
        [
            clean(row["name"]),
            clean(row["display"]),
            row["role"],
            _time(row["made_at"], zone),
            _time(row["ended_at"], zone, never=""),
        ]
        for row in rows
    ]
    for title, key in (("Mail", "mail"), ("Away", "away")):
        # A column that nobody needs takes room from those that all do.
        if any(row[key] for row in rows):
            head.append(title)
            for line, row in zip(lines, rows, strict=True):
                line.append(clean(row[key] or ""))
    _table(head, lines)


def backed_up(made: Made) -> None:
    """One line for the backup, and how many went: for a person and for the journal of a timer."""
    click.echo(
        f"{made.path}: {stored(made.threads, made.messages)}, {_size(made.size)}; "
        "written, read again and compared."
    )
    if made.removed:
        click.echo(f"Removed {len(made.removed)} older: {', '.join(p.name for p in made.removed)}")


def plain_backup(made: Made) -> dict[str, Any]:
    """The same for programs."""
    return {
        "file": str(made.path),
        "made_at": made.made_at,
        "bytes": made.size,
        "threads": made.threads,
        "messages": made.messages,
        "removed": [str(path) for path in made.removed],
    }


def backup_found(head: Head) -> None:
    """Whose kit is asked for. From the head, which is not authenticated yet."""
    click.echo(
        f"A backup of member {head.member.hex()}, made {_time(head.made_at, _UTC)} UTC. "
        "Type its recovery kit, fourteen groups of four.",
        err=True,
    )


def restored(found: Restored) -> None:
    """What was found, and what happens next."""
    config = found.config
    zone = _UTC if config is None else ZoneInfo(config.time_zone)
    name = "the node" if config is None else clean(config.name)
    click.echo(f"{name} is restored in {found.folder}")
    _lines(
        ("Member id", found.member.hex()),
        ("Backup of", f"{_time(found.made_at, zone)} ({zone.key})"),
        (
            "Holds",
            f"{stored(found.threads, found.messages)}, {_count(found.attachments, 'attachment')}",
        ),
    )
    for name in found.missing:
        click.echo(f"Not in the backup: {clean(name)}, which node.toml names: put it there.")
    if config is None:
        click.echo(f"Before the start, mend it: {clean(found.trouble)}")
    click.echo("Only one of the two folders may ever be started: the other would be refused.")
    click.echo(f"Next: referral node serve --state {found.folder}")
    click.echo(
        "It asks the other members for what came after the backup; "
        "a keyholder signs in to have it opened. Their passwords are those of that day."
    )


def clean(text: str) -> str:
    """Without what a terminal would act on."""
    return "".join(c if c.isprintable() else " " for c in text)


def stored(threads: int, messages: int) -> str:
    """How much lies in a node or a backup."""
    return f"{_count(threads, 'thread')}, {_count(messages, 'message')}"


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def _mail(answer: Mapping[str, Any], zone: ZoneInfo, now: int) -> str:
    """Who is told by mail, and whether it goes."""
    state = answer["mail"]
    if state is None:
        return "not set up: nobody is told that something waits ([mail] in node.toml)"
    have = f"{state['keyholders']} of {answer['keyholders']} keyholders have an address"
    if state["code"] is not None:
        why = WHY.get(state["code"], "it is not taken")
        tries = "1 try" if state["failures"] == 1 else f"{state['failures']} tries"
        again = _in(state["next_at"], now)
        return f"fails, {tries}: {why} ({state['code']}); next {again}; {have}"
    return f"{have}; last mail {_time(state['mailed_at'], zone)}"


def _wait(count: int) -> str:
    return "1 message waits" if count == 1 else f"{count} messages wait"


def _disk(answer: Mapping[str, Any]) -> str:
    if "disk_low" not in answer:  # a node of an older version does not tell
        return "not known"
    free = f"{_size(answer['disk_free_bytes'])} free"
    if not answer["disk_low"]:
        return free
    return f"{free}: too little, so nothing is taken from others; make room (disk)"


def _running(running: Mapping[str, Any] | None) -> str:
    """In words; what only a serving node knows, or that none serves."""
    if running is None:
        return "no"
    ports = ", ".join(f"{name} {port}" for name, port in running["ports"].items())
    return f"yes; {ports}; {_answers(running)}"


def _answers(running: Mapping[str, Any]) -> str:
    code = running["directory_trouble"]
    if not running.get("directory_followed", True):  # a node of an older version does not tell
        return "no directory is asked yet"
    if code is None:
        return "the directory answers"
    what = _TROUBLE.get(code)
    if what is None and code.startswith("store-"):
        what = "this node cannot write to its disk"
    if what is None:
        what = "what the directory answers cannot be used"
    return f"{what}: {code}"


def _backups(answer: Mapping[str, Any], zone: ZoneInfo, now: int) -> str:
    """How old the last good one is, and whether somebody should look."""
    known = answer.get("backups")  # a node of an older version does not tell
    if known is None or (known["at"] is None and known["failed_at"] is None):
        return "never: `referral node backup`"
    found = Backups(**known)
    said = "never" if found.at is None else f"{_time(found.at, zone)}, {_ago(found.at, now)}"
    if found.failed_at is not None:
        said += f"; the last try, {_ago(found.failed_at, now)}, failed: see its journal"
    elif found.late(now):
        said += "; too old: does its timer run?"
    return said


def _directory(directory: Mapping[str, Any], zone: ZoneInfo, now: int) -> str:
    said: str = _REQUESTS.get(directory["state"], directory["state"])
    if directory["url"] is None:
        return said
    looked = directory["checked_at"]
    entries = "1 entry" if directory["entries"] == 1 else f"{directory['entries']} entries"
    ago = "never looked there yet" if looked is None else f"looked there {_ago(looked, now)}"
    asked = f", asked {_time(directory['asked_at'], zone)}" if directory["asked_at"] else ""
    if directory.get("stopped") is not None:
        said = f"{directory['stopped']['status']}: see below"
    return f"{said} ({directory['url']}{asked}, {ago}, {entries})"


def _stopped(held: Mapping[str, Any], zone: ZoneInfo) -> str:
    """That our own organisation may not exchange anything, and what to do."""
    since = f"since {_time(held['since'], zone)}"
    if held["status"] == REMOVED:
        return f"{since}: nothing can be sent or received; if nobody asked for it, telephone VSE"
    until = "no end is set" if held["until"] is None else f"until {_time(held['until'], zone)}"
    return f"{since}, {until}: what is sent waits here, nothing new comes; telephone VSE"


def _coming(roots: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> list[tuple[str, str]]:
    """New roots that do not act yet: whoever did not hear of them from VSE can still ask."""
    return [
        (
            "New root",
            f"version {each['version']} acts from {_time(each['acts_from'], zone)};"
            f" it changes {listed(each['changes'])}; VSE should have told you, else telephone VSE",
        )
        for each in roots
    ]


def _views(views: Mapping[str, Any] | None, zone: ZoneInfo, now: int) -> str:
    """Whether the other members are shown the same log, and whether we are a witness."""
    if views is None:  # a node of an older version does not tell
        return "not known"
    bad = [row for row in views["conflicts"] if row["settled_at"] is None]
    late = [since for since in views["ahead"].values() if now - since >= DAY]
    said = "not asked yet" if views["asked_at"] is None else "the same log"
    if bad:
        said = (
            f"ANOTHER LOG, since {_time(bad[0]['found_at'], zone)}: telephone VSE;"
            " `referral node directory proofs`"
        )
    elif late:
        said = f"more of the log than is given to us, since {_time(min(late), zone)}: telephone VSE"
    if views["asked_at"] is not None:
        said += f"; asked {_ago(views['asked_at'], now)}"
    if views["witness"] is not None:
        said += f"; witness {views['witness']}, cosigned {views['cosigned']} entries"
    return said


def _lines(*rows: tuple[str, str]) -> None:
    for label, value in rows:
        click.echo(f"{label:<13}{clean(value)}")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns: drawn at a terminal, separated by tabs in a pipe."""
    if sys.stdout.isatty():
        table = Table(*head)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))  # Text: a name is never taken for markup
        Console().print(table)
        return
    click.echo("\t".join(head))
    for row in rows:
        click.echo("\t".join(row))


def _time(at: int | None, zone: ZoneInfo, never: str = "never") -> str:
    if at is None:
        return never
    return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone(zone):%Y-%m-%d %H:%M}"


def _ago(at: int, now: int) -> str:
    return f"{_span(now - at)} ago" if at <= now else "just now"


def _in(at: int, now: int) -> str:
    return "now" if at <= now else f"in {_span(at - now)}"


def _span(milliseconds: int) -> str:
    seconds = milliseconds // 1000
    if seconds < 2 * _MINUTE:
        return f"{seconds} s"
    if seconds < 120 * _MINUTE:
        return f"{seconds // _MINUTE} min"
    if seconds < 48 * 60 * _MINUTE:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} days"


def _size(count: int) -> str:
    return f"{count / 1024:.0f} KiB" if count < 10 * 1024**2 else f"{count / 1024**2:.0f} MiB"
