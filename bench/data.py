"""Projects and counts for benchmarks, made through the product's own doors."""

from django.db import connection

from customers import services as customers
from customers.models import ApiKey, Organization, Project


def fresh_project(slug: str) -> tuple[int, str]:
    """Return the id and write key of a project called `slug`."""
    organization, _ = Organization.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    project, _ = Project.objects.get_or_create(slug=slug, defaults={"name": slug, "organization": organization})
    _, key = customers.make(project, ApiKey.Kind.WRITE)
    return project.pk, key


def stored(project_id: int) -> int:
    """Return how many events of a project the log holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_event WHERE project_id = %s", [project_id])
        return int(cursor.fetchone()[0])
