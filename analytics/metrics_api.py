"""`GET /v1/metrics/{kind}` for every analysis: one view, as all analyses have the same parts."""

from types import ModuleType

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.analyses import analysis
from analytics.analyses.base import QUESTION_PARAMETERS
from analytics.asking import over_usual_period
from customers.api import ProjectView
from growthplatform.core.api import CsvRenderer, OrjsonRenderer
from growthplatform.core.download import csv_file
from growthplatform.core.errors import NotFound
from growthplatform.core.period_query import PERIOD_PARAMETERS


def metric_view(kind: str) -> type[APIView]:
    """Return the API view of an analysis."""
    found = analysis(kind)
    if found is None:
        raise NotFound
    module: ModuleType = found

    class MetricView(ProjectView):
        renderer_classes = (OrjsonRenderer, CsvRenderer)

        @extend_schema(
            operation_id=f"metrics_{kind}",
            summary=module.TITLE,
            description=module.LEAD,
            tags=["Metrics"],
            parameters=[
                *module.PARAMETERS,
                *QUESTION_PARAMETERS,
                *PERIOD_PARAMETERS,
                OpenApiParameter("format", str, enum=["json", "csv"], description="csv: the table behind the chart."),
            ],
            responses={
                200: OpenApiResponse(dict, "The numbers that the page shows, with their definition."),
                400: OpenApiResponse(dict, "A parameter can't be read; `detail` names it."),
                401: OpenApiResponse(dict, "No key, or not a valid one."),
                503: OpenApiResponse(dict, "The question takes longer or needs more memory than is allowed."),
            },
            examples=[OpenApiExample("Example", value=module.EXAMPLE, response_only=True, status_codes=["200"])],
        )
        def get(self, request: Request) -> HttpResponseBase:
            """Answer the analysis."""
            asked = over_usual_period(module, request.GET)
            question = module.parse(self.project, asked, now=timezone.now())
            result = module.answer(self.project, question)
            if request.GET.get("format") == "csv":
                shown = module.shown(result)
                return csv_file(f"{self.project.slug}-{kind}", shown.columns, shown.rows)
            return Response(module.as_json(result))

    return MetricView
