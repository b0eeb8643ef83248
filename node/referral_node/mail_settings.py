"""`[mail]` in `node.toml`: through which server, to whom, and when nobody is to be woken.

Law: an account's password stands in a file of its own, never here. Mail goes in the clear to this
very machine at most: with "starttls" and "tls" nothing is said before the server's certificate was
checked, and nothing ever falls back.

    [mail]
    host = "smtp.pontetejo.example"
    from = "exchange@pontetejo.example"
    user = "exchange"
    password_file = "mail.password"
    administrators = ["it@pontetejo.example"]
    quiet = { from = "21:00", to = "07:00" }
"""

import ipaddress
import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, field

Security = Literal["starttls", "tls", "none"]
PORTS: Final[dict[str, int]] = {"starttls": 587, "tls": 465, "none": 25}
LONGEST_ADDRESS: Final = 254
ADDRESS: Final = (
    r"\A(?=.{3,254}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}"
    r"@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+\Z"
)
"""Plain addresses alone: no name before them, no quotes, nothing that could begin another line."""
WHY: Final = {
    "answer": "what answers there is no mail server",
    "auth": "user or password is wrong",
    "ca-file": "the file of certificates (ca) cannot be used",
    "connect": "the mail server is not reached",
    "connection": "the mail server broke off",
    "later": "the mail server asks to come back later",
    "no-starttls": "the mail server offers no STARTTLS, and nothing is sent in the clear",
    "not-supported": "the mail server cannot do what is needed",
    "off": "this node sends no mail: [mail] is missing in node.toml",
    "password-file": "the password's file cannot be read",
    "password-file-open": "others may read the password's file: chmod 600",
    "refused": "the mail server refuses it",
    "time-out": "the mail server is too slow",
    "tls": "the mail server's certificate does not hold",
    "too-soon": "a test went a moment ago: wait a minute",
}
"""What each code of a mail that was not taken means."""

_HOST: Final = re.compile(r"[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:.]{2,45}")
"""A name or an address: no port, no brackets, no scheme, nothing in between."""

Address = Annotated[str, Meta(pattern=ADDRESS)]
Clock = Annotated[str, Meta(pattern=r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
Words = Annotated[str, Meta(min_length=1, max_length=200)]


class Quiet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Hours in which only what is immediate is mailed, by the clock of the node's time zone."""

    start: Clock = field(default="21:00", name="from")
    end: Clock = field(default="07:00", name="to")


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How this node sends mail. ``port`` None: the usual one; ``ca``: a file of certificates.

    ``link`` is where people sign in, if it is not the first of the pages' host names. Nobody gets
    more than one mail in ``every_minutes``, but for what is immediate.
    """

    host: Words
    sender: Address = field(name="from")
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    security: Security = "starttls"
    user: Words | None = None
    password_file: Words | None = None
    ca: Words | None = None
    administrators: Annotated[tuple[Address, ...], Meta(max_length=20)] = ()
    quiet: Quiet | None = None
    link: Annotated[str, Meta(pattern=r"\Ahttps?://[^\s<>\"]{1,300}\Z")] | None = None
    every_minutes: Annotated[int, Meta(ge=1, le=24 * 60)] = 15

    @property
    def at_port(self) -> int:
        """The port to connect to."""
        return PORTS[self.security] if self.port is None else self.port


def is_address(text: str) -> bool:
    """Whether mail can be sent there: what :data:`ADDRESS` says."""
    return re.match(ADDRESS, text) is not None and ".." not in text and not text.startswith(".")


def mail_problems(mail: Mail) -> list[tuple[str, str]]:
    """What no single key can say: the key, and words for it."""
    found: list[tuple[str, str]] = []
    if not _HOST.fullmatch(mail.host):
        found.append(("host", 'write the mail server\'s name alone, like "smtp.example.org"'))
    if mail.security == "none" and not _loopback(mail.host):
        found.append(("security", '"none" is for a mail server on this machine only'))
    if mail.user is None and mail.password_file is not None:
        found.append(("password_file", "it goes with user"))
    if mail.user is not None and mail.password_file is None:
        found.append(("user", "it goes with password_file: a file of mode 0600"))
    if mail.quiet is not None and mail.quiet.start == mail.quiet.end:
        found.append(("quiet", "from and to are the same: leave the key out, or give hours"))
    return found


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
