"""manage.py prepare: what a start needs in the database. Safe to repeat, and for several machines at once."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from customers import services as customers
from events import services as events
from growthplatform.config import config

# By this sentence prepare knows its own rows among those that staff made.
OURS = "Kept by manage.py prepare."
# What waited longer than this is not run late: the next run does the same work.
EXPIRE_S = 30


class Command(BaseCommand):
    help = "Bring the database up to date: migrations, partitions, schedules, the house project, staff."

    def handle(self, *args: Any, **options: Any) -> None:
        if migrations_pending():
            call_command("migrate", interactive=False, verbosity=0)
        made = events.create_partitions()
        with transaction.atomic():
            customers.hold("prepare")
            tasks = keep_schedules(schedules())
            house = customers.house()
            staff = customers.staff_the_house(config.staff_email)
        self.stdout.write(
            f"{len(made)} new partitions, {tasks} schedules, house project {house.slug}, {staff} of staff"
        )


def migrations_pending() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def schedules() -> dict[str, tuple[str, int]]:
    """Gather what the apps want run, by its name: task and seconds."""
    return {name: entry for module in _schedule_modules() for name, entry in import_module(module).SCHEDULE.items()}


def _schedule_modules() -> Iterator[str]:
    own = [app.name for app in apps.get_app_configs() if not app.name.startswith(("django.", "django_"))]
    for name in ["growthplatform", *own]:
        if find_spec(f"{name}.schedule"):
            yield f"{name}.schedule"


def keep_schedules(wanted: dict[str, tuple[str, int]]) -> int:
    """Create the schedules that are missing, remove ours that no app wants any more; return how many there are.

    How often a task runs, and whether it runs, is staff's to change: an existing row keeps both.
    """
    PeriodicTask.objects.filter(description=OURS).exclude(name__in=wanted).delete()
    for name, (task, seconds) in wanted.items():
        interval = _interval(seconds)
        row, new = PeriodicTask.objects.get_or_create(
            name=name,
            defaults={
                "task": task,
                "interval": interval,
                "description": OURS,
                "expire_seconds": max(EXPIRE_S, int(seconds)),
            },
        )
        if not new and row.task != task:
            row.task = task
            row.save(update_fields=["task"])
    return len(wanted)


def _interval(seconds: float) -> IntervalSchedule:
    every, period = (int(seconds), "seconds") if seconds == int(seconds) else (int(seconds * 1e6), "microseconds")
    known = IntervalSchedule.objects.filter(every=every, period=period).first()
    return known or IntervalSchedule.objects.create(every=every, period=period)
