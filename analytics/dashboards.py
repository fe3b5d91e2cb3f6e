"""Dashboards: saved views beside each other, in an order and width that members choose."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from analytics.models import Dashboard, SavedView, Tile
from analytics.naming import copy_of, name_of
from customers.models import Project
from growthplatform.core.errors import InvalidField

COLUMNS = 2
# More would ask the store more at once than anybody reads.
MOST_TILES = 40


def live(project: Project) -> QuerySet[Dashboard]:
    """Return the dashboards that are not deleted."""
    return Dashboard.objects.filter(project=project, deleted_at=None)


def matching(project: Project, q: str) -> QuerySet[Dashboard]:
    """Return the dashboards whose name contains `q`, with the number of their `views`."""
    q = q.strip().replace("\x00", "")
    rows = live(project).filter(name__icontains=q) if q else live(project)
    return rows.annotate(views=Count("tiles", filter=Q(tiles__view__deleted_at=None)))


def tiles(dashboard: Dashboard) -> list[Tile]:
    """Return the tiles in their order; those of deleted views are left out, and come back with them."""
    rows = Tile.objects.filter(dashboard=dashboard, view__deleted_at=None)
    return list(rows.select_related("view__project").order_by("place", "pk"))


def create(project: Project, name: str, *, user: User | None = None, now: datetime | None = None) -> Dashboard:
    """Make an empty dashboard. Raises InvalidField."""
    now = now or timezone.now()
    return Dashboard.objects.create(
        project=project, name=name_of(name), created_by=user, created_at=now, updated_at=now
    )


def add(dashboard: Dashboard, view: SavedView, *, width: int = 1, now: datetime) -> Tile:
    """Put a view at the end of a dashboard; where it already is, it stays. Raises InvalidField for a full one."""
    with transaction.atomic():
        Dashboard.objects.select_for_update().get(pk=dashboard.pk)
        there = Tile.objects.filter(dashboard=dashboard, view=view).first()
        if there:
            return there
        placed = Tile.objects.filter(dashboard=dashboard).aggregate(last=Max("place"), number=Count("pk"))
        if placed["number"] >= MOST_TILES:
            raise InvalidField.named("view", f"A dashboard holds {MOST_TILES} views. Take one away first.")
        place = 0 if placed["last"] is None else placed["last"] + 1
        made = Tile.objects.create(dashboard=dashboard, view=view, place=place, width=width)
        _touch(dashboard, now)
    return made


def arrange(dashboard: Dashboard, order: Sequence[int], wide: Sequence[int], *, now: datetime) -> None:
    """Put the tiles into an order and make those of `wide` as wide as the page.

    Tiles that are not named come after the others, as somebody else may have added them meanwhile. Safe to repeat.
    """
    with transaction.atomic():
        rows = list(Tile.objects.select_for_update().filter(dashboard=dashboard).order_by("place", "pk"))
        wanted = {tile: place for place, tile in enumerate(order)}
        rows.sort(key=lambda tile: wanted.get(tile.pk, len(wanted)))
        for place, tile in enumerate(rows):
            tile.place = place
            if tile.pk in wanted:
                tile.width = COLUMNS if tile.pk in wide else 1
        Tile.objects.bulk_update(rows, ["place", "width"])
        _touch(dashboard, now)


def take_away(tile: Tile, *, now: datetime) -> None:
    """Take a view off a dashboard; the view stays."""
    Tile.objects.filter(pk=tile.pk).delete()
    _touch(tile.dashboard, now)


def put_back(dashboard: Dashboard, view: SavedView, *, place: int, width: int, now: datetime) -> None:
    """Undo `take_away`. Safe to repeat."""
    with transaction.atomic():
        made = add(dashboard, view, width=width, now=now)
        order = [tile.pk for tile in Tile.objects.filter(dashboard=dashboard).order_by("place", "pk")]
        order.remove(made.pk)
        order.insert(max(0, min(place, len(order))), made.pk)
        wide = Tile.objects.filter(dashboard=dashboard, width=COLUMNS).values_list("pk", flat=True)
        arrange(dashboard, order, list(wide), now=now)


def rename(dashboard: Dashboard, name: str, *, now: datetime) -> None:
    """Give a dashboard another name. Raises InvalidField."""
    Dashboard.objects.filter(pk=dashboard.pk).update(name=name_of(name), updated_at=now)


def duplicate(dashboard: Dashboard, *, user: User, now: datetime) -> Dashboard:
    """Return a copy with the same views on it."""
    with transaction.atomic():
        made = create(dashboard.project, copy_of(dashboard.name), user=user, now=now)
        Tile.objects.bulk_create(
            Tile(dashboard=made, view=tile.view, place=tile.place, width=tile.width) for tile in tiles(dashboard)
        )
    return made


def delete(dashboard: Dashboard, *, now: datetime) -> None:
    """Take a dashboard out of the lists; its views stay, `restore` brings it back. Safe to repeat."""
    Dashboard.objects.filter(pk=dashboard.pk, deleted_at=None).update(deleted_at=now)


def restore(dashboard: Dashboard) -> None:
    """Bring a deleted dashboard back. Safe to repeat."""
    Dashboard.objects.filter(pk=dashboard.pk).update(deleted_at=None)


def _touch(dashboard: Dashboard, now: datetime) -> None:
    Dashboard.objects.filter(pk=dashboard.pk).update(updated_at=now)
