"""What the demo's team has saved: questions, a dashboard for Monday, and what happened when."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from analytics import annotations, dashboards, saved
from customers.models import Project

# (days ago, hour, kind, text, hours it lasted)
HAPPENED = (
    (44, 9, "deploy", "3.8.0 in the stores", 0),
    (24, 10, "experiment", "Shorter onboarding", 0),
    (16, 9, "deploy", "3.8.1 in the stores", 0),
    (9, 2, "incident", "Sync was down", 5),
    (5, 16, "note", "Newsletter to free accounts", 0),
)
# (name, kind, question, columns on the dashboard, 0 for none)
VIEWS = (
    (
        "From first open to paying",
        "funnel",
        "step=Application+Opened&step=Signed+Up&step=Note+Created&step=Order+Completed&window=14d",
        2,
    ),
    ("Notes and templates", "trend", "event=Note+Created&event=Template+Used", 1),
    ("Active people", "active", "range=28d", 1),
    ("Weekly retention of new people", "retention", "start=Application+Installed&return=Application+Opened", 2),
    ("Adoption of Templates", "adoption", "event=Template+Used", 1),
    ("Sales", "trend", "event=Order+Completed&event1.measure=sum&event1.of=revenue", 1),
    ("What people do first", "paths", "anchor=start&event=Application+Opened&range=7d", 0),
    ("Sign-ups by method", "trend", "event=Signed+Up&event1.measure=people&by=method", 0),
)
DASHBOARD = "Monday meeting"


@transaction.atomic
def make(project: Project, user: User | None, *, now: datetime) -> None:
    """Save what the team would have saved. Safe to repeat: a project with saved views stays as it is."""
    if saved.live(project).exists():
        return
    for days, hour, kind, text, hours in HAPPENED:
        day = (now - timedelta(days=days)).astimezone(project.tz)
        at = day.replace(hour=hour, minute=20, second=0, microsecond=0)
        until = at + timedelta(hours=hours) if hours else None
        annotations.add(project, kind=kind, text=text, at=at, until=until, user=user)
    made_at = now - timedelta(days=12)
    board = dashboards.create(project, DASHBOARD, user=user, now=made_at)
    for number, (name, kind, query, width) in enumerate(VIEWS):
        view = saved.create(
            project, name, kind, query, user=user, now=made_at + timedelta(hours=7 * (len(VIEWS) - number))
        )
        if width:
            dashboards.add(board, view, width=width, now=made_at)
