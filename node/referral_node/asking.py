"""What `init` asks, and what it may be told by options instead.

Law: an answer is checked when it is given, and asked again at a terminal; without a terminal a
missing one is a mistake in the command. The recovery kit is shown or written once, and what follows
is done only when the person has shown that they hold it.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from babel.core import get_global

from referral_node.config import Config, Exchange, Metrics, Pages, parse_config, write_config
from referral_node.folder import write_private
from referral_node.trouble import Trouble
from referral_node.vault.slots import Kit
from referral_protocol import codes

CONFIRM_GROUPS: Final = 3
"""How many groups of the kit are asked for."""
_TRIES: Final = 3


def need(given: str | None, option: str, question: str) -> str:
    """The option's value, or what is typed; a mistake in the command where nobody can be asked."""
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise click.UsageError(f"missing {option}: {question}")
    typed: str = click.prompt(question, err=True)
    return typed


def configuration(
    *,
    name: str | None,
    country: str | None,
    time_zone: str | None,
    endpoint: str | None,
    pins: tuple[str, ...],
    hosts: tuple[str, ...],
    listen: str,
    exchange_port: int,
    pages_port: int,
    metrics_port: int,
    allow_loopback: bool,
) -> Config:
    """The configuration that the answers make, checked as a file would be."""
    name = need(name, "--name", "What is your organisation called")
    country = _country(need(country, "--country", "Its country (two letters, like PT)"))
    zone = _zone(time_zone, country)
    endpoint = need(endpoint, "--endpoint", "Where other nodes will reach yours (https://...)")
    config = Config(
        name=" ".join(name.split()),
        country=country,
        time_zone=zone,
        exchange=Exchange(
            endpoint=endpoint.rstrip("/"),
            pins=tuple(pin.lower() for pin in pins),
            host=listen,
            port=exchange_port,
        ),
        pages=Pages(hosts=tuple(host.lower() for host in hosts) or ("localhost",), port=pages_port),
        metrics=Metrics(port=metrics_port),
        allow_loopback=allow_loopback,
    )
    try:
        return parse_config(write_config(config))
    except Trouble as trouble:
        # The line is that of a file which nobody has seen yet.
        raise Trouble(re.sub(r"^node\.toml(?:, line \d+)?: ", "", str(trouble))) from None


@contextmanager
def new_kit(
    entropy: Callable[[int], bytes], file: Path | None, *, confirmed: bool
) -> Iterator[Kit]:
    """A new kit that the person holds. A file of it is removed if what follows fails."""
    kit = Kit(entropy(32))
    if file is None:
        if not sys.stdin.isatty():
            raise click.UsageError("the recovery kit must go somewhere: give --kit-file")
        _show(kit)
    else:
        try:
            write_private(file, (kit.text() + "\n").encode("ascii"))
        except FileExistsError:
            raise Trouble(f"{file}: is there already: choose a new file for the kit") from None
        except OSError as error:
            raise Trouble(f"{file}: cannot be written ({error.strerror})") from None
    try:
        if not confirmed:
            _confirm(kit, entropy)
        yield kit
    except BaseException:
        if file is not None:
            file.unlink(missing_ok=True)
        raise


def _show(kit: Kit) -> None:
    groups = kit.text().split()
    click.echo(
        "\nThis is the recovery kit. It opens the vault when every password is lost, and it is\n"
        "shown only now. Write it down or print it, and lock it away from the computer.\n",
        err=True,
    )
    for start in range(0, len(groups), 5):
        row = "   ".join(f"{n + 1:>2} {groups[n]}" for n in range(start, min(start + 5, 14)))
        click.echo(f"    {row}", err=True)
    click.echo("", err=True)


def _confirm(kit: Kit, entropy: Callable[[int], bytes]) -> None:
    """Ask for some of its groups, chosen by chance."""
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to confirm the kit at: give --kit-confirmed")
    groups = kit.text().split()
    chosen: list[int] = []
    while len(chosen) < CONFIRM_GROUPS:
        number = int.from_bytes(entropy(4), "big") % len(groups)
        if number not in chosen:
            chosen.append(number)
    for number in sorted(chosen):
        for tries_left in reversed(range(_TRIES)):
            typed: str = click.prompt(f"Type group {number + 1} of the kit", err=True)
            if typed.strip().upper() == groups[number]:
                break
            if not tries_left:
                raise Trouble("the kit was not typed back: nothing was made; start again")
            click.echo("That is not what the kit says. Look again.", err=True)


def _country(text: str) -> str:
    code = text.strip().upper()
    if code in codes.COUNTRIES:
        return code
    for known, row in codes.COUNTRIES.codes.items():
        if row.label.casefold() == text.strip().casefold():
            return known
    raise Trouble(f"{text.strip()[:40]!r} is not an ISO 3166-1 code: write two letters, like PT")


def _zone(given: str | None, country: str) -> str:
    """The time zone: as given, the country's only one, or asked."""
    if given is not None:
        return given
    zones: list[str] = get_global("territory_zones").get(country, [])
    if len(zones) == 1:
        return str(zones[0])
    examples = ", ".join(zones[:12]) or "like Europe/Lisbon"
    return need(None, "--time-zone", f"Its time zone ({examples})")
