"""`node.toml`: what an administrator sets, and nothing that a person's case could be in.

Law: an unknown key is refused, never skipped: a misspelt `pins` must not become "no pins". Every
error is one line with file, line, what is wrong and what may stand there. What a node learns while
it runs (the directory it joined, its keys) is not here but in its database.

    name = "Ponte Tejo"
    country = "PT"
    time_zone = "Europe/Lisbon"
    [exchange]
    endpoint = "https://exchange.pontetejo.example"
    [pages]
    hosts = ["cases.pontetejo.example"]
"""

import difflib
import ipaddress
import re
import ssl
import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from referral_node.mail_settings import Mail, Quiet, Security, mail_problems
from referral_node.toml_lines import line_of, lines
from referral_node.trouble import Trouble
from referral_protocol.directory.endpoints import parse_endpoint
from referral_protocol.directory.entries import MAX_PINS, parse_anchor
from referral_protocol.errors import ProtocolError

FILE: Final = "node.toml"
MAX_FILE: Final = 64 * 1024
TRIAL_IN_FILE: Final = "set allow_loopback = true for one"

Port = Annotated[int, Meta(ge=0, le=65535)]
Pin = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
HostName = Annotated[str, Meta(pattern=r"\A(?=.{1,253}\Z)[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")]
Words = Annotated[str, Meta(min_length=1, max_length=200)]
Level = Literal["debug", "info", "warning", "error"]
Seconds = Annotated[int, Meta(ge=1, le=24 * 3600)]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of each table of the file."""


class Tls(_Table, frozen=True):
    """A certificate chain and its key, as PEM files; relative paths begin at the state folder."""

    certificate: str
    key: str


class Exchange(_Table, frozen=True):
    """The public listener, to which other nodes deliver.

    ``endpoint`` is the address that the directory shows. ``pins`` are SHA-256 values (hex) of the
    TLS public keys that alone count for it. Without ``tls`` something before it must speak TLS.
    """

    endpoint: str
    pins: Annotated[tuple[Pin, ...], Meta(max_length=MAX_PINS)] = ()
    host: str = "127.0.0.1"
    port: Port = 8700
    tls: Tls | None = None

    @property
    def pin_bytes(self) -> tuple[bytes, ...]:
        """The pins as they stand in the directory."""
        return tuple(sorted(bytes.fromhex(pin) for pin in self.pins))


class Pages(_Table, frozen=True):
    """The caseworkers' pages. ``hosts``: the names under which a browser may ask for them.

    Off loopback only with ``tls``, or with ``proxy = true``: then one in front speaks TLS.
    """

    hosts: Annotated[tuple[HostName, ...], Meta(min_length=1, max_length=20)] = ("localhost",)
    host: str = "127.0.0.1"
    port: Port = 8701
    proxy: bool = False
    tls: Tls | None = None


class Metrics(_Table, frozen=True):
    """Figures for monitoring; on loopback only."""

    host: str = "127.0.0.1"
    port: Port = 8702


class DirectoryChoice(_Table, frozen=True):
    """Which directory `join` asks when it is not told, and how often the node looks there.

    Once joined, ``url`` only says where that directory is now; the anchor cannot change any more.
    """

    url: str | None = None
    anchor: str | None = None
    every_seconds: Seconds = 60


class Limits(_Table, frozen=True):
    """What others may ask of this node. ``parcels_per_minute``: of each member, a minute's worth at
    once; the rest is told to come back. ``disk_reserve_mib``: free space below which nothing is
    taken from others (on a small disk two per cent of it, if that is less).
    """

    parcels_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 6000
    disk_reserve_mib: Annotated[int, Meta(ge=0, le=1_000_000)] = 256


class Config(_Table, frozen=True):
    """The whole file. Everything but the name and the endpoint has a default."""

    name: Words
    exchange: Exchange
    country: Annotated[str, Meta(pattern=r"\A[A-Z]{2}\Z")] | None = None
    time_zone: str = "UTC"
    pages: Pages = Pages()
    metrics: Metrics = Metrics()
    directory: DirectoryChoice = DirectoryChoice()
    limits: Limits = Limits()
    mail: Mail | None = None
    allow_loopback: bool = False
    log_level: Level = "info"


class ConfigTrouble(Trouble):
    """A configuration that cannot be used."""


def read_config(path: Path) -> Config:
    """Read and check the file; ConfigTrouble in one line otherwise."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise ConfigTrouble(f"{path}: larger than {MAX_FILE // 1024} KiB: not a configuration")
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigTrouble(
            f"{path}: there is no configuration here; `referral node init` makes one"
        ) from None
    except UnicodeDecodeError:
        raise ConfigTrouble(f"{path}: not UTF-8 text: save it as UTF-8") from None
    except OSError as error:
        raise ConfigTrouble(f"{path}: cannot be read ({error.strerror})") from None
    return parse_config(text, str(path))


def parse_config(text: str, name: str = FILE) -> Config:
    """Check the text of a configuration; ``name`` is what errors call it."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigTrouble(f"{name}: not well-formed TOML: {error}") from None
    places = lines(text)
    try:
        config = msgspec.convert(values, Config, strict=True)
    except msgspec.ValidationError as error:
        path, words = _explain(str(error), values)
        raise ConfigTrouble(_said(name, places, path, words)) from None
    for path, words in _problems(config):
        raise ConfigTrouble(_said(name, places, path, words))
    return config


def write_config(config: Config) -> str:
    """The text of a new file: what differs from the defaults, with the rest named beside it."""
    out = [
        "# One organisation's node. Unknown keys are refused.",
        f"name = {_toml(config.name)}",
    ]
    if config.country is not None:
        out.append(f"country = {_toml(config.country)}")
    out.append(f"time_zone = {_toml(config.time_zone)}")
    if config.allow_loopback:
        out += ["", "# For trials on one machine only: endpoints on loopback, without TLS."]
        out.append("allow_loopback = true")
    for table, (comment, shown) in _TABLES.items():
        value, default = getattr(config, table), _DEFAULTS[table]
        fields = [
            field
            for field in value.__struct_fields__
            if field in shown or getattr(value, field) != getattr(default, field)
        ]
        if fields:
            out += ["", f"# {comment}", f"[{table}]"]
            out += [f"{field} = {_toml(getattr(value, field))}" for field in fields]
    if config.mail is not None:
        out += ["", "# Who is told by mail that something waits. Never a word of a case.", "[mail]"]
        out += [
            f"{key} = {_toml(value)}"
            for key, value in msgspec.to_builtins(config.mail).items()
            if value not in (None, ())
        ]
    return "\n".join(out) + "\n"


def tls_context(tls: Tls, state: Path) -> ssl.SSLContext:
    """The server's side of TLS for a listener; ConfigTrouble if the files cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(state / tls.certificate, state / tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigTrouble(
            f"{FILE}: tls: {tls.certificate} and {tls.key} cannot be used "
            f"({error.strerror or 'not a certificate and its key'})"
        ) from None
    return context


_TABLES: Final = {
    "exchange": (
        "Where other nodes deliver: the address in the directory, and the listener.",
        ("endpoint", "host", "port"),
    ),
    "pages": ("The pages that keyholders open in their browser.", ("hosts", "host", "port")),
    "metrics": ("Figures for monitoring, on loopback only.", ()),
    "directory": ("Which directory `referral node join` asks.", ()),
    "limits": ("What others may ask of this node.", ()),
}
"""Each table's comment in a new file, and the fields that stand in it whatever their value."""
_DEFAULTS: Final[dict[str, _Table]] = {
    "exchange": Exchange(endpoint=""),
    "pages": Pages(),
    "metrics": Metrics(),
    "directory": DirectoryChoice(),
    "limits": Limits(),
}

_AT: Final = re.compile(r"(?P<words>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING: Final = re.compile(r"Object missing required field `(?P<key>[^`]*)`")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_NAMES: Final = {"bool": "true or false", "int": "a whole number", "str": "a text in quotes"}
_PATTERNS: Final = {
    "pins": "64 hexadecimal digits: the SHA-256 of the TLS public key",
    "hosts": "host names in lower case, without port",
    "country": "two capital letters, like PT",
    "from": "an address, like exchange@example.org",
    "administrators": "addresses, like it@example.org",
    "quiet": 'times of day, like "21:00"',
    "link": "the address of the pages, like https://cases.example.org/",
}

_CHOICES: Final[dict[str, Any]] = {"log_level": Level, "security": Security}

Path_ = tuple[str | int, ...]


def _explain(message: str, values: dict[str, Any]) -> tuple[Path_, str]:
    """msgspec's message as the path of the value and words for it."""
    found = _AT.fullmatch(message)
    words, steps = (found["words"], found["path"] or "") if found else (message, "")
    path: Path_ = tuple(
        name if name else int(number) for name, number in _STEP.findall(steps) if name != "..."
    )
    unknown, missing = _UNKNOWN.search(words), _MISSING.search(words)
    if unknown:
        key = unknown["key"]
        return (*path, key), f"there is no such key here{_meant(key, path)}"
    if missing:
        return (*path, missing["key"]), "this key must be set"
    name = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
    if "enum value" in words:
        return path, f"write one of {', '.join(get_args(_CHOICES.get(name, Level)))}"
    if "regex" in words and path[0] == "mail" and len(path) > 1:
        name = str(path[1])  # inside quiet, too, there are only times of day
    if "regex" in words and name in _PATTERNS:
        return path, f"write {_PATTERNS[name]}"
    return path, _plain(words)


def _meant(key: str, path: Path_) -> str:
    tables: dict[str, type[_Table]] = {
        "exchange": Exchange,
        "pages": Pages,
        "metrics": Metrics,
        "limits": Limits,
    }
    kind: type[_Table] = Config
    if path and path[0] == "mail":
        fields = msgspec.structs.fields(Quiet if path[-1] == "quiet" else Mail)
        return _close(key, [field.encode_name for field in fields])
    if path:
        kind = Tls if path[-1] == "tls" else tables.get(str(path[0]), DirectoryChoice)
    return _close(key, list(kind.__struct_fields__))


def _close(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(known))}"


def _plain(words: str) -> str:
    for kind, said in _NAMES.items():
        words = re.sub(rf"`{kind}`|`{kind} \| null`", said, words)
    words = words.replace("`array`", "a list in [ ]").replace("`object`", "a table")
    words = words.replace("`", "").replace(" | null", "")
    return words[:1].lower() + words[1:]


def _said(name: str, places: dict[Path_, int], path: Path_, words: str) -> str:
    line = line_of(places, path)
    where = f"{name}, line {line}" if line is not None else name
    spelled = ".".join(str(step) for step in path)
    return f"{where}: {spelled}: {words}" if spelled else f"{where}: {words}"


def _problems(config: Config) -> list[tuple[Path_, str]]:
    """What no single field can say."""
    found: list[tuple[Path_, str]] = []
    try:
        parse_endpoint(config.exchange.endpoint, config.allow_loopback)
    except ProtocolError as error:
        found.append((("exchange", "endpoint"), _endpoint_words(error.detail)))
    for table in ("exchange", "pages", "metrics"):
        host = getattr(config, table).host
        if _address(host) is None:
            found.append(((table, "host"), "write an IP address, like 127.0.0.1 or 0.0.0.0"))
    pages, metrics = _address(config.pages.host), _address(config.metrics.host)
    if pages and not pages.is_loopback and config.pages.tls is None and not config.pages.proxy:
        found.append(
            (("pages", "host"), "off loopback the pages need [pages.tls], or proxy = true")
        )
    if metrics and not metrics.is_loopback:
        found.append((("metrics", "host"), "metrics are served on loopback only"))
    used: dict[int, str] = {}
    for table in ("exchange", "pages", "metrics"):
        port = getattr(config, table).port
        if port and port in used:
            found.append(((table, "port"), f"the same port as [{used[port]}]"))
        used.setdefault(port, table)
    try:
        zoneinfo.ZoneInfo(config.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        found.append((("time_zone",), "not a known time zone; write it like Europe/Lisbon"))
    found += _directory_problems(config)
    if config.mail is not None:
        found += [(("mail", key), words) for key, words in mail_problems(config.mail)]
    return found


def _directory_problems(config: Config) -> list[tuple[Path_, str]]:
    found: list[tuple[Path_, str]] = []
    if config.directory.url is not None:
        try:
            parse_endpoint(config.directory.url, config.allow_loopback)
        except ProtocolError as error:
            found.append((("directory", "url"), _endpoint_words(error.detail)))
    if config.directory.anchor is not None:
        try:
            parse_anchor(config.directory.anchor)
        except ProtocolError as error:
            found.append((("directory", "anchor"), error.detail.removeprefix("anchor: ")))
    return found


def _endpoint_words(detail: str) -> str:
    words = detail.removeprefix("endpoint: ")
    if words.startswith("loopback"):
        return f"an address of this machine is for trials only; {TRIAL_IN_FILE}"
    return f"{words}; write it like https://exchange.example.org"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(_escaped(c) for c in value) + '"'
    if isinstance(value, Tls):
        return f"{{ certificate = {_toml(value.certificate)}, key = {_toml(value.key)} }}"
    if isinstance(value, dict):
        pairs = (f"{key} = {_toml(each)}" for key, each in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if ord(character) < 32 or ord(character) == 127:
        return f"\\u{ord(character):04x}"
    return character
