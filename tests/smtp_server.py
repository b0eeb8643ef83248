"""A real SMTP server on loopback, which can ask for STARTTLS and a password, refuse, and be slow.

    async with MailHost(tmp_path) as host:
        ...                       # settings: host.settings(administrators=(...))
        host.mails                # what it took, oldest first

Everything of the protocol is aiosmtpd's; only what to answer is decided here.
"""

import asyncio
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from referral_node.mail_settings import Mail

USER, SECRET = "exchange", "cedar lamp nine"
SENDER = "exchange@pontetejo.example"


class MailHost:
    """One mail server. Every attribute may be changed while it runs."""

    def __init__(self, folder: Path, *, security: str = "none", auth: bool = False) -> None:
        self.folder = folder
        self.security = security
        self.auth = auth
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.encrypted: list[bool] = []
        self.refused: dict[str, str] = {}
        """Answer to RCPT for an address."""
        self.answer_data: str | None = None
        """Answer to DATA instead of taking the mail."""
        self.drop_after_data = False
        """Take the mail, and break off before saying so."""
        self.delay = 0.0
        self.offers_starttls = security == "starttls"
        self.port = 0
        self._server: asyncio.Server | None = None
        self._context: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        if self.security != "none":
            self._context = _context(self.folder)
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol,
            "127.0.0.1",
            port or self.port,
            ssl=self._context if self.security == "tls" else None,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def settings(self, **changes: Any) -> Mail:
        """What `[mail]` says of this server; it also writes the password's file."""
        values: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "security": self.security,
            "sender": SENDER,
        }
        if self.security != "none":
            values["ca"] = "mail-ca.pem"
        if self.auth:
            file = self.folder / "mail.password"
            file.touch(mode=0o600)
            file.write_text(SECRET + "\n")
            values |= {"user": USER, "password_file": file.name}
        return Mail(**values | changes)

    def to(self, address: str) -> list[EmailMessage]:
        """Mails to one address."""
        return [mail for mail in self.mails if mail["To"] == address]

    def _protocol(self) -> SMTP:
        with warnings.catch_warnings():
            # It warns of passwords without STARTTLS, and sees neither TLS around it nor loopback.
            warnings.simplefilter("ignore", UserWarning)
            return self._talk()

    def _talk(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.example",
            ident="test",
            loop=asyncio.get_running_loop(),
            tls_context=self._context if self.offers_starttls else None,
            require_starttls=self.offers_starttls,
            authenticator=self._authenticate if self.auth else None,
            auth_required=self.auth,
            auth_require_tls=self.security == "starttls",
        )

    def _authenticate(self, *given: Any) -> AuthResult:
        data = given[-1]
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            SECRET.encode(),
        )
        return AuthResult(success=right, handled=False)

    # What aiosmtpd asks of its handler.

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.answer_data is not None:
            return self.answer_data
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=default))
        self.recipients.append(list(envelope.rcpt_tos))
        self.encrypted.append(session.ssl is not None or self.security == "tls")
        if self.drop_after_data:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 taken"


def _context(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1, which its own file vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "mail-ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "mail-key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "mail-ca.pem", folder / "mail-key.pem")
    return context
