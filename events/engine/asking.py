"""A question from its expression to its answer: run once however many ask it at once, kept while nothing changes."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from events.engine import running, soundness
from events.engine.answers import Answer, EngineDown, Unreadable
from events.engine.inputs import gathered, watermark
from events.engine.tables import TABLES, Tables
from events.engine.values import shaped

if TYPE_CHECKING:
    from events.relation import Relation

MODULES = {"duckdb": "duck", "spark": "spark", "clickhouse": "clickhouse"}
KEPT_S = 3_600
# Larger answers are lists of people, which are asked once; they would only push others out of Redis.
KEPT_ROWS = 20_000
GLANCE_S = 0.03
# Engines merge selects themselves; in Python it takes as long as the rest of compiling.
ibis.options.sql.fuse_selects = False
TRIES = 3


def answer(
    relation: "Relation", build: Callable[[Tables], ir.Table], *, engine: str = "", anew: bool = False
) -> Answer:
    """Answer an expression, from what is kept where the stream has not changed since.

    What was answered ANALYTICS_FRESH_SECONDS ago is taken as it is. Raises TooSlow, TooLarge, Cancelled and
    EngineDown.
    """
    engine = engine or settings.ANALYTICS_ENGINE
    module = import_module(f"events.engine.{MODULES[engine]}")
    expression = build(TABLES)
    sql = _compiled(expression.op(), module.DIALECT)
    people = any(table.name == "people" for table in expression.op().find(ops.UnboundTable))
    key = _key(relation, engine, sql)

    def run() -> Answer:
        found = _run(relation, module, sql, people=people)
        return replace(found, rows=shaped(found.rows, expression.schema()))

    if anew:
        return run()
    try:
        return _shared(key, relation, run)
    except RedisError:
        return run()


@lru_cache(maxsize=128)
def _compiled(operation: ops.Node, dialect: str) -> str:
    return str(ibis.to_sql(operation.to_expr(), dialect=dialect))


def _key(relation: "Relation", engine: str, sql: str) -> str:
    project = relation.project
    # The moment of creation too: numbers of projects may come again, as after a restore.
    asked = (project.pk, str(project.created_at), relation.bounds.text, relation.cohort, engine, sql)
    return "answer:" + hashlib.blake2b(repr(asked).encode(), digest_size=20).hexdigest()


def _shared(key: str, relation: "Relation", run: Callable[[], Answer]) -> Answer:
    """Return the kept answer where it still holds, else run; whoever asks the same meanwhile waits for that."""
    asked_at = time.time()
    while True:
        kept: tuple[float, Answer] | None = cache.get(key)
        if kept and (kept[0] >= asked_at - settings.ANALYTICS_FRESH_SECONDS or _holds(kept[1], relation)):
            return kept[1]
        with _alone(key) as alone:
            if alone:
                started_at, found = time.time(), run()
                if not found.missing and len(found.rows) <= KEPT_ROWS:
                    cache.set(key, (started_at, found), KEPT_S)
                return found
        _wait_for(key)


def _holds(answer: Answer, relation: "Relation") -> bool:
    return answer.watermark == watermark(relation.project.pk)


@contextmanager
def _alone(key: str) -> Iterator[bool]:
    # Should this process die, others wait no longer than a question may take.
    alone = cache.add(f"{key}:running", 1, settings.ANALYTICS_SECONDS + 5)
    try:
        yield alone
    finally:
        if alone:
            cache.delete(f"{key}:running")


def _wait_for(key: str) -> None:
    while cache.get(f"{key}:running") is not None:
        running.refuse_if_cancelled()
        time.sleep(GLANCE_S)


def _run(relation: "Relation", module: ModuleType, sql: str, *, people: bool) -> Answer:
    """Run the question; where a segment turns out to be damaged, without that, which the answer then says."""
    started = time.perf_counter()
    without: set[int] = set()
    for _ in range(TRIES):
        with gathered(
            relation.project, relation.bounds, cohort=relation.cohort or (), people=people, without=without
        ) as inputs:
            try:
                columns, rows = module.run(inputs, sql)
            except Unreadable as fault:
                damaged = soundness.unreadable(inputs.segments)
                if not damaged:
                    raise (fault.__cause__ or fault) from None
                without |= damaged
                continue
            took_s = time.perf_counter() - started
            return Answer(columns, rows, sql, inputs.watermark, module.NAME, took_s, inputs.missing)
    raise EngineDown
