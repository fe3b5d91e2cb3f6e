"""The demo: believable, complete, repeatable, and gone without a trace."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from analytics import dashboards, demo, results, saved
from analytics.demo import story, telling
from analytics.models import Annotation, Dashboard, SavedView, Share, Tile
from attribution.models import Candidate, Conversion, Decision, Install, Link, Touch
from customers import services as customers
from customers.models import Organization, Project
from events import services as events
from events.models import DayCount, Event, Identity, Person, PersonDay, Rejected

SCALE = 0.06
NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


def quiet(what: str, done: int, of: int) -> None:
    """Show no progress."""


@pytest.fixture
def made(transactional_db: None) -> demo.Made:
    return demo.make(quiet, scale=SCALE)


def rows_left() -> dict[str, int]:
    models = (Event, Rejected, Person, Identity, PersonDay, DayCount, Touch, Link, Install, Decision, Candidate, User)
    kept = (SavedView, Dashboard, Tile, Annotation, Share)
    left = {model.__name__: model._default_manager.count() for model in (*models, *kept)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_message")
        left["messages"] = cursor.fetchone()[0]
    return left


def test_the_same_seed_and_moment_tell_the_same_story() -> None:
    one, other = (story.tell(NOW, scale=SCALE) for _ in range(2))

    assert [sent.call for sent in one.sent] == [sent.call for sent in other.sent]
    assert [(tap.at, tap.campaign.slug) for tap in one.taps] == [(tap.at, tap.campaign.slug) for tap in other.taps]


def test_nothing_in_the_story_is_yet_to_come_and_the_last_week_is_the_busiest() -> None:
    told = story.tell(NOW, scale=0.2)

    assert max(sent.arrives_at for sent in told.sent) <= NOW
    assert max(tap.at for tap in told.taps) <= NOW
    weeks = Counter((NOW - sent.arrives_at) // timedelta(days=7) for sent in told.sent)
    assert weeks[0] > weeks[1] > weeks[2] > weeks[3] > 0


def test_every_tier_decides_and_every_install_is_decided(made: demo.Made) -> None:
    tiers = set(Decision.objects.filter(project=made.project).values_list("tier", flat=True))

    assert tiers >= {"click_id", "install_referrer", "device_id", "probabilistic", "organic"}
    assert made.installs == Install.objects.filter(project=made.project, kind="install", pending=False).count()
    assert made.installs == Event.objects.filter(project=made.project, name="Application Installed").count()
    assert 0 < made.credited < made.installs


def test_people_are_called_back_and_pay(made: demo.Made) -> None:
    kinds = set(Decision.objects.filter(project=made.project).values_list("kind", flat=True))

    assert kinds >= {"install", "reattribution"}
    assert Conversion.objects.filter(project=made.project, revenue__gt=0, install__isnull=False).exists()


def test_people_days_and_refusals_are_complete(made: demo.Made) -> None:
    counted = sum(DayCount.objects.filter(project=made.project).values_list("events", flat=True))

    assert counted == made.events
    assert sum(Person.objects.filter(project=made.project).values_list("events", flat=True)) == made.events
    assert Person.objects.filter(project=made.project, traits__has_key="email").exists()
    assert Rejected.objects.filter(project=made.project).values("code").distinct().count() >= 6
    assert Touch.objects.filter(project=made.project, bot=True).exists()
    wrong_clocks = Event.objects.filter(project=made.project).exclude(
        claimed_at__range=(F("ts") - timedelta(minutes=5), F("ts") + timedelta(minutes=5))
    )
    assert wrong_clocks.exists()


def test_every_question_that_its_team_saved_has_an_answer(made: demo.Made) -> None:
    now = timezone.now()

    for view in saved.live(made.project):
        drawn = results.drawn(made.project, view.kind, saved.question_of(view), now=now, name="demo")
        assert drawn.problem is None, (view.name, drawn.problem)
        assert drawn.shown
        assert drawn.shown.figures or drawn.shown.rows, view.name
        assert not drawn.shown.empty, view.name
    assert len(dashboards.tiles(Dashboard.objects.get(project=made.project))) >= 5
    assert made.project.annotations.count() >= 4


def test_making_it_again_changes_nothing(made: demo.Made) -> None:
    again = demo.make(quiet, scale=SCALE)

    assert again == made


def test_one_that_was_broken_off_leaves_no_half_traffic_and_is_made_whole(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(telling, "tell_broken", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            demo.make(quiet, scale=0.01)
    project = demo.find_project()
    assert project
    assert not Event.objects.filter(project=project).exists()
    assert not Touch.objects.filter(project=project).exists()

    made = demo.make(quiet, scale=0.01)

    assert made.events > 100
    assert Organization.objects.filter(demo=True).count() == 1


def test_removing_it_leaves_nothing_of_it_and_nobody_else_loses_anything(transactional_db: None) -> None:
    owner, _ = customers.create_account("ada@example.com")
    project = customers.create_project(customers.create_organization("Acme", owner), "Acme")
    events.record(project.pk, [{"type": "track", "event": "Order Completed", "userId": "u-1", "messageId": "m-1"}])
    while not DayCount.objects.exists():
        events.digest()
    before = rows_left()
    demo.make(quiet, scale=SCALE)

    removed = demo.remove()

    assert removed > 1_000
    assert rows_left() == before
    assert list(Project.objects.values_list("name", flat=True)) == ["Acme"]
    assert demo.remove() == 0


def test_it_is_made_for_an_empty_database_only_and_not_again_once_removed(transactional_db: None) -> None:
    customers.house()
    call_command("demo", "--if-empty", "--scale", "0.01", stdout=StringIO())
    assert demo.is_made()

    demo.remove()
    call_command("demo", "--if-empty", "--scale", "0.01", stdout=StringIO())

    assert not Organization.objects.filter(demo=True).exists()


def test_the_command_says_how_to_sign_in_and_the_password_is_true(transactional_db: None) -> None:
    out = StringIO()

    call_command("demo", "--scale", "0.01", stdout=out)

    password = customers.demo_password()
    assert f"Sign in as demo@example.com, password {password}" in out.getvalue()
    assert User.objects.get(email="demo@example.com").check_password(password)
