"""How right matches by network are, for programs."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution import accuracy
from customers.api import ProjectView

EXAMPLE = {
    "measuredAt": "2026-11-21T06:00:00Z",
    "accept": 0.95,
    "matchedByNetwork": 1204,
    "abstained": 318,
    "certainInstalls": 8412,
    "neededInstalls": 100,
    "measured": {
        "installs": 2103,
        "organic": 640,
        "accept": 0.95,
        "named": 1102,
        "right": 1096,
        "precision": 0.9946,
        "precisionFrom": 0.9882,
        "precisionTo": 0.9975,
        "recall": 0.842,
        "brier": 0.031,
        "bins": [{"from": 0.99, "to": 0.995, "installs": 214, "said": 0.9929, "right": 0.9907}],
    },
}


class AccuracyShown(ProjectView):
    @extend_schema(
        operation_id="attribution_accuracy",
        summary="How right matches by network are in this project",
        description=(
            "Measured on installs whose click an id proves: they are decided once more as if they had brought no id."
            " `measured` is null while there are fewer certain installs than `neededInstalls`. `bins` is the"
            " reliability curve: of the installs whose likeliest click was said to be right with a probability in"
            " [from, to), how many were."
        ),
        tags=["Attribution"],
        responses={
            200: OpenApiResponse(dict, "The newest measurement."),
            401: OpenApiResponse(dict, "No key, or not a valid one."),
            403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
        },
        examples=[
            OpenApiExample("Measured", value=EXAMPLE, response_only=True),
            OpenApiExample(
                "Too few certain installs", value={**EXAMPLE, "measuredAt": None, "measured": None}, response_only=True
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        """Answer the newest measurement."""
        return Response(accuracy.shape(accuracy.of_project(self.project, now=timezone.now())))
