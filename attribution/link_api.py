"""The API of links: list, create, read, change, archive; and the QR code of each."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attribution import links, queries
from attribution.models import Link, LinkQuerySet
from customers.api import ProjectView
from growthplatform.core.api import invalid_field
from growthplatform.core.errors import InvalidField, NotFound, Problem
from growthplatform.core.paging import limit_of, paginate
from growthplatform.core.periods import Period

# Our word for a field of a link, and where the API has it.
PLACES = {
    "name": "campaign.name",
    "source": "campaign.source",
    "medium": "campaign.medium",
    "content": "campaign.content",
    "term": "campaign.term",
    "campaign_id": "campaign.id",
    "publisher": "campaign.publisher",
    "ad_set": "campaign.adSet",
    "ad": "campaign.ad",
    "creative": "campaign.creative",
    "ios_url": "ios",
    "android_url": "android",
    "fallback_url": "fallback",
    "deep_link": "deepLink",
    "domain": "domain",
    "expires_at": "expiresAt",
    "expired_url": "expired",
}
MOST = 1_000
NEWEST = ("-created_at", "-id")


class Strict(serializers.Serializer[Any]):
    """Refuse fields that are not known: a misspelt one would be lost without a word."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            wrong = ["Send an object: {…}."]
            raise serializers.ValidationError(wrong if self.parent else {"body": wrong})
        unknown = {str(name): ["There is no such field."] for name in data if name not in self.fields}
        if unknown:
            raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class CampaignInput(Strict):
    source = serializers.CharField(  # type: ignore[assignment]  # a field's own name in the framework, and ours here
        help_text="Who shows the ad: tiktok, meta, newsletter …"
    )
    name = serializers.CharField()
    medium = serializers.CharField(required=False, allow_blank=True)
    content = serializers.CharField(required=False, allow_blank=True)
    term = serializers.CharField(required=False, allow_blank=True)
    id = serializers.CharField(required=False, allow_blank=True)
    publisher = serializers.CharField(required=False, allow_blank=True)
    adSet = serializers.CharField(required=False, allow_blank=True)  # noqa: N815 -- the name on the wire
    ad = serializers.CharField(required=False, allow_blank=True)
    creative = serializers.CharField(required=False, allow_blank=True)


class Destinations(Strict):
    ios = serializers.CharField(required=False, allow_blank=True, help_text="App Store address")
    android = serializers.CharField(required=False, allow_blank=True, help_text="Package name or Google Play address")
    deepLink = serializers.CharField(  # noqa: N815 -- the name on the wire
        required=False, allow_blank=True, help_text="Place inside the app, told to it after its first open."
    )
    domain = serializers.CharField(required=False, allow_blank=True, help_text="A verified host of the project.")
    expiresAt = serializers.CharField(  # noqa: N815 -- the name on the wire
        required=False, allow_blank=True, allow_null=True, help_text="ISO 8601; taps from then on are not counted."
    )
    expired = serializers.CharField(required=False, allow_blank=True, help_text="Where people land after the end.")

    def fields_given(self) -> dict[str, str]:
        """Return what was sent, under our own names."""
        sent = {**self.validated_data}
        sent.update({f"campaign.{name}": value for name, value in sent.pop("campaign", {}).items()})
        return {ours: sent[place] for ours, place in PLACES.items() if place in sent}


class LinkInput(Destinations):
    slug = serializers.CharField(required=False, allow_blank=True, help_text="Made from the name when left out.")
    campaign = CampaignInput()
    fallback = serializers.CharField(help_text="Where everybody else lands")


class LinkBatch(Strict):
    links = serializers.ListField(child=serializers.DictField(), allow_empty=False, max_length=MOST)
    together = serializers.BooleanField(default=False, help_text="Make all of them, or none.")


class LinkChange(Destinations):
    campaign = CampaignInput(required=False)
    fallback = serializers.CharField(required=False, help_text="Where everybody else lands")
    archived = serializers.BooleanField(required=False)


def _placed(problem: Problem) -> Problem:
    """Name fields as the API does."""
    if not isinstance(problem, InvalidField):
        return problem
    rows = [{**row, "field": PLACES.get(row["field"], row["field"])} for row in problem.detail]
    return InvalidField(" ".join(f"{row['field']}: {row['message']}" for row in rows), detail=rows)


def _warnings(link: Link) -> list[dict[str, str]]:
    return [{**row, "field": PLACES[row["field"]]} for row in links.warnings(link)]


def shape_of(link: Link, base: str, period: Period) -> dict[str, Any]:
    """Return a link, which has been counted, as the API shows it."""
    return {
        "slug": link.slug,
        "url": links.address(link, base),
        "impression": links.view_address(link, base),
        "qr": f"/c/{link.slug}.svg",
        "campaign": {
            place.removeprefix("campaign."): getattr(link, ours) for ours, place in PLACES.items() if "." in place
        },
        "ios": link.ios_url,
        "android": link.android_url,
        "fallback": link.fallback_url,
        "deepLink": link.deep_link,
        "domain": links.text_of(link, "domain"),
        "expiresAt": link.expires_at,
        "expired": link.expired_url,
        "warnings": _warnings(link),
        "createdAt": link.created_at,
        "archivedAt": link.archived_at,
        "counts": {"from": period.first, "to": period.last, "taps": link.taps, "installs": link.installs},
    }


WINTER_INPUT = {
    "slug": "winter",
    "campaign": {"source": "tiktok", "name": "Winter sale"},
    "ios": "https://apps.apple.com/app/id1640000000",
    "android": "com.techstart.mobile",
    "fallback": "https://techstart.example",
    "deepLink": "/sale",
}
WINTER: dict[str, Any] = {
    "slug": "winter",
    "url": "https://go.techstart.example/c/winter",
    "impression": "https://go.techstart.example/i/winter",
    "qr": "/c/winter.svg",
    "campaign": {
        "name": "Winter sale",
        "source": "tiktok",
        "medium": "",
        "content": "",
        "term": "",
        "id": "",
        "publisher": "",
        "adSet": "",
        "ad": "",
        "creative": "",
    },
    "ios": "https://apps.apple.com/app/id1640000000",
    "android": "https://play.google.com/store/apps/details?id=com.techstart.mobile",
    "fallback": "https://techstart.example",
    "deepLink": "/sale",
    "domain": "",
    "expiresAt": None,
    "expired": "",
    "warnings": [],
    "createdAt": "2026-11-19T09:41:30Z",
    "archivedAt": None,
    "counts": {"from": "2026-10-24", "to": "2026-11-20", "taps": 18240, "installs": 7412},
}
REFUSED = {
    "error": "Bad Request",
    "code": "invalid_field",
    "message": "fallback: This field is required.",
    "detail": [{"field": "fallback", "message": "This field is required."}],
}
PERIOD = [
    OpenApiParameter("range", str, description="Counts of 24h, 7d, 28d (when absent) or 90d."),
    OpenApiParameter("from", str, description="First day counted, with `to` in place of `range`."),
    OpenApiParameter("to", str, description="Last day counted."),
]
ERRORS = {
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
}
ONE = OpenApiExample("Winter sale", value=WINTER, response_only=True, status_codes=["200", "201"])


class LinksView(ProjectView):
    """What list and single link share."""

    def period(self) -> Period:
        query = {name: str(value) for name, value in self.request.query_params.items()}
        return Period.from_query(query, zone=self.project.tz, now=timezone.now())

    def mine(self) -> LinkQuerySet:
        return Link.objects.filter(project=self.project).select_related("project", "domain")

    def answer(self, link: Link, status: int = 200) -> Response:
        return Response(self.shapes([link])[0], status=status)

    def shapes(self, found: list[Link]) -> list[dict[str, Any]]:
        """Return links as the API shows them, counted in the period asked for."""
        base, period = links.base_address(self.request), self.period()
        queries.count_links(found, period.start, period.until)
        return [shape_of(link, base, period) for link in found]


class LinkList(LinksView):
    @extend_schema(
        operation_id="list_links",
        summary="List links with their taps and installs",
        tags=["Links"],
        parameters=[
            OpenApiParameter("q", str, description="Part of name, slug or source."),
            OpenApiParameter("archived", bool, description="true: the archived ones instead of the live ones."),
            *PERIOD,
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses={200: OpenApiResponse(dict, "Newest first."), **ERRORS},
        examples=[OpenApiExample("One link", value={"results": [WINTER], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the project's links, newest first."""
        archived = request.query_params.get("archived") == "true"
        rows = self.mine().matching(request.query_params.get("q", "")).filter(archived_at__isnull=not archived)
        limit, cursor = limit_of(request.query_params), request.query_params.get("cursor", "")
        found = paginate(rows, NEWEST, cursor=cursor, limit=limit)
        return Response({"results": self.shapes(found.rows), "next": found.next})

    @extend_schema(
        operation_id="create_link",
        summary="Create a link",
        tags=["Links"],
        request=LinkInput,
        responses={
            201: OpenApiResponse(dict, "The link, ready to put in an ad."),
            400: OpenApiResponse(dict, "A field is missing or wrong; `detail` names each."),
            409: OpenApiResponse(dict, "Another link has this slug."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("Winter sale", value=WINTER_INPUT, request_only=True),
            ONE,
            OpenApiExample("A field is missing", value=REFUSED, response_only=True, status_codes=["400"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Create a link; without a slug it gets one from the campaign's name."""
        sent = LinkInput(data=request.data)
        sent.is_valid(raise_exception=True)
        try:
            link = links.create(self.project, slug=sent.validated_data.get("slug", ""), **sent.fields_given())
        except InvalidField as problem:
            raise _placed(problem) from None
        return self.answer(link, status=201)


class LinkBulk(LinksView):
    @extend_schema(
        operation_id="create_links",
        summary="Create up to 1,000 links at once",
        tags=["Links"],
        request=LinkBatch,
        responses={
            200: OpenApiResponse(dict, "In the order sent, for each the link or what is wrong with it."),
            400: OpenApiResponse(dict, "The body is wrong, or `together` was asked and a link is: nothing is made."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "Two links",
                value={"links": [WINTER_INPUT, {"campaign": {"source": "qr", "name": "Poster"}, "fallback": "x"}]},
                request_only=True,
            ),
            OpenApiExample(
                "One is wrong",
                value={
                    "created": 1,
                    "refused": 1,
                    "results": [
                        {"slug": "winter", "url": "https://go.techstart.example/c/winter", "warnings": []},
                        {
                            "error": {
                                "code": "invalid_field",
                                "message": f"fallback: {links.WHOLE_ADDRESS}",
                                "detail": [],
                            }
                        },
                    ],
                },
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Create links, each by itself or, with `together`, all or none; a repeat with the same slugs makes none."""
        sent = LinkBatch(data=request.data)
        sent.is_valid(raise_exception=True)
        rows = sent.validated_data["links"]
        together = sent.validated_data["together"]
        read = [_read(row) for row in rows]
        good = [row for row in read if not isinstance(row, Problem)]
        whole = len(good) == len(read)
        made = iter(links.create_many(self.project, good, store=whole or not together, together=together))
        results = [row if isinstance(row, Problem) else next(made) for row in read]
        wrong = [(index, one) for index, one in enumerate(results) if isinstance(one, Problem)]
        if together and wrong:
            detail = [{"index": index, **row} for index, one in wrong for row in _placed(one).detail]
            raise InvalidField(f"Nothing is made: {len(wrong)} of {len(results)} links are wrong.", detail=detail)
        shown = [_result(one, links.base_address(request)) for one in results]
        return Response({"created": len(results) - len(wrong), "refused": len(wrong), "results": shown})


def _read(row: dict[str, Any]) -> dict[str, str] | Problem:
    sent = LinkInput(data=row)
    if not sent.is_valid():
        return invalid_field(sent.errors)
    return {"slug": sent.validated_data.get("slug", ""), **sent.fields_given()}


def _result(one: Link | Problem, base: str) -> dict[str, Any]:
    if isinstance(one, Problem):
        placed = _placed(one)
        return {"error": {"code": placed.code, "message": placed.message, "detail": placed.detail}}
    return {"slug": one.slug, "url": links.address(one, base), "warnings": _warnings(one)}


class LinkOne(LinksView):
    def link(self, slug: str) -> Link:
        found = self.mine().filter(slug=slug).first()
        if found is None:
            raise NotFound(f"There is no link {slug!r} in this project.")
        return found

    @extend_schema(
        operation_id="get_link",
        summary="Read one link",
        tags=["Links"],
        parameters=PERIOD,
        responses={200: OpenApiResponse(dict, "The link."), 404: OpenApiResponse(dict, "No such link."), **ERRORS},
        examples=[ONE],
    )
    def get(self, request: Request, slug: str) -> Response:
        """Read one link with its taps and installs in the period."""
        return self.answer(self.link(slug))

    @extend_schema(
        operation_id="change_link",
        summary="Change, archive or restore a link",
        tags=["Links"],
        request=LinkChange,
        responses={
            200: OpenApiResponse(dict, "The link as it is now."),
            400: OpenApiResponse(dict, "A field is wrong; a slug can't be changed."),
            404: OpenApiResponse(dict, "No such link."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "A new landing page", value={"fallback": "https://techstart.example/sale"}, request_only=True
            ),
            OpenApiExample("Bring it back", value={"archived": False}, request_only=True),
            ONE,
        ],
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Change what is given and leave the rest; the slug stays, as ads and posters carry it."""
        link = self.link(slug)
        sent = LinkChange(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        try:
            links.change(link, **sent.fields_given())
        except InvalidField as problem:
            raise _placed(problem) from None
        match sent.validated_data.get("archived"):
            case True:
                links.archive(link, now=timezone.now())
            case False:
                links.restore(link)
        return self.answer(link)

    @extend_schema(
        operation_id="archive_link",
        summary="Archive a link",
        tags=["Links"],
        responses={
            200: OpenApiResponse(dict, "The link, with archivedAt."),
            404: OpenApiResponse(dict, "No such link."),
            **ERRORS,
        },
        examples=[ONE],
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Take a link out of the lists; its address goes on working, as the ad is out there. Safe to repeat."""
        return self.answer(links.archive(self.link(slug), now=timezone.now()))


@require_safe
def link_qr(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer the QR code of a link as an SVG file; what it holds is public, it hangs on walls."""
    link = Link.objects.select_related("domain").filter(slug=slug).first()
    if link is None:
        raise Http404("There is no such link.")
    answer = HttpResponse(links.qr_svg(links.address(link, links.base_address(request))), content_type="image/svg+xml")
    answer["Cache-Control"] = "public, max-age=3600"
    answer["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
