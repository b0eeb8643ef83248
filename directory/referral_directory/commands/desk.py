"""The registrar's desk: what the commands ask of a person and show to one.

Law: a password is read from the terminal or a file and goes no further than the key that it opens.
A fingerprint is never shown here: it must be heard on the telephone and typed.
"""

import json
import sys
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from getpass import GetPassWarning
from pathlib import Path
from typing import Any, Final

import click
import segno
from rich.console import Console
from rich.table import Table
from rich.text import Text

from referral_directory import registrars
from referral_directory.control import Reached
from referral_directory.folder import Folder
from referral_directory.registrars import Registrar
from referral_directory.sealing import WrongPassword
from referral_directory.totp import secret_text, secret_uri
from referral_directory.trouble import Trouble
from referral_protocol.keys import same_fingerprint

ATTEMPTS: Final = 5
SHORTEST: Final = registrars.SHORTEST
MAX_FILE: Final = 4096
_LINES: Final = 3
"""Lines in which a node shows its fingerprint."""

Rows = Sequence[Sequence[str]]


def read_secret(path: Path) -> str:
    """The first line of a password file."""
    text = _read(path).split("\n", 1)[0].rstrip("\r")
    if not text:
        raise Trouble(f"{path}: the first line is empty; write the password there")
    return text


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_FILE)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise Trouble(f"{path}: cannot be read ({reason})") from None


def new_password(what: str, path: Path | None) -> str:
    """A password for a new key, from a file or typed twice; a short one is asked for again."""
    if path is not None:
        password = read_secret(path)
        if len(password) < SHORTEST:
            raise Trouble(f"{path}: {what}: at least {SHORTEST} characters")
        return password
    while True:
        password = hidden(f"{what} (at least {SHORTEST} characters)")
        if len(password) < SHORTEST:
            click.echo(f"That is too short: at least {SHORTEST} characters.", err=True)
        elif hidden("Once more") == password:
            return password
        else:
            click.echo("The two are not the same. Type both again.", err=True)


def hidden(question: str) -> str:
    """What is typed unseen; Trouble where no terminal can hide it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            return str(click.prompt(question, hide_input=True))
    except GetPassWarning:
        raise Trouble(
            f"{question}: there is no terminal to type it at; give --password-file"
        ) from None


async def signer(office: Reached, folder: Path, path: Path | None, name: str | None) -> Registrar:
    """A registrar whose signature counts now: one whom the root that acts names."""
    acting = [bytes(key) for key in (await office.ask("status"))["registrars"]]
    place = Folder(folder)
    return opened(place, path, registrars.acting(place, name, acting))[0]


def opened(folder: Folder, path: Path | None, who: str) -> tuple[Registrar, str]:
    """A registrar, with the password from a file or typed, at most five times; and that password.

    ``who``: by name.
    """
    registrars.known(folder, who)
    if path is not None:
        secret = read_secret(path)
        return registrars.unlock(folder, who, secret), secret
    for left in range(ATTEMPTS - 1, -1, -1):
        password = hidden(f"Password of {who}")
        try:
            return registrars.unlock(folder, who, password), password
        except WrongPassword:
            if left:
                click.echo(f"The password is wrong. {left} more.", err=True)
    raise Trouble(
        "the password was wrong five times, and nothing was changed; "
        "if it is lost, two root keys can name a new registrar"
    )


def show_secret(registrar: Registrar, issuer: str) -> None:
    """The TOTP secret, for the registrar's telephone: as a picture at a terminal, and as text."""
    uri = secret_uri(registrar.secret, issuer, registrar.name)
    click.echo(f"Codes of six digits for {registrar.name}, to sign in to the console.")
    click.echo("Read this now with an authenticator program; it is not shown again:")
    show_qr(segno.make(uri, error="m", micro=False))
    click.echo(f"secret {secret_text(registrar.secret)}")
    click.echo(f"totp {uri}")


def show_qr(code: segno.QRCode) -> None:
    """A QR code, where somebody can scan it: at a terminal."""
    if sys.stdout.isatty():
        code.terminal(compact=True)


def confirm_fingerprint(expected: str, path: Path | None) -> None:
    """Compare what the registrar heard and typed; Trouble if it is not the request's."""
    if path is not None:
        heard = _read(path)
        if not same_fingerprint(heard, expected):
            said = how_it_differs(heard, expected)
            raise Trouble(f"{path}: not the fingerprint of this request. {said}")
        return
    click.echo(
        "Telephone the organisation on a number that you know from elsewhere, and let them read "
        "the fingerprint of their node to you."
    )
    for _ in range(ATTEMPTS):
        typed = str(click.prompt("Fingerprint (60 digits)"))
        if same_fingerprint(typed, expected):
            return
        click.echo(how_it_differs(typed, expected), err=True)
    raise Trouble("different five times: do not admit this organisation; find out why they differ")


def how_it_differs(typed: str, expected: str) -> str:
    """Which of the three lines that a node shows are not the same, without a digit of them."""
    digits = "".join(c for c in typed if c.isascii() and c.isdigit())
    wanted = expected.replace(" ", "")
    if len(digits) != len(wanted):
        return (
            f"That was {len(digits)} digits, not {len(wanted)}. Ask them to read all of it again."
        )
    size = len(wanted) // _LINES
    starts = range(0, len(wanted), size)
    lines = [
        str(number)
        for number, start in enumerate(starts, 1)
        if digits[start : start + size] != wanted[start : start + size]
    ]
    if len(lines) == _LINES:
        what = "No line is the same. Ask them to read all of it again, and of which node it is."
    elif len(lines) == 1:
        what = f"Line {lines[0]} is not the same. Ask them to read line {lines[0]} again."
    else:
        which = " and ".join(lines)
        what = f"Lines {which} are not the same. Ask them to read lines {which} again."
    return f"{what} Different twice? Stop."


def show_ready(url: str, console: str | None) -> None:
    """Where it listens: the line for whoever waits, then the registrars' pages."""
    click.echo(f"ready {url}")
    if console is not None:
        click.echo(f"console {console}")


def shown_time(at: int) -> str:
    """A time for a person at a terminal."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def show_table(headings: Sequence[str], rows: Rows, empty: str) -> None:
    """A table on a terminal; elsewhere one line for each row, its fields between tabs."""
    console = Console()
    if not rows:
        click.echo(empty)
    elif console.is_terminal:
        table = Table(*headings, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(_plain(field)) for field in row))
        console.print(table)
    else:
        for row in rows:
            click.echo("\t".join(_plain(field) for field in row))


def _plain(text: str) -> str:
    """Without what a terminal would obey: names come from strangers."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def show_json(value: Any) -> None:
    """For scripts: bytes as hexadecimal digits."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, default=lambda b: bytes(b).hex()))
