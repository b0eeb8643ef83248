"""Refusals in one shape: RFC 9457 problem documents for programs, a plain page for people.

A `Problem` is raised by whoever finds the fault and carries an HTTP status, a short code that tests
and programs can rely on, and one sentence for people: what failed, whose fault it is, what to do.
It never carries what somebody typed or what a case holds.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from jinja2 import Environment

from .parts import Frame

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A refusal; `detail` is for people and safe to show to anybody."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.title = title
        self.headers = dict(headers or {})


def document(problem: Problem) -> bytes:
    """application/problem+json; `type` is about:blank, so `title` is the status's own."""
    return json.dumps(
        {
            "type": "about:blank",
            "title": HTTPStatus(problem.status).phrase,
            "status": problem.status,
            "detail": problem.detail,
            "code": problem.code,
        },
        ensure_ascii=False,
    ).encode()


def document_response(problem: Problem) -> web.Response:
    """For a program."""
    return web.Response(
        status=problem.status,
        body=document(problem),
        content_type=MEDIA_TYPE,
        headers=problem.headers,
    )


class ProblemPages:
    """Draws problems for whoever asked: a page if they take HTML, else a document."""

    def __init__(self, environment: Environment, product: str, organisation: str = "") -> None:
        self._template = environment.get_template("problem.html")
        self._frame = Frame(product=product, organisation=organisation or product)

    def response(self, request: web.Request, problem: Problem) -> web.Response:
        """The answer; never fails, whatever the request holds."""
        if not prefers_html(request.headers.get("Accept", "")):
            return document_response(problem)
        page = self._template.render(
            frame=self._frame,
            title=problem.title or _TITLES.get(problem.status, "This did not work"),
            detail=problem.detail,
            home=request.method in ("GET", "HEAD") and problem.status == 404,
        )
        return web.Response(
            status=problem.status, text=page, content_type="text/html", headers=problem.headers
        )


def prefers_html(accept: str) -> bool:
    """Whether an Accept header names HTML at least as willingly as JSON."""
    weights = {"text/html": 0.0, "json": 0.0}
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        kind = "text/html" if media_type == "text/html" else "json" if "json" in media_type else ""
        if kind:
            weights[kind] = max(weights[kind], weight)
    return weights["text/html"] > 0 and weights["text/html"] >= weights["json"]


_TITLES = {
    400: "This request cannot be read",
    403: "This is not allowed",
    404: "There is no such page",
    405: "There is no such page",
    408: "This took too long",
    413: "This is too long",
    415: "This request cannot be read",
    421: "This address belongs to somebody else",
    500: "Something went wrong here",
    503: "This does not work just now",
}
