"""What an engine gives back, and how it refuses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from growthplatform.core.errors import Problem


@dataclass(frozen=True)
class Missing:
    """A segment that could not be read: the rows of these days are not in the answer."""

    segment: int
    first_day: date
    last_day: date
    rows: int
    why: str


@dataclass(frozen=True)
class Answer:
    """Rows of an expression: `watermark` names the exact state of the stream that they were read from."""

    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    sql: str
    watermark: str
    engine: str = "duckdb"
    took_s: float = 0.0
    missing: Sequence[Missing] = field(default=())


class TooSlow(Problem):
    status = 503
    code = "query_too_slow"
    message = "This question takes longer than is allowed. Ask for a shorter period or fewer events."


class TooLarge(Problem):
    status = 503
    code = "query_too_large"
    message = "This question needs more memory than is allowed. Ask for a shorter period or a narrower filter."


class EngineDown(Problem):
    status = 503
    code = "engine_down"
    message = "The engine of analytics does not answer at the moment; ask again."


class Cancelled(Problem):
    status = 409
    code = "query_cancelled"
    message = "The question was cancelled by its asker."


class Unreadable(Exception):  # noqa: N818
    """A file could not be read while the question ran; what an engine raises, and never reaches the asker."""
