"""What `init` asks, and what it may be told by options instead.

Law: an answer is checked when it is given, and asked again at a terminal; without a terminal a
missing one is a mistake in the command. The recovery kit is shown or written once, and what follows
is done only when the person has shown that they hold it.
"""

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import click
from babel.core import get_global

from referral_node.config import (
    TRIAL_IN_FILE,
    Config,
    Exchange,
    Metrics,
    Pages,
    parse_config,
    write_config,
)
from referral_node.folder import write_private
from referral_node.trouble import Trouble
from referral_node.vault.slots import Kit
from referral_node.zones import zone_of_capital
from referral_protocol import codes, profiles

T = TypeVar("T")
CONFIRM_GROUPS: Final = 3
"""How many groups of the kit are asked for."""
_TRIES: Final = 3
TRIAL_IN_INIT: Final = "start again with --allow-loopback"
"""Instead of what an existing `node.toml` should say."""


def need(given: str | None, option: str, question: str, usual: str | None = None) -> str:
    """The option's value, or what is typed; a mistake in the command where nobody can be asked.

    ``usual``: what Enter alone stands for.
    """
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise click.UsageError(f"missing {option}: {question}")
    typed: str = click.prompt(question, default=usual, err=True)
    return typed


def answer(
    given: str | None,
    option: str,
    question: str,
    check: Callable[[str], T],
    usual: str | None = None,
) -> T:
    """What ``check`` makes of the option's value, or of what is typed; asked again until it can be.

    An option that cannot be is a Trouble: whoever gave it is not asked.
    """
    if given is not None:
        return check(given)
    while True:
        typed = need(None, option, question, usual)
        try:
            return check(typed)
        except Trouble as trouble:
            click.echo(f"That cannot be: {trouble}.", err=True)


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
    name = answer(name, "--name", "What is your organisation called", _organisation)
    country = answer(country, "--country", "Its country (two letters, like PT)", _country)
    zone = _zone(time_zone, country)
    endpoint = answer(
        endpoint,
        "--endpoint",
        "Where other nodes will reach yours (https://...)",
        lambda text: _endpoint(text, allow_loopback),
    )
    config = Config(
        name=name,
        country=country,
        time_zone=zone,
        exchange=Exchange(
            endpoint=endpoint,
            pins=tuple(pin.lower() for pin in pins),
            host=listen,
            port=exchange_port,
        ),
        pages=Pages(hosts=tuple(host.lower() for host in hosts) or ("localhost",), port=pages_port),
        metrics=Metrics(port=metrics_port),
        allow_loopback=allow_loopback,
    )
    return _checked(config)


def _checked(config: Config) -> Config:
    """The configuration as it is read from the file that it makes; Trouble if it cannot be."""
    try:
        return parse_config(write_config(config))
    except Trouble as trouble:
        # The line is that of a file which nobody has seen yet.
        words = re.sub(r"^node\.toml(?:, line \d+)?: ", "", str(trouble))
        raise Trouble(words.replace(TRIAL_IN_FILE, TRIAL_IN_INIT)) from None


def same_name(file: Path, profile: bytes, ours: str) -> None:
    """Ask whether a profile of another name is this organisation's: it may be the wrong file.

    Trouble if it is not, or where nobody can be asked.
    """
    organisation = profiles.decode(profile).organisation
    if _folded(ours) in {_folded(organisation.name), _folded(organisation.name_latin or "")}:
        return
    words = f"{file} is of {organisation.name!r}, and this node is called {ours!r} in node.toml"
    if not sys.stdin.isatty():
        raise Trouble(f"{words}: correct one of them, or say --other-name")
    if not click.confirm(f"{words}. Is it the same organisation?", err=True):
        raise Trouble("nothing was sent; give the right profile, or correct node.toml")


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


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


_ELSE: Final = Exchange(endpoint="https://exchange.example")


def _organisation(text: str) -> str:
    return _checked(Config(name=" ".join(text.split()), exchange=_ELSE)).name


def _endpoint(text: str, allow_loopback: bool) -> str:
    exchange = Exchange(endpoint=text.strip().rstrip("/"))
    config = Config(name="-", exchange=exchange, allow_loopback=allow_loopback)
    return _checked(config).exchange.endpoint


def _time_zone(text: str) -> str:
    return _checked(Config(name="-", exchange=_ELSE, time_zone=text.strip())).time_zone


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
        return _time_zone(given)
    zones: list[str] = get_global("territory_zones").get(country, [])
    if len(zones) == 1:
        return str(zones[0])
    examples = ", ".join(sorted(zones)[:12]) or "like Europe/Lisbon"
    return answer(
        None,
        "--time-zone",
        f"Its time zone ({examples})",
        lambda text: _time_zone(_with_city(text, zones)),
        zone_of_capital(country),
    )


def _with_city(text: str, zones: list[str]) -> str:
    """The country's zone that this city names; else the text."""
    city = text.strip().replace(" ", "_").casefold()
    return next((zone for zone in zones if zone.casefold().endswith(f"/{city}")), text)
