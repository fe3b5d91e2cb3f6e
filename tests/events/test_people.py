"""Events become people, whatever ids they carry, and each event is counted once."""

from collections.abc import Iterable

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from customers.models import Project
from events import identity, log, services
from events.identity import Known, Link
from events.models import Consumer, DayCount, Identity, Person, PersonDay
from tests.events.conftest import track
from tests.factories import ProjectFactory


def digest_all() -> None:
    while (stretch := services.digest()) and stretch.more:
        pass


def people_of(project: Project) -> dict[int, set[str]]:
    rows: dict[int, set[str]] = {}
    for value, person in Identity.objects.filter(project=project).values_list("value", "person_id"):
        rows.setdefault(person, set()).add(value)
    return rows


@pytest.fixture
def project(transactional_db: None) -> Project:
    return ProjectFactory(time_zone="Asia/Kolkata")


def record(project: Project, *calls: dict[str, object]) -> None:
    receipt = services.record(project.pk, calls)
    assert not receipt.refused


def test_an_anonymous_visitor_who_signs_up_is_one_person(project: Project) -> None:
    record(project, {"type": "page", "anonymousId": "a", "messageId": "1", "timestamp": "2026-11-01T20:00:00Z"})
    digest_all()
    record(
        project,
        {
            "type": "identify",
            "anonymousId": "a",
            "userId": "u",
            "traits": {"plan": "free", "email": "ada@example.com"},
            "messageId": "2",
            "timestamp": "2026-11-02T01:00:00Z",
        },
        {
            "type": "identify",
            "userId": "u",
            "traits": {"plan": "pro"},
            "messageId": "3",
            "timestamp": "2026-11-02T02:00:00Z",
        },
    )
    digest_all()

    person = Person.objects.get(project=project)
    assert people_of(project) == {person.pk: {"a", "u"}}
    assert (person.user_id, person.events, person.traits) == ("u", 3, {"plan": "pro", "email": "ada@example.com"})
    # 20:00 in London is 01:30 the next day in Kolkata.
    assert list(PersonDay.objects.values_list("day__day", "events")) == [(2, 3)]


def test_two_people_on_one_device_stay_two(project: Project) -> None:
    record(project, track("1", userId="ada", anonymousId="tablet"), track("2", userId="bob", anonymousId="tablet"))
    digest_all()

    assert sorted(map(sorted, people_of(project).values())) == [["ada", "tablet"], ["bob"]]


def test_an_alias_joins_two_known_people_with_all_they_did(project: Project) -> None:
    record(
        project,
        track("1", userId="old", timestamp="2026-11-01T06:00:00Z"),
        track("2", userId="new", timestamp="2026-11-01T07:00:00Z"),
    )
    digest_all()
    record(
        project,
        {"type": "alias", "userId": "new", "previousId": "old", "messageId": "3", "timestamp": "2026-11-01T08:00:00Z"},
    )
    digest_all()

    person = Person.objects.get(project=project)
    assert people_of(project) == {person.pk: {"old", "new"}}
    assert person.events == 3
    assert PersonDay.objects.get().events == 3


def test_days_count_each_event_once_however_often_the_log_is_read(project: Project) -> None:
    record(project, track("1"), track("2"), {"type": "page", "userId": "u", "name": "Home", "messageId": "3"})
    digest_all()
    digest_all()

    counts = dict(DayCount.objects.filter(project=project).values_list("name", "events"))
    assert counts == {"Order Completed": 2, "Home": 1}


def test_a_reader_that_fails_reads_the_same_again(project: Project) -> None:
    digest_all()
    record(project, track("1"))

    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012
        first = log.advance("people")
        raise RuntimeError
    with transaction.atomic():
        second = log.advance("people")

    assert first is not None
    assert second is not None
    assert first.low == second.low
    assert [row.message_id for row in log.read(second, {"Order Completed"})] == ["1"]


def test_a_slow_transaction_is_not_overtaken(project: Project) -> None:
    digest_all()
    from django.db import connections

    slow = connections.create_connection("default")
    slow.set_autocommit(False)
    try:
        with slow.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
            cursor.execute(
                "INSERT INTO events_event"
                " (project_id, message_id, type, name, user_id, ts, received_at, properties, context)"
                " VALUES (%s, 'slow', 'track', 'e', 'u', now(), now(), '{}', '{}')",
                [project.pk],
            )
        record(project, track("quick"))
        digest_all()
        before = Person.objects.filter(project=project).count()
        slow.commit()
    finally:
        slow.close()
    digest_all()

    assert before == 0
    assert sum(Person.objects.filter(project=project).values_list("events", flat=True)) == 2


def test_after_a_restore_elsewhere_every_reader_goes_on_where_it_stopped(project: Project) -> None:
    record(project, track("read"))
    digest_all()
    record(project, track("unread"))
    # As after a restore into a cluster whose transaction numbers are far behind.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_event SET position = position + 1000000000000")
    Consumer.objects.filter(name="people").update(position=Consumer.objects.get(name="people").position + 1000000000000)

    digest_all()
    digest_all()
    record(project, track("later"))
    digest_all()

    assert DayCount.objects.get(project=project).events == 3


ids = st.sampled_from(list("abcdef"))


@given(
    links=st.lists(st.builds(Link, ids, ids.map(str.upper), st.booleans()), max_size=12),
    seen=st.dictionaries(ids, st.just(False)),
)
def test_a_plan_gives_every_id_one_person_and_planning_again_changes_nothing(
    links: list[Link], seen: dict[str, bool]
) -> None:
    seen = {**seen, **{link.anonymous: False for link in links}, **{link.user: True for link in links}}

    plan = identity.plan(seen, links, {})

    person_of = {value: number for number, group in enumerate(plan.created) for value in group}
    assert sorted(person_of) == sorted(seen)
    assert not plan.merged
    known = {n: any(value.isupper() for value in group) for n, group in enumerate(plan.created)}
    again = identity.plan({}, _open(links, person_of), {value: Known(n, known[n]) for value, n in person_of.items()})
    assert not again.created
    assert not again.joined
    assert not again.merged


def _open(links: Iterable[Link], person_of: dict[str, int]) -> list[Link]:
    return [link for link in links if not link.alias and person_of[link.anonymous] != person_of[link.user]]


@given(links=st.lists(st.builds(Link, ids, ids.map(str.upper)), max_size=12))
def test_without_an_alias_no_person_has_two_user_ids(links: list[Link]) -> None:
    seen = {**{link.anonymous: False for link in links}, **{link.user: True for link in links}}

    plan = identity.plan(seen, links, {})

    assert all(sum(value.isupper() for value in group) <= 1 for group in plan.created)
