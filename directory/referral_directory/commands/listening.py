"""What `init` and `root prepare` ask about where a new directory listens: one list for both.

Law: an answer that the file could not hold is refused before anything is made.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from referral_directory.config import CONSOLE_PORT, PORT, Config, Console, check_new

P = ParamSpec("P")
T = TypeVar("T")

_PORT = click.IntRange(0, 65535)
_OPTIONS = (
    click.option(
        "--url", default="", help="Where members reach it: https://directory.example.org."
    ),
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option("--port", default=PORT, show_default=True, type=_PORT),
    click.option("--proxy", is_flag=True, help="A web server in front speaks TLS."),
    click.option(
        "--console-host", help="The name under which browsers ask for the registrars' pages."
    ),
    click.option(
        "--console-port",
        type=_PORT,
        help=f"Of the registrars' pages.  [default: {CONSOLE_PORT}; with --port 0 a free one]",
    ),
    click.option(
        "--allow-loopback", is_flag=True, help="Members on this machine: for trials only."
    ),
)


def listening(command: Callable[P, T]) -> Callable[P, T]:
    """Give a command these options, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def new_config(
    *,
    url: str,
    host: str,
    port: int,
    proxy: bool,
    console_host: str | None,
    console_port: int | None,
    allow_loopback: bool,
) -> Config:
    """The configuration that the options make, checked as a file would be."""
    if console_port is None:
        console_port = CONSOLE_PORT if port else 0
    console = Console(
        (console_host or "localhost",), port=console_port, proxy=proxy and bool(console_host)
    )
    return check_new(Config(url, host, port, proxy, allow_loopback, console=console))
