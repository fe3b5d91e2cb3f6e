"""What a refusal is: a status, a code for programs, a sentence for people."""

from http import HTTPStatus
from typing import Any


class Problem(Exception):  # noqa: N818 -- the product's word for every refusal; subclasses name themselves
    """A refusal with a place in HTTP. Subclasses live beside the function that raises them."""

    status: int = 400
    code: str = "bad_request"
    message: str = "The request can't be carried out."

    def __init__(self, message: str = "", *, detail: Any = None, code: str = "", retry_after_s: int | None = None):
        self.message = message or self.message
        self.code = code or self.code
        self.detail = detail
        self.retry_after_s = retry_after_s
        super().__init__(self.message)


class NotFound(Problem):
    """Also the answer for what belongs to somebody else: it does not exist for the asker."""

    status = 404
    code = "not_found"
    message = "There is nothing here under this address."


class Unauthorized(Problem):
    status = 401
    code = "invalid_key"
    message = "No valid key came with the request."


class Forbidden(Problem):
    status = 403
    code = "forbidden"
    message = "This key or role may not do that."


class TooManyRequests(Problem):
    status = 429
    code = "rate_limited"
    message = "Too many requests for this key; wait and send again."


class InvalidField(Problem):
    """A value that can't be taken; `detail` is a list of {"field", "message"}."""

    code = "invalid_field"

    @classmethod
    def named(cls, field: str, message: str) -> "InvalidField":
        return cls(f"{field}: {message}", detail=[{"field": field, "message": message}])


def shape(problem: Problem) -> dict[str, Any]:
    """Return the one error shape of the API for `problem`."""
    return {
        "error": HTTPStatus(problem.status).phrase,
        "code": problem.code,
        "message": problem.message,
        "detail": problem.detail,
    }
