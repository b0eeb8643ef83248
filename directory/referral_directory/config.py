"""`directory.toml`: how the directory listens. What it says of members stands in the log alone.

Law: an unknown key is refused, never skipped. Every error is one line with the file, what is wrong
and what may stand there.

    host = "127.0.0.1"
    port = 8710
    proxy = true            # a web server in front speaks TLS and sets X-Forwarded-For
"""

import ipaddress
import ssl
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from referral_directory.trouble import Trouble

FILE: Final = "directory.toml"
PORT: Final = 8710

Level = Literal["debug", "info", "warning", "error"]


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate chain and its key, as PEM files; relative paths begin at the state folder."""

    certificate: str
    key: str


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; everything has a default.

    ``proxy``: requests come through a web server whose ``X-Forwarded-For`` may be believed.
    ``allow_loopback``: members on this machine, without TLS, for trials only. It must stand here
    from the beginning: it decides which entries the log may hold.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = PORT
    proxy: bool = False
    allow_loopback: bool = False
    log_level: Level = "info"
    tls: Tls | None = None


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
    _check_host(config, path)
    return config


def write_config(config: Config) -> str:
    """The text of a new file: what differs from the defaults, and where it listens."""
    lines = [
        "# How this directory listens. Unknown keys are refused.",
        f'host = "{config.host}"',
        f"port = {config.port}",
    ]
    if config.proxy:
        lines.append("proxy = true")
    if config.allow_loopback:
        lines += ["# For trials on one machine only: members on loopback, without TLS."]
        lines.append("allow_loopback = true")
    return "\n".join(lines) + "\n"


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


def _check_host(config: Config, path: Path) -> None:
    try:
        address = ipaddress.ip_address(config.host)
    except ValueError:
        raise Trouble(f"{path}: host: write an IP address, like 127.0.0.1 or 0.0.0.0") from None
    if not address.is_loopback and config.tls is None and not config.proxy:
        raise Trouble(f"{path}: host: off loopback set [tls], or proxy = true")
