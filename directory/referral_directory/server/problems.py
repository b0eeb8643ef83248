"""Refusals as problem documents (RFC 9457): one table from the protocol's codes to HTTP's.

Law: a stranger reads what was wrong with the request and never the text of an exception that is
not ours.
"""

import json
from http import HTTPStatus
from typing import Final

from aiohttp import web

from referral_directory.log.store import StoreError
from referral_protocol.errors import Layer, ProtocolError

TYPE: Final = "application/problem+json"

_BY_CODE: Final = {
    "too-large": 413,
    "unknown-member": 404,
    "removed": 410,
    "old-number": 409,
    "counter-gap": 409,
    "broken-chain": 409,
    "key-in-use": 409,
    "older-checkpoint": 409,
    "bad-checkpoint": 409,
    "missing-signature": 403,
    "bad-signature": 403,
    "wrong-key": 403,
    "not-for-us": 403,
    "busy": 503,
    "disk": 507,
}
_BY_LAYER: Final = {
    Layer.SIZE: 400,
    Layer.ENCODING: 400,
    Layer.CANONICAL: 400,
    Layer.TYPE: 400,
}
RETRY_SECONDS: Final = 60


def problem(
    status: int, detail: str, *, code: str | None = None, retry_after: int | None = None
) -> web.Response:
    """A problem document; the connection ends with it, for its request may not have been read."""
    body: dict[str, object] = {"title": HTTPStatus(status).phrase, "status": status}
    if detail:
        body["detail"] = detail
    if code is not None:
        body["code"] = code
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    response = web.Response(
        status=status,
        body=json.dumps(body, ensure_ascii=False).encode("utf-8"),
        content_type=TYPE,
        headers=headers,
    )
    response.force_close()
    return response


def refusal(error: ProtocolError) -> web.Response:
    """A refusal of the protocol; 422 unless the tables above say otherwise."""
    status = _BY_CODE.get(error.code) or _BY_LAYER.get(error.layer, 422)
    retry = RETRY_SECONDS if status == 503 else None
    return problem(status, error.detail, code=error.code, retry_after=retry)


def unstored(error: StoreError) -> web.Response:
    """The store could not do it: whose fault it is stands in our log, not in the answer."""
    if error.code in ("disk", "read-only"):
        detail = "The directory has no room to store this now. Nothing was changed; try again."
        return problem(507, detail, code="disk", retry_after=RETRY_SECONDS)
    return problem(503, "The directory cannot store this now.", code="busy", retry_after=60)
