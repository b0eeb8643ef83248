"""Handing one mail to the mail server that `node.toml` names.

Law: nothing is said in the clear to another machine: without STARTTLS, or with a certificate that
does not hold, there is no mail. What goes wrong becomes a code; no address and no line of the
server gets out of here. A server that never answers costs a minute at most.
"""

import asyncio
import ssl
import stat
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import aiosmtplib

from referral_node.mail_settings import Mail

EACH_WITHIN: Final = 20.0
"""Seconds for each answer of the server."""
WHOLE_WITHIN: Final = 60.0
"""Seconds for one mail."""
MAX_PASSWORD_FILE: Final = 1024
PERMANENT: Final = 500


class NotMailed(Exception):
    """The mail was not taken. ``code`` says why; ``person``: the fault lies in this one address."""

    def __init__(self, code: str, *, person: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.person = person


class MailServer:
    """The mail server, as `node.toml` names it. ``state``: where its files are looked for."""

    def __init__(self, settings: Mail, state: Path) -> None:
        self._settings = settings
        self._state = state

    async def send(self, message: EmailMessage) -> None:
        """Hand it over; returns when the server has taken it. NotMailed otherwise."""
        try:
            async with asyncio.timeout(WHOLE_WITHIN):
                await self._send(message)
        except TimeoutError:
            raise NotMailed("time-out") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            code, person = _code(error)
            raise NotMailed(code, person=person) from None

    async def _send(self, message: EmailMessage) -> None:
        settings = self._settings
        password = await asyncio.to_thread(self._password)
        context = None if settings.security == "none" else await asyncio.to_thread(self._context)
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.at_port,
            # Not this machine's name: what it is called inside is nobody's business outside.
            local_hostname=settings.sender.rpartition("@")[2],
            timeout=EACH_WITHIN,
            use_tls=settings.security == "tls",
            start_tls=False,
            tls_context=context,
        )
        try:
            await client.connect()
            if settings.security == "starttls":
                await client.ehlo()
                if not client.supports_extension("starttls"):
                    raise NotMailed("no-starttls")
                await client.starttls()
            if settings.user is not None:
                await client.login(settings.user, password or "")
            await client.send_message(message)
            # Taken. Whether the farewell is heard changes nothing.
            try:
                await client.quit()
            except (aiosmtplib.SMTPException, OSError):
                pass
        finally:
            client.close()

    def _password(self) -> str | None:
        if self._settings.password_file is None:
            return None
        path = self._state / self._settings.password_file
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise NotMailed("password-file-open")
            text = path.read_text("utf-8")[:MAX_PASSWORD_FILE].strip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise NotMailed("password-file") from None
        if not text:
            raise NotMailed("password-file")
        return text

    def _context(self) -> ssl.SSLContext:
        try:
            where = None if self._settings.ca is None else str(self._state / self._settings.ca)
            context = ssl.create_default_context(cafile=where)
        except (OSError, ssl.SSLError):
            raise NotMailed("ca-file") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _code(error: Exception) -> tuple[str, bool]:
    """The code for what went wrong, and whether it is the fault of this one address."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [each.code for each in error.recipients]
        return ("refused" if max(codes, default=0) >= PERMANENT else "later"), True
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return "auth", False
    if isinstance(error, aiosmtplib.SMTPTimeoutError | TimeoutError):
        return "time-out", False
    if _of_tls(error):
        return "tls", False
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return "not-supported", False
    if isinstance(error, aiosmtplib.SMTPResponseException):
        if error.code not in range(200, 600):
            return "answer", False
        return ("refused" if error.code >= PERMANENT else "later"), False
    if isinstance(error, aiosmtplib.SMTPServerDisconnected):
        return "connection", False
    if isinstance(error, aiosmtplib.SMTPConnectError | OSError):
        return "connect", False
    return "answer", False


def _of_tls(error: BaseException | None) -> bool:
    """Whether TLS is at the bottom of it."""
    for _ in range(5):
        if error is None:
            return False
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
