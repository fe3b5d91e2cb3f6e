"""What the staff admin's parts share, and the admin of the packages underneath."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest
from django_celery_beat import admin as beat
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

MOST = 10_000


class CappedPaginator(Paginator[Model]):
    """Counts to ten thousand and no further: nobody pages on, and counting a log takes seconds."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST].count())


class LookOnly:
    """What changing would make a lie of: staff may look, and nothing else."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


class LookOnlyAdmin(LookOnly, ModelAdmin):  # type: ignore[misc]
    """A list and a detail page that nobody can change."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50


class LookOnlyInline(LookOnly, TabularInline):  # type: ignore[misc]
    """Rows of a detail page that nobody can change."""

    extra = 0
    can_delete = False
    tab = True


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]
    """The scheduler's list of known tasks, in the admin's looks."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


def _restyle(models: Sequence[type[Model]]) -> None:
    for model in models:
        admin.site.unregister(model)
        admin.site.register(model, ModelAdmin)


_restyle([ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule])
admin.site.unregister(PeriodicTask)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc]
    """When the background jobs run; rows made by `manage.py prepare` keep what staff set here."""

    form = PeriodicTaskForm
