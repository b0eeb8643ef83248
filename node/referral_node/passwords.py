"""What a password must be, and how one comes in: typed unseen, or from a file.

Law: a password is never taken from an argument or the environment, where other programs of the
machine can read it. It is refused only for being short or commonplace: rules about digits and signs
make people choose worse ones (NIST SP 800-63B).
"""

import sys
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Final

import click

from referral_node.trouble import Trouble
from referral_node.vault.slots import MAX_PASSWORD, Password

SHORTEST: Final = 12
"""Characters."""
RULE: Final = (
    f"at least {SHORTEST} characters; several words that do not belong together are good, "
    "a common password or one made of your name is not"
)

# fmt: off
_COMMON: Final = frozenset({
    "123456789012", "1234567890123", "12345678901234", "123456789123", "123123123123",
    "123412341234", "111222333444", "098765432109", "987654321098", "112233445566",
    "1q2w3e4r5t6y", "1qaz2wsx3edc", "q1w2e3r4t5y6", "qazwsxedcrfv", "qwertyuiop12",
    "qwertyuiop123", "qwertyuiopas", "qwerty123456", "qwertyqwerty", "qwertzuiop12",
    "azertyuiop12", "abcdefghijkl", "abcdefghijklm", "abcd12345678", "abc123abc123",
    "asdfghjkl123", "asdfasdfasdf", "zxcvbnm12345", "password1234", "password12345",
    "password123456", "passwordpassword", "mypassword123", "p@ssw0rd1234", "iloveyou1234",
    "iloveyou1314", "letmeinletmein", "letmein12345", "administrator", "administrator1",
    "changeme1234", "changemechangeme", "welcome12345", "welcomewelcome", "trustno1trustno1",
    "correcthorsebatterystaple", "sunshine1234", "princess1234", "football1234", "liverpool123",
    "superman1234", "dragon123456", "monkey123456",
})
"""Long enough, and among the first that anybody tries."""
# fmt: on


class WeakPassword(Trouble):
    """A password that may not be used."""


def check_password(text: str, *names: str) -> Password:
    """The password, if it may be chosen; ``names`` are the person's and the organisation's."""
    normal = unicodedata.normalize("NFC", text)
    if len(normal) < SHORTEST:
        raise WeakPassword(f"the password is too short: {RULE}")
    if len(normal.encode("utf-8", "replace")) > MAX_PASSWORD:
        raise WeakPassword(f"the password is longer than {MAX_PASSWORD} bytes")
    folded = normal.casefold()
    plain = "".join(folded.split())
    known = {"".join(name.casefold().split()) for name in names}
    if plain.strip("0123456789!.?*-_") in {"", *known} or plain in _COMMON or _repeats(plain):
        raise WeakPassword(f"the password is too easy to guess: {RULE}")
    return Password(text)


def _repeats(text: str) -> bool:
    """Whether it is one short piece over and over, or a run up or down the alphabet."""
    if any(text == (text[:size] * len(text))[: len(text)] for size in range(1, 5)):
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps in ({1}, {-1})


def ask_password(prompt: str) -> str:
    """A password typed unseen; Trouble when there is no terminal to ask at."""
    _need_terminal("a password")
    typed: str = click.prompt(prompt, hide_input=True, err=True)
    return typed


def ask_new_password(whose: str, *names: str) -> Password:
    """A new password, typed twice; asks again until it may be used."""
    _need_terminal("a new password")
    click.echo(f"Choose a password for {whose}: {RULE}.", err=True)
    while True:
        typed: str = click.prompt("Password", hide_input=True, err=True)
        try:
            password = check_password(typed, *names)
        except WeakPassword as weak:
            click.echo(f"{str(weak)[:1].upper()}{str(weak)[1:]}.", err=True)
            continue
        if click.prompt("The same again", hide_input=True, err=True) == typed:
            return password
        click.echo("The two are not the same.", err=True)


def file_text(path: Path, what: str) -> str:
    """The one line of a file with a secret; warns if others on the machine may read it."""
    try:
        if path.stat().st_mode & 0o077:
            click.echo(
                f"Warning: {path} holds {what} and others on this machine may read it: "
                f"run `chmod go= {path}`.",
                err=True,
            )
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_PASSWORD * 4)
    except UnicodeDecodeError:
        raise Trouble(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise Trouble(f"{path}: cannot be read ({error.strerror})") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise Trouble(f"{path}: is empty; it should hold {what} on its one line")
    if "\n" in text:
        raise Trouble(f"{path}: has more than one line; it should hold {what} on one")
    return text


def _need_terminal(what: str) -> None:
    if not sys.stdin.isatty():
        raise Trouble(f"{what} is needed and there is no terminal to ask at: give --password-file")
