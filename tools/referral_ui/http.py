"""What stands around every handler of a page: who may ask, what a browser may do with the answer.

Every response, errors included, carries the same policy: no script at all, nothing from any other
host, no framing, no caching of pages. A page that asks for it (`with_script`) may run our own
script and speak to our own host, nothing more. Every request must name one of our own hosts;
whatever changes something must come from one of our own pages. An exception that nobody expected
becomes a plain page with an incident's id; the log gets that id, the exception's type and the place
in the code, never a value, since values are about people.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from .assets import PREFIX, Assets
from .formdata import INTAKE, Intake
from .problems import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Respond = Callable[[web.Request, Problem], web.Response]

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), clipboard-read=(), display-capture=(), geolocation=(), microphone=(),"
        " payment=(), usb=()"
    ),
    # Not no-referrer: under that, browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
SCRIPTED = f"{POLICY}; script-src 'self'; connect-src 'self'"
FOR_EVER = "public, max-age=31536000, immutable"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Log(Protocol):
    """The one thing asked of a structlog logger."""

    def error(self, event: str, **fields: object) -> object: ...


class Origins:
    """The addresses under which people reach this server: scheme, host and port.

    `add` is for a composition root that learns its port only after binding it.
    """

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins: set[tuple[str, str]] = set()
        for origin in origins:
            self.add(origin)

    def add(self, origin: str) -> None:
        """One more, such as "https://node.example.org" or "http://lisboa.localhost:18701"."""
        found = _origin(origin)
        if found is None:
            raise ValueError(
                f"not an origin: {origin!r}; write scheme://host or scheme://host:port"
            )
        self._origins.add(found)

    def has_host(self, host: str) -> bool:
        """Whether a Host header names us. Without a port it means the scheme's own."""
        return any(
            _origin(f"{scheme}://{host}") == (scheme, name) for scheme, name in self._origins
        )

    def __contains__(self, origin: object) -> bool:
        return isinstance(origin, str) and _origin(origin) in self._origins


def protect(
    app: web.Application,
    *,
    origins: Origins,
    assets: Assets,
    respond: Respond,
    log: Log,
    new_incident: Callable[[], str],
) -> None:
    """Put all of this module around an application, and serve its assets.

    `respond` draws problems (`ProblemPages.response`); `new_incident` makes a short random id.
    Call it before adding middlewares of your own: what is here must stand outermost.
    """
    app[INTAKE] = Intake()
    app.middlewares.append(errors(respond, log, new_incident))
    app.middlewares.append(doorkeeper(origins))
    app.on_response_prepare.append(set_headers)
    app.router.add_get(PREFIX + "/{hash}/{name}", static(assets))


def listening(log: Log) -> dict[str, Any]:
    """What to give `web.AppRunner` beside the application.

    No access log: paths name cases. aiohttp's own words about a request that it cannot parse quote
    its bytes, so only the kind of fault is kept. A connection that says nothing, or half a request,
    is closed after 30 s.
    """
    # Of its own, not from the registry: what one server logs is no other's business.
    discreet = logging.Logger("referral_ui.listening")  # noqa: LOG001 - no global state
    discreet.addHandler(_OnlyTheKind(log))
    return {"access_log": None, "logger": discreet, "keepalive_timeout": 30.0}


class _OnlyTheKind(logging.Handler):
    """Hands the exception's type on, never a message."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        self._log.error("request.failed", kind=kind.__name__ if kind else "unknown")


async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The policy on every response; pages are never kept by anybody."""
    scripted = response.headers.get(hdrs.CONTENT_SECURITY_POLICY) == SCRIPTED
    for header, value in HEADERS.items():
        response.headers[header] = value
    if scripted:
        response.headers[hdrs.CONTENT_SECURITY_POLICY] = SCRIPTED
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    # Which software, in which version, is nobody's business.
    response.headers.popall(hdrs.SERVER, None)


def with_script(response: web.Response) -> web.Response:
    """A page whose template loads our own script; every other page runs none."""
    response.headers[hdrs.CONTENT_SECURITY_POLICY] = SCRIPTED
    return response


def static(assets: Assets) -> Handler:
    """Serves what the manifest lists, under its hash, for ever; nothing else exists."""

    async def handle(request: web.Request) -> web.StreamResponse:
        asset = assets.find(request.path)
        if asset is None:
            raise web.HTTPNotFound
        return web.Response(
            body=asset.content,
            headers={hdrs.CONTENT_TYPE: asset.media_type, hdrs.CACHE_CONTROL: FOR_EVER},
        )

    return handle


def doorkeeper(origins: Origins) -> Middleware:
    """Refuses foreign hosts, and changes that do not come from our own pages."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_host(request.headers.getall(hdrs.HOST, []), origins)
        if request.method not in SAFE_METHODS:
            check_source(
                request.headers.get(hdrs.ORIGIN), request.headers.get("Sec-Fetch-Site"), origins
            )
        return await handler(request)

    return middleware


def check_host(hosts: list[str], origins: Origins) -> None:
    """A page that reaches us under another name (DNS rebinding) could be read by its owner."""
    if len(hosts) != 1:
        raise Problem(400, "no-host", "A request names its host exactly once.")
    if not origins.has_host(hosts[0]):
        raise Problem(
            421,
            "foreign-host",
            "Nothing is served under this address. Use the one that your administrator gave you.",
        )


def check_source(origin: str | None, fetch_site: str | None, origins: Origins) -> None:
    """A change comes from one of our own pages, or it is refused.

    Browsers say so in Sec-Fetch-Site, in Origin, or in both; neither may speak against it and one
    must speak for it. "null" says nothing.
    """
    named = None if origin in (None, "null") else origin in origins
    site = None if fetch_site is None else fetch_site == "same-origin"
    if named is False or site is False or (named is None and site is None):
        raise Problem(
            403,
            "foreign-form",
            "This form was not sent from a page of this address, so nothing was changed. Open the"
            " page here and send it again.",
        )


def errors(respond: Respond, log: Log, new_incident: Callable[[], str]) -> Middleware:
    """Turns every failure into a response of one shape, and unexpected ones into an incident."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as problem:
            return respond(request, problem)
        except web.HTTPException as answer:
            if answer.status < 400:
                raise
            return respond(request, _plain(answer))
        except ConnectionResetError:
            raise  # The other side is gone: there is nobody to tell.
        except Exception as error:  # noqa: BLE001 - a person always gets an answer
            incident = new_incident()
            log.error(
                "page.failed",
                incident=incident,
                error=type(error).__name__,
                where=code_location(error),
                route=_route(request),
            )
            return respond(
                request,
                Problem(
                    500,
                    "incident",
                    "This is our fault, not yours. What was saved before is still there. Try again;"
                    f" if it happens twice, give your administrator this number: {incident}.",
                ),
            )

    return middleware


def code_location(error: BaseException) -> str:
    """ "referral_node.web.pages:123": our innermost line, else the innermost of all."""
    frames = [
        (frame.f_globals.get("__name__", "?"), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    ours = [frame for frame in frames if str(frame[0]).startswith("referral_")]
    module, line = (ours or frames or [("?", 0)])[-1]
    return f"{module}:{line}"


def _route(request: web.Request) -> str:
    # The pattern, not the path: a path can hold what somebody searched for.
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def _plain(answer: web.HTTPException) -> Problem:
    words = {
        404: ("not-found", "The address may be old or mistyped, or what was there is gone."),
        405: ("method-not-allowed", "This address does not take this kind of request."),
        413: ("too-large", "What was sent is larger than this address takes."),
    }
    code, detail = words.get(answer.status, (f"http-{answer.status}", answer.reason))
    kept = {"Allow": answer.headers["Allow"]} if "Allow" in answer.headers else {}
    return Problem(answer.status, code, detail, headers=kept)


def _origin(text: str) -> tuple[str, str] | None:
    """(scheme, host:port) of an origin with nothing behind it, else None."""
    ports = {"http": 80, "https": 443}
    try:
        parts = urlsplit(text)
        port = parts.port or ports.get(parts.scheme)
    except ValueError:
        return None
    bare = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if not bare or parts.scheme not in ports or not parts.hostname or port is None:
        return None
    if any(sign in text for sign in "@?# \t\\"):
        return None
    return parts.scheme, f"{parts.hostname}:{port}"
