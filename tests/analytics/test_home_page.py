"""The home page of a project: numbers, live strip, campaigns, first steps, findings."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.queries import home as queries
from analytics.queries.overview import overview
from attribution.models import Decision, Install, Link, RuleSet, Touch
from customers.models import ApiKey
from events.models import DayCount, Person, PersonDay, Rejected
from growthplatform.core.periods import Period
from tests.factories import ApiKeyFactory, MemberFactory
from tests.scene import Scene, digest_all, make_scene, text_of, words_of

pytestmark = pytest.mark.django_db
Counter = Callable[..., Any]


@pytest.fixture
def scene() -> Scene:
    return make_scene()


def today(scene: Scene) -> date:
    return timezone.now().astimezone(scene.project.tz).date()


def counted(scene: Scene, day: date, people: list[Person], *, each: int = 2) -> None:
    """Write the counts of a day as the reader of the log does."""
    DayCount.objects.create(project=scene.project, day=day, type="track", name=f"E {day}", events=each * len(people))
    noon = datetime.combine(day, time(12), scene.project.tz)
    for person in people:
        person.first_seen_at, person.last_seen_at = min(person.first_seen_at, noon), max(person.last_seen_at, noon)
        person.save()
        PersonDay.objects.create(project=scene.project, day=day, person=person, events=each)


def persons(scene: Scene, number: int) -> list[Person]:
    """Make people who have not been seen yet; `counted` says when they were."""
    never, ever = datetime(2999, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)
    return [Person.objects.create(project=scene.project, first_seen_at=never, last_seen_at=ever) for _ in range(number)]


def installed(scene: Scene, at: datetime, source: str = "tiktok", campaign: str = "Winter sale") -> Decision:
    rules, _ = RuleSet.objects.get_or_create(project=scene.project, version=1, defaults={"rules": {}})
    number = Install.objects.count()
    install = Install.objects.create(
        project=scene.project, message_id=f"i-{number}", distinct_id="a", installed_at=at, received_at=at, pending=False
    )
    return Decision.objects.create(
        project=scene.project, install=install, state="final", tier="click_id", source=source,
        campaign="" if source == "organic" else campaign, installed_at=at, rule_set=rules,
    )  # fmt: skip


def clicked(scene: Scene, at: datetime, number: int = 1, **fields: Any) -> None:
    given = {"source": "tiktok", "campaign": "Winter sale", **fields}
    first = Touch.objects.count()
    Touch.objects.bulk_create(
        Touch(project=scene.project, touch_id=f"t-{first + n}", type="click", ts=at, **given) for n in range(number)
    )


def last_days(scene: Scene, key: str = "7d") -> Period:
    return Period.from_query({"range": key}, zone=scene.project.tz, now=timezone.now())


def test_somebody_who_comes_on_three_days_is_one_person(scene: Scene) -> None:
    ada, bo = persons(scene, 2)
    for back in range(3):
        counted(scene, today(scene) - timedelta(days=back), [ada])
    counted(scene, today(scene) - timedelta(days=5), [bo])

    now = overview(scene.project, last_days(scene)).now

    assert now.people.value == 2
    assert now.people.points == [0, 1, 0, 0, 1, 1, 1]
    assert now.events.value == 8


def test_the_change_leaves_out_today_in_both_periods(scene: Scene) -> None:
    ada, bo = persons(scene, 2)
    counted(scene, today(scene), [ada, bo])
    counted(scene, today(scene) - timedelta(days=1), [ada])
    counted(scene, today(scene) - timedelta(days=7), [ada, bo])
    counted(scene, today(scene) - timedelta(days=8), [ada, bo])

    found = overview(scene.project, last_days(scene))

    assert (found.now.events.value, found.now.events.done) == (6, 2)
    assert found.before is not None
    assert (found.before.events.value, found.before.events.done) == (8, 4)
    assert (found.before.people.value, found.before.people.done) == (2, 2)


def test_people_of_any_stretch_of_days_are_those_who_have_one_of_its_days(scene: Scene) -> None:
    """Seen only before, only after, on both sides, inside: first and last day tell who came where they suffice."""
    days = [today(scene) - timedelta(days=back) for back in range(6)]
    came = [{day for bit, day in enumerate(days) if number >> bit & 1} for number in range(1, 64)]
    everybody = persons(scene, len(came))
    for day in days:
        counted(scene, day, [person for person, on in zip(everybody, came, strict=True) if day in on])

    for last, length in ((0, 6), (1, 3), (2, 3), (0, 3), (1, 4)):
        wanted = set(days[last : last + length])
        dates = {"from": str(min(wanted)), "to": str(max(wanted))}
        period = Period.from_query(dates, zone=scene.project.tz, now=timezone.now())
        found = overview(scene.project, period).now.people
        assert found.value == sum(bool(on & wanted) for on in came)
        assert found.done == sum(bool(on & wanted - {days[0]}) for on in came)


def test_conversion_is_credited_installs_for_each_click(scene: Scene) -> None:
    at = timezone.now() - timedelta(days=2)
    clicked(scene, at, 8)
    clicked(scene, at, 5, bot=True)
    installed(scene, at)
    installed(scene, at)
    installed(scene, at, source="organic")

    now = overview(scene.project, last_days(scene)).now

    assert now.installs.value == 3
    assert now.clicks.value == 8
    assert now.conversion.value == 0.25
    assert [row.key for row in now.sources] == ["organic", "tiktok"]


def test_a_day_begins_at_midnight_of_the_projects_zone(scene: Scene) -> None:
    midnight = datetime.combine(today(scene) - timedelta(days=1), datetime.min.time(), scene.project.tz)
    installed(scene, midnight - timedelta(seconds=1))
    installed(scene, midnight)

    points = overview(scene.project, last_days(scene)).now.installs.points

    assert list(points[-3:]) == [1, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_hours_from_the_log_and_days_from_the_counts_agree() -> None:
    scene = make_scene()
    scene.record(
        {"type": "track", "event": "A", "userId": "u", "anonymousId": "d", "messageId": "1"},
        {"type": "track", "event": "A", "anonymousId": "d", "messageId": "2"},
        {"type": "page", "anonymousId": "e", "messageId": "3"},
    )
    digest_all()

    by_hour = overview(scene.project, last_days(scene, "24h")).now
    by_day = overview(scene.project, last_days(scene)).now

    assert (by_hour.people.value, by_hour.events.value) == (2, 3)
    assert (by_day.people.value, by_day.events.value) == (2, 3)


def test_page_api_and_csv_say_the_same(scene: Scene) -> None:
    ada, bo = persons(scene, 2)
    counted(scene, today(scene) - timedelta(days=1), [ada, bo], each=617)
    installed(scene, timezone.now() - timedelta(days=1))
    clicked(scene, timezone.now() - timedelta(days=1), 4)

    page = words_of(scene.owner.get(scene.url("?range=7d")))
    api = scene.api("/v1/metrics/overview?range=7d").json()["metrics"]
    rows = list(csv.DictReader(io.StringIO(text_of(scene.owner.get(scene.url("?range=7d&format=csv"))))))
    by_key = list(csv.DictReader(io.StringIO(text_of(scene.api("/v1/metrics/overview?range=7d&format=csv")))))

    assert " 1,234 " in page
    assert " 25.00% " in page
    assert api["events"]["value"] == 1234 == sum(int(row["events"]) for row in rows)
    assert api["conversion"]["value"] == 0.25
    assert api["people"]["points"] == [int(row["people"]) for row in rows]
    assert rows == by_key


def test_a_new_project_is_led_to_its_first_event(scene: Scene) -> None:
    page = text_of(scene.owner.get(scene.url()))

    assert "Send the first event" in page
    assert scene.write_key in page
    assert "/start/" in page


def test_the_page_of_a_new_project_becomes_the_home_page_by_itself(scene: Scene) -> None:
    before = scene.owner.get(scene.url("now/?waiting=1"))
    clicked(scene, timezone.now())
    after = scene.owner.get(scene.url("now/?waiting=1"))

    assert (before.status_code, "HX-Refresh" in before.headers) == (204, False)
    assert after.headers["HX-Refresh"] == "true"


def test_the_home_of_another_organization_does_not_exist(scene: Scene) -> None:
    assert scene.stranger.get(scene.url()).status_code == 404
    assert scene.stranger.get(scene.url("now/")).status_code == 404


def test_who_is_not_signed_in_is_sent_to_sign_in(scene: Scene, client: Any) -> None:
    answer = client.get(scene.url())

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("query", ["range=1y", "from=x&to=y", "metric=nothing", "from=2026-11-20&to=2026-11-01"])
def test_an_address_that_cannot_be_read_shows_the_usual_period(scene: Scene, query: str) -> None:
    clicked(scene, timezone.now())

    answer = scene.owner.get(scene.url(f"?{query}"))

    assert answer.status_code == 200
    assert "Last 28 days" in text_of(answer)


@pytest.mark.parametrize("metric", ["people", "events", "installs", "conversion"])
@pytest.mark.parametrize("range_", ["24h", "90d"])
def test_each_key_number_has_its_chart_and_table(scene: Scene, metric: str, range_: str) -> None:
    installed(scene, timezone.now() - timedelta(hours=1))
    clicked(scene, timezone.now() - timedelta(hours=1), 3)

    page = text_of(scene.owner.get(scene.url(f"?metric={metric}&range={range_}")))

    assert f'id="{metric}"' in page
    assert "Show these numbers as a table" in page


def test_the_whole_page_takes_few_queries_whatever_there_is(
    scene: Scene, django_assert_max_num_queries: Counter
) -> None:
    for back in range(20):
        clicked(scene, timezone.now() - timedelta(days=back), 5, campaign=f"Campaign {back}")
        installed(scene, timezone.now() - timedelta(days=back), campaign=f"Campaign {back}")
    scene.owner.get(scene.url())

    with django_assert_max_num_queries(41):
        answer = scene.owner.get(scene.url())

    assert "8 of 20, by installs" in text_of(answer)


def test_campaigns_as_csv_are_all_of_them(scene: Scene) -> None:
    for number in range(9):
        clicked(scene, timezone.now(), 2, campaign=f"=Campaign {number}")

    rows = list(csv.DictReader(io.StringIO(text_of(scene.owner.get(scene.url("?format=csv&table=campaigns"))))))

    assert len(rows) == 9
    assert rows[0]["campaign"] == "'=Campaign 0", "a spreadsheet must not run it"


def test_first_steps_are_done_when_the_data_says_so(scene: Scene) -> None:
    before = {step.label: step.done for step in queries.steps(scene.project)}
    counted(scene, today(scene), persons(scene, 1))
    Link.objects.create(project=scene.project, slug="w", name="W", source="tiktok", fallback_url="https://x.example")
    MemberFactory(organization=scene.project.organization)

    after = {step.label: step.done for step in queries.steps(scene.project)}

    assert not before["SDK sends events"]
    assert not before["First tracking link"]
    assert after["SDK sends events"]
    assert after["First tracking link"]
    assert after["Invite a teammate"]
    assert not after["First install"]


def test_findings_come_from_the_data_and_lead_to_where_they_are_dealt_with(scene: Scene) -> None:
    now = timezone.now()
    Rejected.objects.create(
        project=scene.project, fingerprint="0" * 32, code="missing_id", message="m", path="/v1/batch", body="{}", seen=7
    )
    Install.objects.create(
        project=scene.project, message_id="i", distinct_id="a", installed_at=now, received_at=now - timedelta(minutes=5)
    )
    ApiKeyFactory(project=scene.project, kind=ApiKey.Kind.WRITE, expires_at=now + timedelta(hours=20, minutes=1))
    clicked(scene, now, 100, campaign="Poster")
    rows = queries.campaigns(scene.project, last_days(scene))

    found = queries.findings(scene.project, rows, now - timedelta(days=3), now=now)

    texts = [one.text for one in found]
    assert texts[0] == "1 install waits for a decision"
    assert "No event for 3 days" in texts
    assert "7 events refused in 7 days" in texts
    assert any(text.endswith("stops in 20 hours") for text in texts)
    assert "“Poster”: 100 clicks, no install" in texts


def test_nothing_is_found_where_nothing_is_wrong(scene: Scene) -> None:
    assert queries.findings(scene.project, [], timezone.now(), now=timezone.now()) == []


@pytest.mark.django_db(transaction=True)
def test_the_strip_shows_people_now_and_the_newest_events() -> None:
    scene = make_scene()
    scene.record(
        {
            "type": "track",
            "event": "Order Completed",
            "userId": "u",
            "properties": {"revenue": 9.99, "currency": "EUR"},
        },
        {"type": "track", "event": "Nobody"},
    )
    digest_all()

    strip = text_of(scene.owner.get(scene.url("now/")))

    assert "1 person now" in strip
    assert "Order, €9.99" in strip
    assert "Event refused" in strip
    assert 'hx-trigger="every 3s"' in strip


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "Europe/Berlin"])
def test_every_install_of_the_last_day_is_in_its_hour_whatever_the_zone(zone: str) -> None:
    scene = make_scene(time_zone=zone)
    now = timezone.now()
    installed(scene, now)
    installed(scene, now - timedelta(hours=5))

    counts = overview(scene.project, last_days(scene, "24h")).now

    assert counts.installs.value == 2
    assert counts.installs.points[-1] == 1
