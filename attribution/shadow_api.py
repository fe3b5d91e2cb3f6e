"""The API of comparisons: another vendor's numbers in, the differences out."""

from collections.abc import Mapping
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attribution.shadow import number_files, numbers, queries, tables, vendors, words
from attribution.shadow.comparing import REASONS, Row
from attribution.shadow.number_files import Wrong
from attribution.shadow.report import Report, days_of, report
from attribution.shadow.vendors import DAY_S, Windows
from customers.api import ProjectView
from growthplatform.core.api import CsvRenderer, OrjsonRenderer
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.paging import InvalidCursor, decode, encode, limit_of
from growthplatform.core.period_query import PERIOD_PARAMETERS, get_period

MOST_ROWS = 10_000
SHOWN_WRONG = 100
ERRORS = {
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
}
NUMBERS_INPUT = {
    "vendor": "appsflyer",
    "timeZone": "UTC",
    "complete": True,
    "rows": [
        {"day": "2026-11-20", "source": "facebook_ads_int", "campaign": "Lookalike EU", "platform": "ios",
         "installs": 93, "clicks": 1241, "revenue": "512.40", "currency": "EUR"},
        {"day": "2026-11-20", "source": "Organic", "installs": 210},
    ],
}  # fmt: skip
NUMBERS_ANSWER = {
    "id": 17, "rows": 2, "added": 2, "replaced": 0, "unchanged": 0, "removed": 0,
    "sources": {"facebook_ads_int": "meta", "Organic": "organic"}, "refused": [],
}  # fmt: skip
REFUSED = {"index": 1, "field": "day", "code": "invalid_day", "message": "Day: 'soon' is no day like 2026-11-20."}
EXAMPLE_ROW = {
    "theirs": 93, "ours": 90, "oursByTheirDays": 91, "difference": 3, "unexplained": 1,
    "reasons": [{"code": "time_zone", "explains": 1, "found": 1}, {"code": "fraud", "explains": 1, "found": 1}],
    "revenueTheirs": "512.4000", "revenueOurs": "512.4000", "revenueUnmapped": "0",
}  # fmt: skip
EXAMPLE = {
    "vendor": "appsflyer",
    "from": "2026-10-25",
    "to": "2026-11-21",
    "timeZone": "Europe/Berlin",
    "vendorTimeZone": "UTC",
    "windows": {"clickDays": 7, "viewHours": 24},
    "verdict": {"equal": 0.987, "equalByTheirDays": 0.991, "equalInAll": 0.996, "days": 28, "campaigns": 14,
                "sentence": "98.7% equal over 28 days"},
    "by": "campaign",
    "rows": [{"source": "meta", "campaign": "Lookalike EU", **EXAMPLE_ROW}],
    "total": EXAMPLE_ROW,
    "otherwiseNamed": [{"theirs": ["meta", "LAL EU"], "ours": ["meta", "Lookalike EU"], "theirInstalls": 93,
                        "ourInstalls": 90, "alike": 0.81}],
    "next": None,
}  # fmt: skip


class NoNumbers(Problem):
    status = 404
    code = "no_numbers"
    message = "No vendor has told numbers yet: POST them to /v1/vendor-numbers."


class NumbersInput(serializers.Serializer[dict[str, Any]]):
    vendor = serializers.ChoiceField(choices=list(vendors.VENDORS))
    timeZone = serializers.CharField(required=False, default="UTC", help_text="Of the vendor's days.")  # noqa: N815
    complete = serializers.BooleanField(
        required=False, default=False, help_text="All there is for its days: what it leaves out is removed."
    )
    rows = serializers.ListField(child=serializers.JSONField(), min_length=1, max_length=MOST_ROWS)


class VendorNumbers(ProjectView):
    @extend_schema(
        operation_id="tell_vendor_numbers",
        summary="Tell another vendor's numbers",
        description=(
            "What another vendor counted, by day and campaign, to be compared with ours. Rows of one day and campaign"
            " are added up; a day and campaign told again replaces what was told before, so a repeat changes nothing."
        ),
        tags=["Side by side"],
        request=NumbersInput,
        responses={
            200: OpenApiResponse(dict, "What became of the rows; each refused one with its place and reason."),
            400: OpenApiResponse(dict, "A field of the whole is wrong; `message` names it."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("Numbers of a day", value=NUMBERS_INPUT, request_only=True),
            OpenApiExample("Taken", value=NUMBERS_ANSWER, response_only=True, status_codes=["200"]),
            OpenApiExample(
                "One row is wrong",
                value={**NUMBERS_ANSWER, "rows": 2, "added": 1, "refused": [REFUSED]},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Keep a vendor's numbers; each wrong row is refused by itself."""
        sent = NumbersInput(data=request.data)
        sent.is_valid(raise_exception=True)
        given = sent.validated_data
        zone = numbers.zone_of(given["timeZone"])
        rows = [number_files.of_values(index, row) for index, row in enumerate(given["rows"])]
        sums = numbers.add_up(rows, numbers.known_sources(self.project))
        made = numbers.store(
            self.project,
            given["vendor"],
            sums,
            name="API",
            time_zone=zone,
            complete=given["complete"],
            now=timezone.now(),
        )
        said = made.summary
        return Response(
            {
                "id": made.pk,
                "rows": made.rows,
                **{name: said[name] for name in ("added", "replaced", "unchanged", "removed", "sources")},
                "refused": [_refused(one) for one in sums.wrong[:SHOWN_WRONG]],
            }
        )


def _refused(one: Wrong) -> dict[str, Any]:
    return {"index": one.line, "field": one.field, "code": one.code, "message": one.message}


class ShadowMetrics(ProjectView):
    renderer_classes = (OrjsonRenderer, CsvRenderer)

    @extend_schema(
        operation_id="metrics_shadow",
        summary="Compare with another vendor",
        description=(
            "Installs that another vendor counted beside ours, by campaign or by day, with how many installs each"
            " likely reason would explain. `equal` is the share that both count for the same campaign on the same day;"
            " `equalByTheirDays` is the same with our days cut by the vendor's clock."
        ),
        tags=["Metrics"],
        parameters=[
            OpenApiParameter("vendor", str, enum=list(vendors.VENDORS), description="The one that told last if absent"),
            *PERIOD_PARAMETERS[:3],
            OpenApiParameter("by", str, enum=["campaign", "day"], description="campaign when absent."),
            OpenApiParameter("source", str, description="Only this source."),
            OpenApiParameter("campaign", str, description="Only this campaign."),
            OpenApiParameter("platform", str, description="ios or android, where the vendor told it."),
            OpenApiParameter("clickDays", int, description="The vendor's click window, 0 to 90 days."),
            OpenApiParameter("viewHours", int, description="The vendor's view window, 0 to 240 hours."),
            OpenApiParameter("limit", int, description="Rows a page, 1 to 500; 100 when absent."),
            OpenApiParameter("cursor", str, description="`next` of the page before."),
            OpenApiParameter("format", str, enum=["json", "csv"], description="csv: every day and campaign."),
        ],
        responses={
            200: OpenApiResponse(dict, "The rows, largest difference first (days: newest first), and their sum."),
            400: OpenApiResponse(dict, "A parameter can't be read; `message` names it."),
            404: OpenApiResponse(dict, "No vendor has told numbers yet."),
            **ERRORS,
        },
        examples=[OpenApiExample("By campaign", value=EXAMPLE, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Return what the page Side by side shows."""
        query = request.GET.dict()
        told = queries.vendors_of(self.project)
        if not told:
            raise NoNumbers
        found = self._report(query, _one_of(query, "vendor", [*told], told[0]))
        if query.get("format") == "csv":
            return csv_file(
                f"side-by-side-{found.vendor}-{found.first}-{found.last}", tables.HEAD, tables.lines_of(found)
            )
        by = _one_of(query, "by", ["campaign", "day"], "campaign")
        only = {name: query[name] for name in ("source", "campaign") if query.get(name)}
        rows = _rows(found, by, only)
        limit, start = limit_of(query, 100), _start(query.get("cursor", ""))
        total = Row()
        for _, row in rows:
            total.add(row)
        return Response(
            {
                "vendor": found.vendor,
                "from": f"{found.first}",
                "to": f"{found.last}",
                "timeZone": self.project.time_zone,
                "vendorTimeZone": found.zone,
                "windows": {"clickDays": found.windows.click_s / DAY_S, "viewHours": found.windows.view_s / 3_600},
                "verdict": _verdict(found),
                "by": by,
                "rows": [{**named, **_numbers(row)} for named, row in rows[start : start + limit]],
                "total": _numbers(total),
                "otherwiseNamed": [
                    {
                        "theirs": list(one.theirs),
                        "ours": list(one.ours),
                        "theirInstalls": one.their_installs,
                        "ourInstalls": one.our_installs,
                        "alike": one.alike,
                    }
                    for one in found.comparison.aliases[:100]
                ],
                "next": encode([start + limit]) if start + limit < len(rows) else None,
                "definitions": {code: words.means(found, code, self.project.time_zone) for code in REASONS},
            }
        )

    def _report(self, query: Mapping[str, str], vendor: str) -> Report:
        now = timezone.now()
        if query.get("from") or query.get("to") or query.get("range"):
            period = get_period(query, zone=self.project.tz, now=now)
            first, last = period.first, period.last
        else:
            first, last = days_of(self.project, vendor, now=now)
        usual = vendors.WINDOWS.get(vendor, Windows(7 * DAY_S))
        windows = usual._replace(
            click_s=_whole(query, "clickDays", 90, usual.click_s // DAY_S) * DAY_S,
            view_s=_whole(query, "viewHours", 240, usual.view_s // 3_600) * 3_600,
        )
        platform = query.get("platform", "")
        if "\x00" in "".join(query.values()):
            raise InvalidField.named("platform", "must be text without a zero byte.")
        return report(self.project, vendor, first, last, windows=windows, platform=platform)


def _rows(found: Report, by: str, only: Mapping[str, str]) -> list[tuple[dict[str, Any], Row]]:
    if by == "day":
        days = sorted(found.comparison.days(**only).items(), key=lambda pair: str(pair[0][0]), reverse=True)
        return [({"day": f"{key[0]}"}, row) for key, row in days]
    campaigns = found.comparison.campaigns(**only).items()
    ordered = sorted(campaigns, key=lambda pair: (-abs(pair[1].difference), -pair[1].ours.installs, str(pair[0])))
    return [({"source": key[0], "campaign": key[1]}, row) for key, row in ordered]


def _numbers(row: Row) -> dict[str, Any]:
    return {
        "theirs": row.theirs.installs,
        "ours": row.ours.installs,
        "oursByTheirDays": row.recounted,
        "difference": row.difference,
        "unexplained": row.unexplained,
        "reasons": [{"code": one.code, "explains": one.explains, "found": one.found} for one in row.reasons],
        "revenueTheirs": None if row.theirs.revenue is None else f"{row.theirs.revenue:f}",
        "revenueOurs": None if row.ours.revenue is None else f"{row.ours.revenue:f}",
        "revenueUnmapped": f"{row.unmapped:f}",
    }


def _verdict(found: Report) -> dict[str, Any] | None:
    if found.verdict is None:
        return None
    return {
        "equal": round(found.verdict.share, 6),
        "equalByTheirDays": round(found.verdict.recounted, 6),
        "equalInAll": round(found.verdict.total, 6),
        "days": found.verdict.days,
        "campaigns": found.verdict.campaigns,
        "sentence": words.verdict_of(found),
    }


def _one_of(query: Mapping[str, str], name: str, choices: list[str], usual: str) -> str:
    value = query.get(name) or usual
    if value not in choices:
        raise InvalidField.named(name, f"must be one of {', '.join(choices)}.")
    return value


def _whole(query: Mapping[str, str], name: str, most: int, usual: int) -> int:
    text = query.get(name) or str(usual)
    if not text.isascii() or not text.isdigit() or int(text[:9]) > most:
        raise InvalidField.named(name, f"must be a whole number from 0 to {most}.")
    return int(text)


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    [place] = decode(cursor, 1)
    if not isinstance(place, int) or isinstance(place, bool) or place < 0:
        raise InvalidCursor
    return place
