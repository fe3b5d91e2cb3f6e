"""Each analysis gives the same answer in DuckDB, in ClickHouse's engine and on a Spark cluster, also one that loses
a worker while it answers.
"""

import math
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from bench.questions import OTHERS, PROMISED, Asked, Question, asked
from customers.models import Project
from tests.scale.conftest import Cluster

QUESTIONS = [*PROMISED, *OTHERS]
BY_NAME = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)


def plain(rows: Sequence[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Return the rows in one order, numbers to nine digits: sums of floats depend on the order of adding."""
    return sorted(tuple(_plain(value) for value in row) for row in rows)


def _plain(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return str(value)
    return "nan" if math.isnan(value) else f"{float(value):.9g}"


def answers(parts: list[Asked], engine: str) -> list[list[tuple[str, ...]]]:
    return [plain(one.relation.run(one.build, engine=engine, anew=True).rows) for one in parts]


@BY_NAME
def test_clickhouse_answers_as_duckdb_does(project: Project, question: Question) -> None:
    pytest.importorskip("chdb")
    parts = asked(project, question)

    expected, found = answers(parts, "duckdb"), answers(parts, "clickhouse")

    assert all(expected)
    assert found == expected


def test_a_spark_cluster_answers_as_duckdb_does(project: Project, cluster: Cluster) -> None:
    differing = []
    for question in QUESTIONS:
        parts = asked(project, question)
        if answers(parts, "spark") != answers(parts, "duckdb"):
            differing.append(question.name)

    assert not differing


def test_a_spark_cluster_answers_while_a_worker_dies(project: Project, cluster: Cluster) -> None:
    parts = asked(project, PROMISED[1])
    expected = answers(parts, "duckdb")
    killed_at: list[float] = []

    def kill_one() -> None:
        while not all(cluster.executors(worker) for worker in cluster.workers):
            time.sleep(0.05)
        while not _tasks_done():
            time.sleep(0.05)
        cluster.kill(cluster.workers[0])
        killed_at.append(time.monotonic())

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    found = answers(parts, "spark")
    answered_at = time.monotonic()
    killer.join(5)

    assert found == expected
    assert killed_at
    assert killed_at[0] < answered_at
    assert cluster.workers[0].poll() is not None
    assert cluster.workers[1].poll() is None


def _tasks_done() -> bool:
    """Say whether the cluster has finished a task of a stage that still has some to do."""
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if getattr(context, "_jsc", None) is None:  # still starting
        return False
    tracker = context.statusTracker()
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    return any(stage and 0 < stage.numCompletedTasks < stage.numTasks for stage in stages)
