"""Pages of messages: the destinations with how they fare, the log, one message with its request and tries."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from attribution.models import Destination, Postback
from attribution.postbacks import destinations, queries
from attribution.postbacks.queries import Health, LogFilter
from attribution.views.shared import page_of, wants_csv
from customers.models import Project
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.download import csv_file
from growthplatform.core.http import page

NEWEST = ("-id",)
MOST_AGAIN = 1_000
FILE_ROWS = 100_000
CSV_HEAD = (
    "key", "destination", "news", "decision", "state", "tries", "status", "problem", "url", "created_at",
    "delivered_at",
)  # fmt: skip
NEWS_WORDS = {
    "install": "Install",
    "reinstall": "Reinstall",
    "reattribution": "Return",
    "rejected": "Rejection",
    "test": "Test",
}


def asked_of(request: PageRequest) -> LogFilter:
    """Read the filters of the address."""
    said = {name: value.replace("\x00", "") for name, value in request.GET.dict().items()}
    number = said.get("destination", "")
    known = number.isascii() and number.isdigit() and len(number) < 19
    return LogFilter(int(number) if known else None, said.get("state", ""), said.get("news", ""), said.get("q", ""))


def shown_destinations(project: Project, *, archived: bool = False) -> list[tuple[Destination, str, Health]]:
    """Return the destinations of a project with their state and how they fare, newest first."""
    now = timezone.now()
    rows = list(project.destinations.filter(archived_at__isnull=not archived).order_by("-id"))
    known = queries.health(rows, now=now)
    return [(row, queries.state_of(row, now=now), known[row.pk]) for row in rows]


@project_page
@require_safe
def postback_list(request: PageRequest) -> HttpResponse:
    """Show the destinations with how they fare, and the log of messages."""
    if not request.project.destinations.exists():
        return page(request, "attribution/postback_empty.html")
    asked = asked_of(request)
    rows = queries.log(request.project, asked)
    if wants_csv(request):
        return csv_file("postbacks", CSV_HEAD, map(_csv_row, rows.order_by(*NEWEST)[:FILE_ROWS].iterator()))
    archived = request.GET.get("archived") == "1"
    found = page_of(request, rows, NEWEST)
    again = reverse("attribution:postback-again-all", args=[request.project.slug])
    every = list(request.project.destinations.order_by("name").values_list("pk", "name"))
    context = {
        "destinations": shown_destinations(request.project, archived=archived),
        "archived": archived,
        "archived_count": request.project.destinations.exclude(archived_at=None).count(),
        "rows": found.rows,
        "next": found.next,
        "asked": asked,
        "filtered": asked != LogFilter(),
        "choices": [
            ("destination", "Destination", str(asked.destination or ""), [(str(pk), name) for pk, name in every]),
            ("state", "State", asked.state, list(Postback.State.choices)),
            ("news", "About", asked.news, [(one, words(one)) for one in queries.news_in(request.project)]),
        ],
        "again_url": f"{again}?{request.GET.urlencode()}",
    }
    return page(request, "attribution/postback_list.html", context, partial="rows")


def words(news: str) -> str:
    """Return what a message tells of, in words; a conversion by its name."""
    return NEWS_WORDS.get(news, news)


def _csv_row(row: Postback) -> tuple[Any, ...]:
    return (
        row.idempotency_key, row.destination.name, row.news, f"dec_{row.decision_id}" if row.decision_id else "",
        row.state, row.tries, row.status or "", row.problem, row.url, row.created_at, row.delivered_at or "",
    )  # fmt: skip


@project_page
@require_safe
def postback_detail(request: PageRequest, postback_id: int) -> HttpResponse:
    """Show one message: the very request, each try with its answer, and what it corrects or repeats."""
    rows = request.project.postbacks.select_related("destination", "corrects", "replay_of")
    row = get_object_or_404(rows, pk=postback_id)
    context = {
        "row": row,
        "words": words(row.news),
        "body": destinations.parsed(row.body),
        "attempts": row.attempts.order_by("-id")[:100],
        "corrections": row.corrections.order_by("id"),
        "replays": row.replays.order_by("id"),
        "facts": sorted(row.facts.items()),
    }
    return page(request, "attribution/postback_detail.html", context)


@project_page
@editors_only
@require_POST
def postback_again(request: PageRequest, postback_id: int) -> HttpResponse:
    """Send one message once more."""
    row = get_object_or_404(request.project.postbacks.select_related("destination"), pk=postback_id)
    if destinations.send_again([row], now=timezone.now()):
        messages.success(request, "It goes out within two minutes, with the same content and key.")
    else:
        messages.error(request, "It can’t be sent: it was canceled, its content is gone, or its destination archived.")
    return HttpResponseRedirect(reverse("attribution:postback-detail", args=[request.project.slug, row.pk]))


@project_page
@editors_only
@require_POST
def postback_again_all(request: PageRequest) -> HttpResponse:
    """Send all messages of the filter in the address once more, up to a thousand."""
    asked = asked_of(request)
    if asked == LogFilter():
        # Nobody means everything that was ever told.
        messages.error(request, "Choose a filter first.")
        return HttpResponseRedirect(reverse("attribution:postback-list", args=[request.project.slug]))
    rows = list(queries.log(request.project, asked).order_by(*NEWEST)[:MOST_AGAIN])
    number = destinations.send_again(rows, now=timezone.now())
    messages.success(request, f"{number:,} message{'' if number == 1 else 's'} will be sent within two minutes.")
    back = reverse("attribution:postback-list", args=[request.project.slug])
    return HttpResponseRedirect(f"{back}?{request.GET.urlencode()}")
