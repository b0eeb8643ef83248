"""Problem documents (RFC 9457) for what cannot be answered with a signed receipt."""

import json
from http import HTTPStatus

from aiohttp import web


def problem(status: int, code: str, detail: str, *, retry_after: int | None = None) -> web.Response:
    """A problem document; ``code`` is the protocol's or the listener's, ``detail`` plain words."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    response = web.Response(
        status=status,
        body=json.dumps(body).encode("utf-8"),
        content_type="application/problem+json",
        headers=headers,
    )
    if status >= 400:
        response.force_close()
    return response
