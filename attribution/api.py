"""The API of touches and decisions."""

from datetime import date, datetime, time, timedelta

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution import explain, payloads, reasons, touches
from attribution.models import Decision
from customers.api import IngestView, InvalidKey, ProjectView
from customers.models import Project
from customers.throttle import admit
from events import clock, queries
from events import services as events
from events.bodies import read_body
from growthplatform.core.errors import InvalidField, NotFound, Problem
from growthplatform.core.paging import limit_of, paginate

NEWEST = ("-installed_at", "-id")
ERRORS = {
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
}


class TouchesRefused(Problem):
    """At least one touch of a batch was not taken; the others are stored."""

    code = "touches_refused"

    def __init__(self, receipt: touches.Receipt) -> None:
        first, number = receipt.refused[0], len(receipt.refused)
        super().__init__(
            first.message if number == 1 else f"{number} touches were refused; the first: {first.message}",
            code=first.code,
            detail={
                "stored": receipt.stored,
                "repeated": receipt.repeated,
                "refused": [refusal.public() for refusal in receipt.refused[:100]],
            },
        )


TOUCH_INPUT = {
    "batch": [
        {
            "type": "click",
            "touchId": "net-7f3a01",
            "timestamp": "2026-11-20T10:38:42Z",
            "link": None,
            "campaign": {
                "source": "tiktok",
                "medium": "cpi",
                "name": "Winter sale",
                "id": "c-17",
                "publisher": "p-204",
                "adSet": "Lookalike 1%",
                "ad": "Video 3",
                "creative": "beach.mp4",
            },
            "deepLink": "/sale",
            "params": {"sub1": "spring"},
            "context": {
                "ip": "203.0.113.24",
                "country": "DE",
                "userId": "u-1044",
                "emailSha256": "2c79bcb7c6fb1f9eb5b7bd6b8f5dbb8fbd6a3a0a7d2fbb0dcbcb1a9ae4b9f0c1",
                "userAgent": "Mozilla/5.0 (Linux; Android 14; SM-S918B) Chrome/131.0 Mobile Safari/537.36",
                "device": {"advertisingId": "38400000-8cf0-11bd-b23e-10b96e40000d", "model": "SM-S918B"},
                "os": {"name": "Android", "version": "14"},
                "app": {"namespace": "com.techstart.mobile"},
            },
        }
    ]
}
TOUCH_REFUSED = {
    "error": "Bad Request",
    "code": "unknown_link",
    "message": "link: this project has no link “wintr”.",
    "detail": {
        "stored": 1,
        "repeated": 0,
        "refused": [
            {"index": 1, "field": "link", "code": "unknown_link", "message": "link: this project has no link “wintr”."}
        ],
    },
}


class TouchBatch(IngestView):
    @extend_schema(
        operation_id="send_touches",
        summary="Send up to 2,500 clicks and views",
        description=(
            "For servers, networks and imports; people's own taps come through /c/{slug}. Each touchId is stored once"
            " in a project, so a batch may be sent again. The body may be gzip, and 5 MB unpacked. Of e-mail addresses"
            " and phone numbers only their SHA-256 is taken; without a country the address says it."
        ),
        tags=["Attribution"],
        auth=[{"writeKey": []}],  # type: ignore[list-item]  # the library means security requirements
        request=dict,
        responses={
            200: OpenApiResponse(dict, "All touches are stored; `repeated` ones were before."),
            400: OpenApiResponse(dict, "Not JSON, or some touches were refused; the good ones are stored."),
            401: OpenApiResponse(dict, "No key, or not a valid one."),
            413: OpenApiResponse(dict, "The body is too large."),
            429: OpenApiResponse(dict, "Too fast for this key; Retry-After says how long to wait."),
        },
        examples=[
            OpenApiExample("One click", value=TOUCH_INPUT, request_only=True),
            OpenApiExample(
                "Stored", value={"success": True, "stored": 1, "repeated": 0}, response_only=True, status_codes=["200"]
            ),
            OpenApiExample("One of two refused", value=TOUCH_REFUSED, response_only=True, status_codes=["400"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Store a batch of touches; good ones are stored even when others are refused."""
        http, caller = request._request, self.caller  # noqa: SLF001 -- the raw stream, before the framework reads it
        body = b""
        try:
            body = read_body(http, payloads.BODY_BYTES)
            batch = payloads.read_batch(body)
        except Problem as problem:
            admit(caller)
            events.reject_whole(caller.project_id, http.path, problem, body)
            raise
        admit(caller, len(batch))
        try:
            receipt = touches.take(caller, batch, received_at=timezone.now())
        except IntegrityError:  # the project was deleted while its key was still remembered
            raise InvalidKey from None
        if receipt.refused:
            events.reject(caller.project_id, http.path, receipt.refused)
            raise TouchesRefused(receipt)
        return Response({"success": True, "stored": receipt.stored, "repeated": receipt.repeated})


DECISION = {
    "id": "dec_84120",
    "kind": "install",
    "messageId": "9abe7f6d-1",
    "personId": "p_5201",
    "installedAt": "2026-11-20T10:42:00Z",
    "decidedAt": "2026-11-20T10:42:01.204Z",
    "state": "provisional",
    "revision": 1,
    "tier": "click_id",
    "probability": 1.0,
    "touchId": "tch_0f5c2b7a91d34e6688a1b2c3",
    "source": "tiktok",
    "campaign": "Winter sale",
    "adSet": "Lookalike 1%",
    "ad": None,
    "creative": "boots-9x16",
    "publisher": "p-204",
    "country": "AT",
    "os": "android",
    "originalId": None,
    "rejected": False,
    "fraud": [],
    "fraudEvidence": [],
    "notes": [],
    "ruleSet": 1,
}
EXPLAINED = {
    **DECISION,
    "summary": "Credited to Winter sale / TikTok: clicked 3 min 18 s before the install, with the same click id."
    " One other touch lost.",
    "notesExplanation": [],
    "considered": 2,
    "candidates": [
        {
            "touchId": "tch_0f5c2b7a91d34e6688a1b2c3",
            "type": "click",
            "timestamp": "2026-11-20T10:38:42Z",
            "source": "tiktok",
            "campaign": "Winter sale",
            "adSet": "Lookalike 1%",
            "publisher": "p-204",
            "tier": "click_id",
            "eligible": True,
            "credited": True,
            "reasons": ["same_click_id", "latest_click"],
            "explanation": [reasons.sentence("same_click_id"), reasons.sentence("latest_click")],
            "age_s": 198.0,
            "probability": 1.0,
            "fraud": [],
            "fraudEvidence": [],
        },
        {
            "touchId": "net-7f3a01",
            "type": "click",
            "timestamp": "2026-11-20T10:41:30Z",
            "source": "meta",
            "campaign": "Brand",
            "adSet": None,
            "publisher": None,
            "tier": "probabilistic",
            "eligible": False,
            "credited": False,
            "reasons": ["same_network", "other_os"],
            "explanation": [reasons.sentence("same_network"), reasons.sentence("other_os")],
            "age_s": 30.0,
            "probability": None,
            "fraud": [],
            "fraudEvidence": [],
        },
    ],
}


def moment_of(project: Project, name: str, text: str) -> datetime:
    """Read a filter's time. A day is meant in the project's zone; `to` includes it. Raises InvalidField."""
    try:
        day = date.fromisoformat(text)
        day += timedelta(days=1) if name == "to" else timedelta()
        return datetime.combine(day, time(), project.tz)
    except (ValueError, OverflowError):
        # An unquoted plus sign of a zone arrives as a space.
        moment = clock.parse(text.replace(" ", "+"))
    if moment is None:
        raise InvalidField.named(name, "Give a day like 2026-11-20 or a time like 2026-11-20T10:38:42Z.")
    return moment


def _by_fraud(rows: QuerySet[Decision], query: dict[str, str]) -> QuerySet[Decision]:
    """Keep what the query asks for of fraud. Raises InvalidField."""
    if "rejected" in query:
        if query["rejected"] not in {"true", "false"}:
            raise InvalidField.named("rejected", "Give true or false.")
        rows = rows.filter(rejected=query["rejected"] == "true")
    if query.get("fraud"):
        rows = rows.filter(fraud__contains=[{"code": query["fraud"]}])
    return rows


FILTERS = {
    "source": "source",
    "campaign": "campaign",
    "adSet": "ad_set",
    "ad": "ad",
    "creative": "creative",
    "publisher": "publisher",
    "country": "country",
    "tier": "tier",
    "kind": "kind",
    "state": "state",
}


class DecisionsView(ProjectView):
    """What the list and a single decision share."""

    def mine(self) -> QuerySet[Decision]:
        return Decision.objects.filter(project=self.project).select_related("install", "touch", "rule_set")

    def get_decision(self, decision_id: str) -> Decision:
        """Return one decision of the project. Raises NotFound, also for another project's."""
        number = decision_id.removeprefix("dec_")
        found = None
        if number.isascii() and number.isdigit() and len(number) < 19:
            found = self.mine().filter(pk=int(number)).first()
        if found is None:
            raise NotFound(f"There is no decision {decision_id[:40]!r} in this project.")
        return found

    def people_of(self, decisions: list[Decision]) -> dict[str, int]:
        ids = [decision.install.distinct_id for decision in decisions]
        return events.person_ids(self.project.pk, ids) if ids else {}


class DecisionList(DecisionsView):
    @extend_schema(
        operation_id="list_attributions",
        summary="List decisions: which touch brought which install",
        tags=["Attribution"],
        parameters=[
            OpenApiParameter(
                "from", str, description="First moment of install: a time, or a day in the project's zone."
            ),
            OpenApiParameter("to", str, description="A time, excluded; or the last day, included."),
            OpenApiParameter("source", str),
            OpenApiParameter("campaign", str),
            OpenApiParameter(
                "tier",
                str,
                description=(
                    "click_id, install_referrer, meta_referrer, apple_ads, device_id, person_id, contact_hash,"
                    " probabilistic, view, organic"
                ),
            ),
            OpenApiParameter("kind", str, description="install, reinstall, reattribution"),
            OpenApiParameter("adSet", str),
            OpenApiParameter("ad", str),
            OpenApiParameter("creative", str),
            OpenApiParameter("publisher", str),
            OpenApiParameter("country", str, description="Of the install: AT"),
            OpenApiParameter("state", str, description="provisional, final"),
            OpenApiParameter("rejected", bool, description="true: only those that a fraud rule rejects; false: none."),
            OpenApiParameter("fraud", str, description="A fraud code that struck the install."),
            OpenApiParameter("personId", str, description="p_…"),
            OpenApiParameter("messageId", str, description="Of the install's event."),
            OpenApiParameter("count", bool, description='true: answer only {"count": n}.'),
            OpenApiParameter("limit", int, description="1-500, usually 50"),
            OpenApiParameter("cursor", str),
        ],
        responses={
            200: OpenApiResponse(dict, "Newest installs first."),
            400: OpenApiResponse(dict, "A filter can't be read."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("One decision", value={"results": [DECISION], "next": None}, response_only=True),
            OpenApiExample("Counted", value={"count": 227}, response_only=True),
        ],
    )
    def get(self, request: Request) -> Response:
        """List the project's decisions, newest installs first."""
        rows = self.filtered(request)
        if request.query_params.get("count") == "true":
            return Response({"count": rows.count()})
        limit, cursor = limit_of(request.query_params), request.query_params.get("cursor", "")
        found = paginate(rows, NEWEST, cursor=cursor, limit=limit)
        people = self.people_of(found.rows)
        return Response({"results": [explain.shape(row, people) for row in found.rows], "next": found.next})

    def filtered(self, request: Request) -> QuerySet[Decision]:
        """Return the decisions that the query asks for. Raises InvalidField."""
        query = {name: str(value).replace("\x00", "") for name, value in request.query_params.items()}
        rows = self.mine()
        for name, field in (("from", "installed_at__gte"), ("to", "installed_at__lt")):
            if query.get(name):
                rows = rows.filter(**{field: moment_of(self.project, name, query[name])})
        for name, field in FILTERS.items():
            if name in query:
                rows = rows.filter(**{field: query[name]})
        rows = _by_fraud(rows, query)
        if "messageId" in query:
            rows = rows.filter(install__message_id=query["messageId"])
        if "personId" in query:
            number = query["personId"].removeprefix("p_")
            if not (number.isascii() and number.isdigit() and len(number) < 19):
                raise InvalidField.named("personId", "Give an id as the API answers it, like p_5201.")
            rows = rows.filter(install__distinct_id__in=queries.ids_of(self.project, int(number)))
        return rows


ONE_ERRORS = {404: OpenApiResponse(dict, "No such decision in this project."), **ERRORS}


class DecisionOne(DecisionsView):
    @extend_schema(
        operation_id="get_attribution",
        summary="Read one decision",
        tags=["Attribution"],
        responses={200: OpenApiResponse(dict, "The decision as it is now."), **ONE_ERRORS},
        examples=[OpenApiExample("A decision", value=DECISION, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, decision_id: str) -> Response:
        """Read one decision."""
        decision = self.get_decision(decision_id)
        return Response(explain.shape(decision, self.people_of([decision])))


class DecisionExplained(DecisionsView):
    @extend_schema(
        operation_id="explain_attribution",
        summary="Why this touch, and why not the others",
        tags=["Attribution"],
        responses={200: OpenApiResponse(dict, "The decision with every touch it weighed."), **ONE_ERRORS},
        examples=[OpenApiExample("Explained", value=EXPLAINED, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, decision_id: str) -> Response:
        """Read one decision with all touches it weighed, the winner first, each with its reasons."""
        decision = self.get_decision(decision_id)
        candidates = list(explain.candidates_of(decision))
        return Response(explain.explained(decision, candidates, self.people_of([decision])))
