"""Where a member's node answers: which URLs may stand in the log (DIRECTORY 2.2).

Law: an endpoint has one spelling, and it is ``https``. A loopback endpoint, and with it plain
``http``, is for trying things out on one machine, an address of a private network on a few: they
are allowed only where the caller says so.
"""

import ipaddress
import re
from typing import Final, NamedTuple

from referral_protocol.errors import ProtocolError

MAX_ENDPOINT: Final = 255

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)*)",
    re.ASCII,
)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
# Written out, for what a library calls private differs between its versions and nodes must agree:
# RFC 1918, RFC 6598, RFC 4193.
_PRIVATE: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


class Endpoint(NamedTuple):
    """The parts of a checked endpoint. ``host`` without brackets."""

    url: str
    scheme: str
    host: str
    port: int
    loopback: bool


def parse_endpoint(url: str, allow_loopback: bool) -> Endpoint:
    """Check an endpoint's one spelling; ``bad-endpoint`` says which part is wrong."""
    found = _URL.fullmatch(url)
    if found is None or len(url) > MAX_ENDPOINT:
        raise ProtocolError(
            "bad-endpoint", "endpoint: not https://host[:port][/path] in lower case"
        )
    scheme = found["scheme"]
    default = 443 if scheme == "https" else 80
    port = int(found["port"] or default)
    if port > 65535 or (found["port"] and port == default):
        raise ProtocolError("bad-endpoint", "endpoint: the port")
    if any(part in (".", "..") for part in found["path"].split("/")):
        raise ProtocolError("bad-endpoint", "endpoint: a dot segment in the path")
    host = found["host"].strip("[]")
    loopback, private = _check_host(host, found["host"].startswith("["))
    if private and not allow_loopback:
        raise ProtocolError("bad-endpoint", "endpoint: a private address, which is for trials only")
    if loopback and not allow_loopback:
        raise ProtocolError("bad-endpoint", "endpoint: loopback, which is for trials only")
    if scheme == "http" and not loopback:
        raise ProtocolError("bad-endpoint", "endpoint: plain http")
    return Endpoint(url, scheme, host, port, loopback)


def _check_host(host: str, bracketed: bool) -> tuple[bool, bool]:
    """Check the host's spelling; whether it is this machine, and whether a private address."""
    last = host.rpartition(".")[2]
    # What ends in a number is an IPv4 address to some resolvers, however it is written.
    if bracketed or last.isdigit() or last.startswith("0x"):
        return _check_address(host, bracketed)
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ProtocolError("bad-endpoint", "endpoint: the host's name")
    loopback = last == "localhost"
    if len(labels) == 1 and not loopback:
        raise ProtocolError("bad-endpoint", "endpoint: a host name without a domain")
    return loopback, False


def _check_address(host: str, bracketed: bool) -> tuple[bool, bool]:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ProtocolError("bad-endpoint", "endpoint: the host's address") from None
    mapped = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
    if str(address) != host or bracketed != (address.version == 6) or mapped:
        raise ProtocolError("bad-endpoint", "endpoint: not the one spelling of the address")
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        raise ProtocolError("bad-endpoint", "endpoint: an address that is no host's")
    private = any(address.version == each.version and address in each for each in _PRIVATE)
    return address.is_loopback, private
