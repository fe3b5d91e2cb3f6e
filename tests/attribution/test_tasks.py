"""The beat task: twice at once, cut off in the middle, run again."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from attribution import decisions, installs, schedule, tables, tasks
from attribution.models import Candidate, Decision, Install
from customers.models import Project
from tests.attribution.factories import TouchFactory, install
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return ProjectFactory()


def many_installs(project: Project, number: int) -> None:
    TouchFactory(project=project, touch_id="c-1")
    for turn in range(number):
        install(project, properties={"click_id": "c-1", "turn": turn})


def test_the_task_takes_installs_from_the_stream_and_decides_them(project: Project) -> None:
    many_installs(project, 3)

    decided = tasks.attribute_pending()

    assert decided == 3
    assert Decision.objects.filter(tier="click_id").count() == 3


def test_small_batches_go_on_until_all_is_decided(project: Project) -> None:
    many_installs(project, 5)

    assert tasks.attribute_pending(limit=2) == 5
    assert tasks.attribute_pending(limit=2) == 0


def test_workers_at_the_same_time_decide_each_install_once(project: Project) -> None:
    many_installs(project, 40)

    def work(_: int) -> int:
        try:
            return tasks.attribute_pending(limit=7)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        decided = sum(pool.map(work, range(4)))
    decided += tasks.attribute_pending()

    assert decided == 40
    assert Decision.objects.count() == Candidate.objects.count() == 40
    assert not Install.objects.filter(pending=True).exists()


def test_a_batch_that_is_cut_off_leaves_nothing_half_done(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    many_installs(project, 3)
    installs.gather()
    rows = decisions._candidate_rows

    def killed(*args: Any) -> Any:
        yield from rows(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(decisions, "_candidate_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        decisions.decide_pending(10, now=timezone.now())
    monkeypatch.undo()
    left = Decision.objects.count(), Candidate.objects.count(), Install.objects.filter(pending=True).count()

    assert left == (0, 0, 3)
    assert decisions.decide_pending(10, now=timezone.now()) == 3


def test_a_stretch_that_is_cut_off_is_read_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    many_installs(project, 3)

    def killed(_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(installs, "_store", killed)
    with pytest.raises(KeyboardInterrupt):
        installs.gather()
    monkeypatch.undo()

    assert installs.gather()[0] == 3
    assert installs.gather()[0] == 0


def test_everything_on_the_schedule_exists() -> None:
    for path, seconds in schedule.SCHEDULE.values():
        assert callable(getattr(tasks, path.rpartition(".")[2]))
        assert path.startswith("attribution.tasks.")
        assert seconds > 0


def test_a_table_that_nobody_looked_at_is_looked_at_once_and_only_when_much_came() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE attribution_latebatch")

    assert tables.analyze_new(tables.MANY - 1, "attribution_latebatch") == []
    assert tables.analyze_new(tables.MANY, "attribution_latebatch") == ["attribution_latebatch"]
    assert tables.analyze_new(tables.MANY, "attribution_latebatch") == []


def test_beat_tells_decisions_and_ties_conversions(project: Project) -> None:
    many_installs(project, 2)
    tasks.attribute_pending()

    assert tasks.announce_decisions() == 2
    assert tasks.announce_decisions() == 0
    assert tasks.link_conversions() == 0
