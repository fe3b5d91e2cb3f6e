"""Annotations: what happened at a time and may explain a curve, drawn on every chart over it."""

from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.core import signing
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from analytics.models import Annotation
from customers.models import Project
from growthplatform.core.charts import Mark
from growthplatform.core.errors import InvalidField
from growthplatform.core.periods import Period

MOST_TEXT = 200
# A picture with more lines than this shows lines, not its numbers; the newest are drawn.
MOST_MARKS = 40
SHORT = 24
SALT = "analytics.annotation"
UNDO_S = 3_600


def between(project: Project, since: datetime, until: datetime) -> QuerySet[Annotation]:
    """Return what happened in [since, until), also what began before and was not over, newest first."""
    inside = Q(at__lt=until) & Q(over__gte=since)
    rows = Annotation.objects.filter(project=project).annotate(over=Coalesce(F("until"), F("at")))
    return rows.filter(inside).order_by("-at", "-pk")


def marks(project: Project, period: Period) -> list[Mark]:
    """Return the annotations of a period as charts draw them, oldest first."""
    newest = list(between(project, period.start, period.end)[:MOST_MARKS])
    return [Mark(one.kind, short(one.text), one.at, one.until) for one in reversed(newest)]


def short(text: str) -> str:
    """Return what stands at the line on a chart."""
    return text if len(text) <= SHORT else f"{text[: SHORT - 1].rstrip()}…"


def add(
    project: Project, *, kind: str, text: str, at: datetime, until: datetime | None = None, user: User | None = None
) -> Annotation:
    """Note that something happened. Raises InvalidField."""
    checked = _checked(kind, text, at, until)
    return Annotation.objects.create(project=project, created_by=user, **checked)


def change(note: Annotation, *, kind: str, text: str, at: datetime, until: datetime | None) -> None:
    """Say it otherwise. Raises InvalidField."""
    Annotation.objects.filter(pk=note.pk).update(**_checked(kind, text, at, until))


def delete(note: Annotation) -> str:
    """Delete an annotation; return a text that `restore` brings it back from within the hour."""
    told = [note.kind, note.text, note.at.isoformat(), note.until and note.until.isoformat(), note.created_by_id]
    Annotation.objects.filter(pk=note.pk).delete()
    return signing.dumps([note.project_id, note.created_at.isoformat(), *told], salt=SALT, compress=True)


def restore(project: Project, told: str) -> Annotation | None:
    """Bring a deleted annotation back; None for a text that is not ours, not of this project, or too old."""
    try:
        project_id, created_at, kind, text, at, until, user_id = signing.loads(told, salt=SALT, max_age=UNDO_S)
    except (signing.BadSignature, ValueError):
        return None
    if project_id != project.pk:
        return None
    made, _ = Annotation.objects.get_or_create(
        project=project,
        kind=kind,
        text=text,
        at=datetime.fromisoformat(at),
        until=datetime.fromisoformat(until) if until else None,
        created_at=datetime.fromisoformat(created_at),
        defaults={"created_by": User.objects.filter(pk=user_id).first()},
    )
    return made


def _checked(kind: str, text: str, at: datetime, until: datetime | None) -> dict[str, object]:
    text = " ".join(text.replace("\x00", "").split())
    if kind not in Annotation.Kind.values:
        raise InvalidField.named("kind", f"must be one of {', '.join(Annotation.Kind.values)}.")
    if not text:
        raise InvalidField.named("text", "Say what happened.")
    if len(text) > MOST_TEXT:
        raise InvalidField.named("text", f"at most {MOST_TEXT} characters.")
    if not 2000 <= at.year < 2100:
        raise InvalidField.named("at", "must lie between 2000 and 2100.")
    if until is not None and not at <= until < at.replace(year=at.year + 2, day=min(at.day, 28)):
        raise InvalidField.named("until", "must not be before it began, nor two years after.")
    return {"kind": kind, "text": text, "at": at.astimezone(UTC), "until": until and until.astimezone(UTC)}
