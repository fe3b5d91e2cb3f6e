"""The demo: an organization with eight weeks of traffic, made and removed by `manage.py demo`. This is its door."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import OuterRef, Subquery, Sum
from django.utils import timezone

from analytics.demo import apple, kept, side_by_side, spending, story, telling
from analytics.demo.campaigns import CAMPAIGNS, WALL
from analytics.demo.cast import APP
from analytics.demo.hours import DAYS
from analytics.erasure import erase as erase_saved
from attribution import services as attribution
from attribution.models import Candidate, Decision, Install, Link, RuleSet, Touch
from customers import services as customers
from customers.accounts import DEMO_EMAIL
from customers.keys import CACHE_S
from customers.models import ApiKey, Organization, Project
from events import services as events
from events.models import DayCount, Event, Identity, Person, PersonDay

NAME = "Nimbus Notes"
COUNTING_S = 120.0
DECIDED_AT_ONCE = 5_000
ANALYZED = [model._meta.db_table for model in (Event, Person, Identity, PersonDay, Touch, Install, Decision, Candidate)]  # noqa: SLF001


@dataclass(frozen=True)
class Made:
    """What the demo holds."""

    project: Project
    events: int
    touches: int
    installs: int
    credited: int


def find_project() -> Project | None:
    """Return the demo's project, None where there is none."""
    return Project.objects.live().filter(organization__demo=True).select_related("organization").order_by("pk").first()


def is_made() -> bool:
    """Say whether the demo is there with its traffic."""
    project = find_project()
    return project is not None and events.has_events(project.pk)


def is_wanted() -> bool:
    """Say whether the database has never had a customer: then a newcomer would look at empty pages.

    A removed demo counts as a customer, so that it stays away.
    """
    logged = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(Organization))
    known = Organization.objects.filter(house=True).values_list("pk", flat=True)
    if logged.exclude(object_id__in=list(known)).exists():
        return False
    return not Organization.objects.filter(house=False, demo=False).exists()


def make(progress: telling.Progress, *, now: datetime | None = None, scale: float = 1.0, seed: int = 7) -> Made:
    """Make the demo, count it to the end, and return what it holds.

    Safe to repeat: a demo with traffic stays as it is, one that was broken off begins its traffic anew.
    """
    now = now or timezone.now()
    project = find_project() or _set_up(now)
    if not events.has_events(project.pk):
        events.create_partitions()
        whole = story.tell(now, seed=seed, scale=scale)
        # All or nothing: a demo that was broken off leaves no half of it.
        with transaction.atomic():
            telling.write(whole, project, _links_of(project), progress)
        _count(project, progress)
        _date_back(project)
        owner = User.objects.filter(email=DEMO_EMAIL).first()
        kept.make(project, owner, now=now)
        apple.make(project, owner, now=now)
        # What beat does once an hour, so that a newcomer need not wait for it.
        attribution.learn_all(now=timezone.now())
        attribution.watch_sources(now=timezone.now())
        side_by_side.make(project, now=now)
        spending.make(project, now=now)
    return _sum_up(project)


@transaction.atomic
def _set_up(now: datetime) -> Project:
    """Make the organization with its owner and its project."""
    user, _ = customers.create_account(DEMO_EMAIL, customers.demo_password())
    organization = customers.create_organization(NAME, user, demo=True)
    project = customers.create_project(
        organization,
        NAME,
        created_by=user,
        bundle_id=APP,
        package_name=APP,
        domain="nimbusnotes.example",
        time_zone="Europe/Berlin",
        currency="EUR",
        retention_days=None,
        created_at=now - timedelta(days=DAYS + 1),
    )
    telling.make_links(project)
    return project


def _links_of(project: Project) -> dict[str, Link]:
    by_name = {link.name: link for link in Link.objects.filter(project=project).select_related("project")}
    return {campaign.slug: by_name[campaign.name] for campaign in (*CAMPAIGNS, WALL)}


def _count(project: Project, progress: telling.Progress) -> None:
    """Run the log's readers to the end, beside the worker where one runs: people, days and decisions are complete."""
    mine = Event.objects.filter(project=project)
    events_due, installs_due = mine.count(), mine.filter(name="Application Installed").count()
    until = time.monotonic() + COUNTING_S
    while time.monotonic() < until:
        events.digest()
        attribution.gather()
        attribution.reopen(now=timezone.now())
        attribution.decide_pending(DECIDED_AT_ONCE, now=timezone.now())
        counted = DayCount.objects.filter(project=project).aggregate(events=Sum("events"))["events"] or 0
        installs = Install.objects.filter(project=project)
        decided = installs.filter(kind=Install.Kind.INSTALL, pending=False).count()
        progress("Counted", counted + decided, events_due + installs_due)
        # A decision that a late touch has opened again waits once more, returns wait beside the installs.
        if counted >= events_due and decided >= installs_due and not installs.filter(pending=True).exists():
            return
        time.sleep(0.1)
    raise TimeoutError("The demo's events are stored but not counted: does a long transaction run in this PostgreSQL?")


def _date_back(project: Project) -> None:
    """Give decisions the time at which they would have been made, had the events come when they say.

    Ends with fresh statistics: a planner that knows the tables as empty makes the first pages slow.
    """
    arrived = Install.objects.filter(pk=OuterRef("install")).values("received_at")
    decisions = Decision.objects.filter(project=project, decided_at__gt=Subquery(arrived) + timedelta(minutes=1))
    decisions.update(decided_at=Subquery(arrived) + timedelta(seconds=1))
    RuleSet.objects.filter(project=project).update(created_at=project.created_at)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(ANALYZED)}")


def _sum_up(project: Project) -> Made:
    decisions = Decision.objects.filter(project=project).exclude(kind=Decision.Kind.REATTRIBUTION)
    return Made(
        project,
        Event.objects.filter(project=project).count(),
        Touch.objects.filter(project=project).count(),
        decisions.count(),
        decisions.exclude(touch=None).count(),
    )


def remove(*, wait: Callable[[float], None] = time.sleep) -> int:
    """Remove the demo with everything that belongs to it; return how many rows of traffic went.

    Safe to repeat and to break off; no other organization is touched.
    """
    rows = 0
    for organization in Organization.objects.filter(demo=True):
        for project in organization.projects.all():
            rows += _erase(project, wait)
        users = list(User.objects.filter(email=DEMO_EMAIL, memberships__organization=organization))
        organization.delete()
        for user in users:
            if not user.is_staff and not user.memberships.exists():
                user.delete()
    return rows


def _erase(project: Project, wait: Callable[[float], None]) -> int:
    used = ApiKey.objects.filter(project=project, last_used_at__gt=timezone.now() - timedelta(minutes=2)).exists()
    customers.delete_project(project, asked_by=None)
    if used:  # web processes remember its keys for a moment, and somebody may be sending
        wait(CACHE_S + 1)
    return sum(_parts(project.pk))


def _parts(project_id: int) -> Iterator[int]:
    yield from erase_saved(project_id)
    yield from attribution.erase(project_id)
    yield from events.erase(project_id)
