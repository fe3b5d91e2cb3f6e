"""Dashboard pages of a project with a million events, each asked for as a signed-in member."""

import argparse
from datetime import timedelta

from django.utils import timezone

from bench import ingest, load, stack

PAGES = ("", "live/", "campaigns/", "installs/", "links/", "people/", "rejected/", "settings/")


def fill(project_id: int, events: int) -> None:
    """Bring the project to `events` events over 28 days and read them into people and day counts."""
    from bench.data import stored
    from events import services

    now = timezone.now()
    missing = events - stored(project_id)
    for start in range(0, missing, 2_000):
        at = now - timedelta(days=28 * (start / max(missing, 1)))
        calls = [ingest.event(start + n, at.isoformat()) for n in range(min(2_000, missing - start))]
        services.record(project_id, calls)
    while (stretch := services.digest()) and stretch.more:
        pass


def main(arguments: list[str]) -> None:
    """Print the table. `--page-events` is the size of the project."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--page-events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--small", action="store_true")
    options, _ = parser.parse_known_args(arguments)

    from django.contrib.auth.models import User
    from django.test import Client

    from bench.data import fresh_project
    from customers.models import Member, Project

    slug = "bench-pages-small" if options.small else "bench-pages"
    project, _ = fresh_project(slug)
    fill(project, 2_000 if options.small else options.page_events)
    user, _ = User.objects.get_or_create(username="bench@example.com", defaults={"email": "bench@example.com"})
    Member.objects.get_or_create(organization=Project.objects.get(pk=project).organization, user=user)
    client = Client()
    client.force_login(user)
    cookie = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}
    rounds = 5 if options.small else options.rounds
    with stack.web() as (port, process):
        for name in PAGES:
            page = load.request("GET", f"/dashboard/{slug}/{name}", cookie)
            load.run(port, [page] * 4, 2)
            result = load.run(port, [page] * rounds, 1)
            p50, p95 = result.quantile(0.5), result.quantile(0.95)
            print(f"{'/' + name:12s} p50 {p50:6.1f}  p95 {p95:6.1f} ms  {result.statuses}")
        print(f"largest web worker: {ingest.memory_mb(process):.0f} MB")
