"""What every API view shares: JSON in and out by orjson, one error shape."""

from collections.abc import Iterable, Mapping
from typing import IO, Any

import orjson
import psycopg
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from growthplatform.core.errors import Forbidden, InvalidField, NotFound, Problem, shape


class InvalidJson(Problem):
    code = "invalid_json"
    message = "The body is not valid JSON."


class Unavailable(Problem):
    status = 503
    code = "unavailable"
    message = "The database does not answer at the moment; send it again."


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str)


class CsvRenderer(OrjsonRenderer):
    """Lets ?format=csv through; the file is answered as it is, refusals stay JSON."""

    media_type = "text/csv"
    format = "csv"


class OnlyJson(BaseContentNegotiation):
    """Answer JSON whatever the Accept header says: clients send odd ones, and there is nothing to choose."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), "application/json"


class OrjsonParser(BaseParser):
    """Read JSON whatever the media type says: clients send it as text/plain to spare a preflight."""

    media_type = "*/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read()
        try:
            return orjson.loads(body) if body.strip() else {}
        except orjson.JSONDecodeError as wrong:
            raise InvalidJson(f"The body is not valid JSON: {wrong}.") from None


def _flat(detail: Any, field: str = "") -> list[dict[str, str]]:
    """Flatten the framework's nested validation detail to [{"field", "message"}]."""
    if isinstance(detail, Mapping):
        return [row for name, inner in detail.items() for row in _flat(inner, f"{field}.{name}".strip("."))]
    if isinstance(detail, list):
        return [row for inner in detail for row in _flat(inner, field)]
    return [{"field": field, "message": str(detail)}]


def _as_problem(error: Exception) -> Problem | None:
    match error:
        case Problem():
            return error
        case Http404():
            return NotFound()
        case PermissionDenied():
            return Forbidden()
        case SuspiciousOperation():
            return Problem(str(error))
        case exceptions.ValidationError():
            return invalid_field(error.detail)
        case OperationalError() | InterfaceError() | psycopg.OperationalError():
            return Unavailable(retry_after_s=2)
        case exceptions.APIException():
            problem = Problem(str(error.detail), code=str(error.default_code))
            problem.status = error.status_code
            return problem
    return None


def invalid_field(detail: Any) -> InvalidField:
    """Return what a serializer found wrong as the product's refusal."""
    rows = _flat(detail)
    return InvalidField(" ".join(f"{row['field']}: {row['message']}".strip(": ") for row in rows), detail=rows)


def answer_problem(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer every refusal in the one error shape; None leaves a real fault to Django's 500."""
    problem = _as_problem(error)
    if problem is None:
        return None
    answer = Response(shape(problem), status=problem.status)
    if problem.retry_after_s is not None:
        answer["Retry-After"] = str(problem.retry_after_s)
    if problem.status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="growth"'
    return answer
