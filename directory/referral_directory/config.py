"""`directory.toml`: how the directory listens. What it says of members stands in the log alone.

Law: an unknown key is refused, never skipped. Every error is one line with the file, what is wrong
and what may stand there.

    url = "https://directory.example.org"
    host = "127.0.0.1"
    port = 8710
    proxy = true            # a web server in front speaks TLS and sets X-Forwarded-For
    [console]
    hosts = ["console.directory.example.org"]
    proxy = true
"""

import ipaddress
import ssl
import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from referral_directory.trouble import Trouble
from referral_protocol.directory.endpoints import parse_endpoint
from referral_protocol.errors import ProtocolError

FILE: Final = "directory.toml"
PORT: Final = 8710

CONSOLE_PORT: Final = 8711
TIME_ZONE: Final = "Europe/Brussels"
"""Where VSE's office is."""

HostName = Annotated[str, Meta(pattern=r"\A(?=.{1,253}\Z)[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")]
Level = Literal["debug", "info", "warning", "error"]


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate chain and its key, as PEM files; relative paths begin at the state folder."""

    certificate: str
    key: str


class Console(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The registrars' pages. ``hosts``: the names under which a browser may ask for them;
    ``time_zone``: where their readers' clocks hang.

    Off loopback only with ``tls``, or with ``proxy = true``: then one in front speaks TLS.
    """

    hosts: Annotated[tuple[HostName, ...], Meta(min_length=1, max_length=20)] = ("localhost",)
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = CONSOLE_PORT
    proxy: bool = False
    time_zone: str = TIME_ZONE
    tls: Tls | None = None


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; everything has a default.

    ``url``: where members reach this directory, for invitations; without it, where it listens.
    ``proxy``: requests come through a web server whose ``X-Forwarded-For`` may be believed.
    ``allow_loopback``: members on this machine, without TLS, for trials only. It must stand here
    from the beginning: it decides which entries the log may hold. ``console``: without it there is
    none.
    """

    url: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = PORT
    proxy: bool = False
    allow_loopback: bool = False
    log_level: Level = "info"
    tls: Tls | None = None
    console: Console | None = None


def read_config(path: Path) -> Config:
    """Read and check the file; Trouble in one line if it cannot be used."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise Trouble(
            f"{path}: there is no directory here; `referral directory init` makes one"
        ) from None
    except UnicodeDecodeError:
        raise Trouble(f"{path}: not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise Trouble(f"{path}: cannot be read ({error.strerror})") from None
    return parse_config_text(text, path)


def parse_config_text(text: str, path: Path) -> Config:
    """Check the text of a configuration; ``path`` is what errors call it."""
    try:
        config = msgspec.convert(tomllib.loads(text), Config, strict=True)
    except tomllib.TOMLDecodeError as error:
        raise Trouble(f"{path}: not well-formed TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise Trouble(f"{path}: {_words(str(error))}") from None
    _check_host("host", config, path)
    _check_url(config, path)
    if config.console is not None:
        _check_host("console.host", config.console, path)
        if not _is_zone(config.console.time_zone):
            raise Trouble(f"{path}: console.time_zone: write one like {TIME_ZONE}")
    return config


def write_config(config: Config) -> str:
    """The text of a new file: what differs from the defaults, and where it listens."""
    lines = [
        "# How this directory listens. Unknown keys are refused.",
        *([f'url = "{config.url}"'] if config.url else []),
        f'host = "{config.host}"',
        f"port = {config.port}",
    ]
    if config.proxy:
        lines.append("proxy = true")
    if config.allow_loopback:
        lines += ["# For trials on one machine only: members on loopback, without TLS."]
        lines.append("allow_loopback = true")
    if config.console is not None:
        hosts = ", ".join(f'"{host}"' for host in config.console.hosts)
        lines += ["", "# The registrars' pages.", "[console]", f"hosts = [{hosts}]"]
        lines.append(f"port = {config.console.port}")
        if config.console.proxy:
            lines.append("proxy = true")
    return "\n".join(lines) + "\n"


def check_new(config: Config) -> Config:
    """The configuration as it is read from the file that it makes; Trouble if it cannot be."""
    try:
        return parse_config_text(write_config(config), Path(FILE))
    except Trouble as trouble:
        # The line is that of a file which nobody has seen yet.
        raise Trouble(str(trouble).removeprefix(f"{FILE}: ")) from None


def tls_context(tls: Tls, state: Path) -> ssl.SSLContext:
    """The server's side of TLS; Trouble if the files cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(state / tls.certificate, state / tls.key)
    except (OSError, ssl.SSLError) as error:
        raise Trouble(
            f"{FILE}: tls: {tls.certificate} and {tls.key} cannot be used "
            f"({error.strerror or 'not a certificate and its key'})"
        ) from None
    return context


def _words(message: str) -> str:
    words = message.replace("Object contains unknown field", "unknown key")
    if words != message:
        known = ", ".join(sorted(Config.__struct_fields__))
        return f"{words}; known are {known}"
    return f"{message[:1].lower()}{message[1:]}"


def _check_host(what: str, config: Config | Console, path: Path) -> None:
    try:
        address = ipaddress.ip_address(config.host)
    except ValueError:
        raise Trouble(f"{path}: {what}: write an IP address, like 127.0.0.1 or 0.0.0.0") from None
    if not address.is_loopback and config.tls is None and not config.proxy:
        tls = what.replace("host", "tls")
        raise Trouble(f"{path}: {what}: off loopback set [{tls}], or proxy = true")


def _check_url(config: Config, path: Path) -> None:
    if not config.url or _is_endpoint(config.url, config.allow_loopback):
        return
    if _is_endpoint(config.url, allow_loopback=True):
        raise Trouble(
            f"{path}: url: an address on this machine; for a trial here make the directory with "
            "--allow-loopback, else write it like https://directory.example.org"
        )
    raise Trouble(f"{path}: url: write it like https://directory.example.org")


def _is_endpoint(url: str, allow_loopback: bool) -> bool:
    try:
        parse_endpoint(url, allow_loopback)
    except ProtocolError:
        return False
    return True


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
