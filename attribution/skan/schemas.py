"""Conversion schemas: what values mean from a day on. A new day is a new row, so that old values keep their meaning."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import transaction

from attribution.models import AppleApp, ConversionSchema
from attribution.skan import decoding
from attribution.skan.decoding import Schema
from customers.models import Project
from growthplatform.core.errors import InvalidField, Problem

MOST = 500


class DayTaken(Problem):
    status = 409
    code = "day_taken"
    message = "validFrom: the app has a schema from this day on already. Change that one, or choose another day."


def save(
    project: Project,
    *,
    app: AppleApp | None,
    valid_from: date,
    fine: Any,
    coarse: Any,
    currency: str = "",
    user: User | None = None,
    schema: ConversionSchema | None = None,
) -> ConversionSchema:
    """Write a schema, or change one. Raises InvalidField with every field that is wrong, and DayTaken."""
    fine_rows, coarse_rows, wrong = decoding.checked(fine, coarse)
    detail = [{"field": one.field, "message": one.message} for one in wrong]
    currency = currency.strip().upper()
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        detail.append({"field": "currency", "message": "Give a code of three letters, such as EUR."})
    if not detail and not fine_rows and not coarse_rows:
        detail.append({"field": "fine", "message": "Give at least one value a meaning."})
    if detail:
        raise InvalidField(" ".join(f"{row['field']}: {row['message']}" for row in detail[:5]), detail=detail)
    with transaction.atomic():
        # Two for all apps would not meet the table's rule, as there is no app to compare.
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        others = project.conversion_schemas.all()
        others = others.exclude(pk=schema.pk) if schema else others
        if others.filter(app=app, valid_from=valid_from).exists():
            raise DayTaken
        if others.count() >= MOST:
            raise InvalidField.named("fine", f"A project can have {MOST} schemas. Delete one first.")
        row = schema or ConversionSchema(project=project, created_by=user)
        before = str(row.valid_from) if schema else ""
        row.app, row.valid_from, row.fine, row.coarse, row.currency = app, valid_from, fine_rows, coarse_rows, currency
        row.save()
        _note(row, LogEntry.Action.UPDATE if schema else LogEntry.Action.CREATE, (before, str(valid_from)))
    return row


def delete(schema: ConversionSchema) -> dict[str, Any]:
    """Delete a schema; return what `restore` makes it again from. Its values are decoded by the one before."""
    was = {
        "app": schema.app_id,
        "valid_from": schema.valid_from.isoformat(),
        "fine": schema.fine,
        "coarse": schema.coarse,
        "currency": schema.currency,
    }
    _note(schema, LogEntry.Action.DELETE, (str(schema.valid_from), ""))
    schema.delete()
    return was


def restore(project: Project, was: dict[str, Any], user: User | None = None) -> ConversionSchema:
    """Make a deleted schema again. Raises DayTaken when another one took its day meanwhile."""
    app = project.apple_apps.filter(pk=was["app"]).first() if was["app"] else None
    valid_from = date.fromisoformat(was["valid_from"])
    return save(
        project, app=app, valid_from=valid_from, fine=was["fine"], coarse=was["coarse"], currency=was["currency"],
        user=user,
    )  # fmt: skip


def of_project(project_id: int) -> list[Schema]:
    """Return all schemas of a project, to decode with."""
    rows = ConversionSchema.objects.filter(project=project_id).select_related("app").order_by("pk")
    return [plain(row) for row in rows]


def plain(row: ConversionSchema) -> Schema:
    """Return a stored schema to decode with."""
    return Schema(
        row.valid_from,
        row.app.app_id if row.app else None,
        decoding.fine_from(row.fine),
        decoding.coarse_from(row.coarse),
        row.currency,
        row.pk,
    )


def ends(rows: Sequence[ConversionSchema]) -> dict[int, date | None]:
    """Return for each schema the day on which the next one of the same app takes over; None for the last one."""
    found: dict[int, date | None] = {}
    for row in rows:
        later = [one.valid_from for one in rows if one.app_id == row.app_id and one.valid_from > row.valid_from]
        found[row.pk] = min(later, default=None)
    return found


def _note(schema: ConversionSchema, action: int, day: tuple[str, str]) -> None:
    LogEntry.objects.log_create(
        schema,
        force_log=True,
        action=action,
        changes={"valid_from": day},
        additional_data={"organization": schema.project.organization_id},
    )
