"""Spend for programs: told in batches, row by row, and read back."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution.costs import csv_rows, importing, metrics
from attribution.costs.csv_rows import Bad, Refused, SpendRow
from attribution.models import Spend
from attribution.queries import WITHOUT
from attribution.rule_api import body_of
from customers.api import ProjectView
from growthplatform.core.api import CsvRenderer, OrjsonRenderer
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.paging import limit_of, paginate
from growthplatform.core.period_query import PERIOD_PARAMETERS, get_period

MOST = 5_000
PUBLIC = {name: "adSet" if name == "ad_set" else name for name in csv_rows.FIELDS}
OURS = {public: name for name, public in PUBLIC.items()}
BY = {PUBLIC[name]: name for name in metrics.NAMES}
FILTERS = {PUBLIC[name]: name for name in metrics.FILTERS}
ORDER = ("-day", "-id")
ERRORS = {
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
}
SPEND = {
    "day": "2026-11-19",
    "source": "tiktok",
    "campaign": "Winter sale",
    "adSet": "",
    "ad": "",
    "country": "DE",
    "platform": "ios",
    "amount": "120.5000",
    "currency": "EUR",
    "clicks": 812,
    "impressions": 41200,
}
SPEND_INPUT = {
    "spend": [
        {
            "day": "2026-11-19", "source": "tiktok", "campaign": "Winter sale", "country": "DE", "platform": "ios",
            "amount": "120.50", "currency": "EUR", "clicks": 812, "impressions": 41200,
        },
        {"day": "2026-11-19", "source": "meta", "campaign": "Lookalike EU", "amount": "88.00", "currency": "XXQ"},
    ],
    "complete": False,
    "name": "Nightly job",
}  # fmt: skip
SPEND_ANSWER = {
    "import": 412,
    "added": 0,
    "replaced": 1,
    "unchanged": 0,
    "removed": 0,
    "refused": 1,
    "results": [
        {"outcome": "replaced", "was": {"amount": "118.2000", "currency": "EUR"}},
        {
            "error": {
                "code": "unknown_currency",
                "field": "currency",
                "message": "There is no currency “XXQ”. Give its code, such as EUR.",
            }
        },
    ],
}


class SpendList(ProjectView):
    renderer_classes = (OrjsonRenderer, CsvRenderer)

    @extend_schema(
        operation_id="list_spend",
        summary="List rows of spend",
        tags=["Cost"],
        parameters=[
            *PERIOD_PARAMETERS[:3],
            *(OpenApiParameter(name, str, description="Only this value; - for a blank one.") for name in FILTERS),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
            OpenApiParameter("format", str, enum=["json", "csv"], description="csv: all rows in one file."),
        ],
        responses={200: OpenApiResponse(dict, "The newest day first, as it was told."), **ERRORS},
        examples=[OpenApiExample("One row", value={"results": [SPEND], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """List the spend of a period."""
        query = request.GET.dict()
        period = get_period(query, zone=self.project.tz, now=timezone.now())
        rows = Spend.objects.filter(project=self.project, day__range=(period.first, period.last), **filters_in(query))
        if query.get("format") == "csv":
            lines = (list(shape_of(row).values()) for row in rows.order_by(*ORDER).iterator(2_000))
            return csv_file("spend", tuple(SPEND), lines)
        found = paginate(rows, ORDER, cursor=query.get("cursor", ""), limit=limit_of(query, 100))
        return Response({"results": [shape_of(row) for row in found.rows], "next": found.next})

    @extend_schema(
        operation_id="tell_spend",
        summary="Tell what campaigns cost",
        description=(
            "Up to 5,000 rows. Each is known by its day, source, campaign, ad set, ad, country and platform: told"
            " again, it is replaced and never added. Rows are judged one by one; those that can’t be taken stand in"
            " `results`, in the order sent. With `complete` what was told before of a source between its first and"
            " last day here, and is not among the rows, is removed. Safe to repeat."
        ),
        tags=["Cost"],
        request=dict,
        responses={
            200: OpenApiResponse(dict, "What became of each row."),
            400: OpenApiResponse(dict, "The body is no such batch; nothing is taken."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("Two rows", value=SPEND_INPUT, request_only=True),
            OpenApiExample("One is refused", value=SPEND_ANSWER, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Take a batch of spend, row by row."""
        body = body_of(request, {"spend", "complete", "name"})
        rows, complete, name = body.get("spend"), body.get("complete", False), body.get("name", "")
        if not isinstance(rows, list) or not 1 <= len(rows) <= MOST:
            raise InvalidField.named("spend", f"Give a list of 1 to {MOST:,} rows.")
        if not isinstance(complete, bool):
            raise InvalidField.named("complete", "Give true or false.")
        if not isinstance(name, str) or len(name) > 200 or "\x00" in name:
            raise InvalidField.named("name", "Give text of at most 200 characters.")
        now = timezone.now()
        today = now.astimezone(self.project.tz).date()
        read = [_read(place, row, today) for place, row in enumerate(rows)]
        read = _once_each(read)
        good = [row for row in read if isinstance(row, SpendRow)]
        bad = [row for row in read if isinstance(row, Refused)]
        if complete and bad:
            # What can't be read would count as left out, and what was there before would go.
            raise InvalidField(
                f"A complete batch is taken as a whole, and {len(bad)} of its rows can’t be. Nothing was changed.",
                detail=[
                    {"index": one.row, "field": PUBLIC.get(one.field, one.field), "message": one.message} for one in bad
                ],
            )
        done, judged = importing.take(
            self.project, good, now=now, name=name or "The API", complete=complete, refused=bad
        )
        verdicts = {verdict.line: verdict for verdict in judged.verdicts}
        return Response(
            {
                "import": done.pk,
                "added": done.added,
                "replaced": done.replaced,
                "unchanged": done.unchanged,
                "removed": done.removed,
                "refused": done.refused_rows,
                "results": [_result(row, verdicts) for row in read],
            }
        )


def _read(place: int, told: Any, today: date) -> SpendRow | Refused:
    if not isinstance(told, dict):
        return Refused(place, "", "invalid_row", "Send an object: {…}.")
    unknown = [str(name)[:60] for name in told if name not in OURS]
    if unknown:
        return Refused(place, unknown[0], "unknown_field", "There is no such field.", _text(told))
    strange = [name for name, value in told.items() if not _plain(value)]
    if strange:
        return Refused(place, OURS[strange[0]], "invalid_value", "Send text or a number.", _text(told))
    texts = {OURS[name]: "" if value is None else str(value) for name, value in told.items()}
    try:
        row = csv_rows.read_row(place, texts, order="", mark=".", today=today)
    except Bad as bad:
        return Refused(place, bad.field, bad.code, bad.message, _text(told))
    # A program says what it means: its source is taken as it is.
    return row._replace(source=texts["source"].strip().lower())


def _plain(value: Any) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _text(told: Mapping[str, Any]) -> str:
    return ",".join(str(value) for value in told.values())[: csv_rows.MOST_LINE]


def _once_each(rows: list[SpendRow | Refused]) -> list[SpendRow | Refused]:
    """Refuse rows of a key that stands earlier in the batch: which of them is meant, nobody can know."""

    def refuse(row: SpendRow, first: SpendRow) -> Refused:
        message = f"Row {first.line} of the batch has the same day, source, campaign and detail."
        return Refused(row.line, "", "row_repeated", message)

    verdicts = iter(csv_rows.keep_first((row for row in rows if isinstance(row, SpendRow)), refuse))
    return [next(verdicts) if isinstance(row, SpendRow) else row for row in rows]


def _result(row: SpendRow | Refused, verdicts: Mapping[int, importing.Verdict]) -> dict[str, Any]:
    if isinstance(row, Refused):
        return {"error": {"code": row.code, "field": PUBLIC.get(row.field, row.field), "message": row.message}}
    verdict = verdicts[row.line]
    answer: dict[str, Any] = {"outcome": verdict.outcome}
    if verdict.outcome == importing.REPLACED:
        answer["was"] = {"amount": f"{verdict.former:f}", "currency": verdict.former_currency}
    return answer


def shape_of(row: Spend) -> dict[str, Any]:
    """Return a row of spend as the API shows it."""
    return {
        "day": row.day.isoformat(),
        **{PUBLIC[name]: getattr(row, name) for name in metrics.FILTERS},
        "amount": f"{row.amount:f}",
        "currency": row.currency,
        "clicks": row.clicks,
        "impressions": row.impressions,
    }


def filters_in(query: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that a call keeps to, under our names. Raises InvalidField."""
    chosen = {name: query[public] for public, name in FILTERS.items() if query.get(public)}
    for name, value in chosen.items():
        if "\x00" in value:
            raise InvalidField.named(PUBLIC[name], "must be text without a zero byte.")
    return {name: "" if value == WITHOUT else value for name, value in chosen.items()}
