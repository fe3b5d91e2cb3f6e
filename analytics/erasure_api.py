"""Erasing people by program: what a request for erasure under the GDPR or the CCPA is answered with."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import erasing
from customers.api import ProjectView
from events import services as events
from events.models import PersonErasure
from growthplatform.core.errors import InvalidField
from growthplatform.core.paging import limit_of, paginate

ERASURE = {
    "personId": "p_12",
    "state": "erasing",
    "rows": 12,
    "askedAt": "2026-11-21T10:38:42+00:00",
    "finishedAt": None,
}
DONE = {**ERASURE, "state": "done", "rows": 4812, "finishedAt": "2026-11-21T10:39:30+00:00"}
REFUSED = {
    400: OpenApiResponse(dict, "A parameter can't be read."),
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    403: OpenApiResponse(dict, "A write key can't erase."),
}
NOBODY = {404: OpenApiResponse(dict, "Nobody of this project has this id.")}


def shape(erasure: PersonErasure) -> dict[str, Any]:
    """Return an erasure as the API shows it."""
    return {
        "personId": f"p_{erasure.person_id}",
        "state": "done" if erasure.finished_at else "erasing",
        "rows": erasure.rows,
        "askedAt": erasure.asked_at.isoformat(),
        "finishedAt": erasure.finished_at.isoformat() if erasure.finished_at else None,
    }


def _number(text: str) -> int:
    number = text.removeprefix("p_")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise events.UnknownPerson
    return int(number)


class PersonView(ProjectView):
    def _mine(self) -> QuerySet[PersonErasure]:
        return events.erasures_of(self.project)

    def _erase(self, person_id: int) -> Response:
        known = self._mine().filter(person_id=person_id).first()
        if known:
            return Response(shape(known))
        return Response(shape(erasing.erase_person(self.project, person_id)), status=202)


class PersonOfIdView(PersonView):
    @extend_schema(
        operation_id="erase_person",
        summary="Erase a person",
        tags=["People"],
        description="Erases everything that names or recognises the person, for good. They are in no answer once this"
        " returns; sealed files are written anew within minutes. Safe to repeat: then it says how far it is.",
        request=None,
        responses={
            202: OpenApiResponse(dict, "Begun."),
            200: OpenApiResponse(dict, "Asked for before; how far it is."),
            **REFUSED,
            **NOBODY,
        },
        examples=[
            OpenApiExample("Begun", value=ERASURE, response_only=True, status_codes=["202"]),
            OpenApiExample("Done", value=DONE, response_only=True, status_codes=["200"]),
        ],
    )
    def delete(self, request: Request, person_id: str) -> Response:
        """Erase the person with our id, like p_12."""
        return self._erase(_number(person_id))


class PeopleView(PersonView):
    @extend_schema(
        operation_id="erase_person_by_user_id",
        summary="Erase a person by your own id",
        tags=["People"],
        parameters=[
            OpenApiParameter("userId", str, description="An id that your events carry as userId …"),
            OpenApiParameter("anonymousId", str, description="… or as anonymousId."),
        ],
        request=None,
        responses={202: OpenApiResponse(dict, "Begun."), **REFUSED, **NOBODY},
        examples=[OpenApiExample("Begun", value=ERASURE, response_only=True, status_codes=["202"])],
    )
    def delete(self, request: Request) -> Response:
        """Erase the person whom an id of yours stands for, with all their other ids."""
        given = [value for name in ("userId", "anonymousId") if (value := request.GET.get(name, ""))]
        if len(given) != 1 or "\x00" in given[0]:
            raise InvalidField.named("userId", "Give either userId or anonymousId, to say who is meant.")
        person = events.person_ids(self.project.pk, given).get(given[0])
        if person is None:
            raise events.UnknownPerson
        return self._erase(person)


class ErasuresView(PersonView):
    @extend_schema(
        operation_id="list_erasures",
        summary="Read who was erased",
        tags=["People"],
        parameters=[
            OpenApiParameter("limit", int, description="Up to 500; 50 when absent."),
            OpenApiParameter("cursor", str, description="The `next` of the page before."),
        ],
        responses={200: OpenApiResponse(dict, "The last one first; `next` is null on the last page."), **REFUSED},
        examples=[
            OpenApiExample("A page", value={"results": [DONE], "next": None}, response_only=True, status_codes=["200"])
        ],
    )
    def get(self, request: Request) -> Response:
        """Return the erasures of the project and how far each is."""
        query = request.GET.dict()
        found = paginate(self._mine(), ["-pk"], cursor=query.get("cursor", ""), limit=limit_of(query))
        return Response({"results": [shape(row) for row in found.rows], "next": found.next})
