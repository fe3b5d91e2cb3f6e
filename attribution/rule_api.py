"""The API of rule sets and replays."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution import replays, rule_sets
from attribution.models import Replay, ReplayChange, RuleSet
from attribution.replays.states import check
from attribution.rules import Rules
from customers.api import ProjectView
from events import clock
from growthplatform.core.errors import InvalidField, NotFound
from growthplatform.core.paging import limit_of, paginate

NEWEST = ("-created_at", "-id")
ERRORS = {
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
}
PAGED = [OpenApiParameter("limit", int, description="1-500, usually 50"), OpenApiParameter("cursor", str)]
RULE_SET = {
    "version": 2,
    "note": "Views count for an hour",
    "createdAt": "2026-11-20T10:00:00Z",
    "createdBy": "mira@techstart.example",
    "rules": Rules().to_json(),
}
RULE_SET_INPUT = {"rules": {"accept": 0.97, "windows_s": {"view": 3600}}, "note": "Views count for an hour", "base": 1}
REPLAY = {
    "id": 12,
    "state": "done",
    "from": "2026-10-24T00:00:00Z",
    "to": "2026-11-21T00:00:00Z",
    "note": "Views count for an hour",
    "baseVersion": 1,
    "version": None,
    "rules": RULE_SET_INPUT["rules"],
    "total": 7412,
    "done": 7412,
    "problem": "",
    "createdAt": "2026-11-20T10:00:00Z",
    "finishedAt": "2026-11-20T10:00:02Z",
    "summary": {
        "changed": 418,
        "moved": 412,
        "gone": 0,
        "currency": "USD",
        "routes": [
            {
                "from": "meta",
                "fromRejected": False,
                "to": "tiktok",
                "toRejected": False,
                "installs": 412,
                "revenue": "1240.0000",
            }
        ],
        "campaigns": [
            {
                "source": "meta",
                "campaign": "Brand",
                "before": 1900,
                "after": 1488,
                "gained": 0,
                "lost": 412,
                "revenue": "-1240.0000",
            }
        ],
        "tiers": [{"from": "view", "to": "probabilistic", "installs": 412}],
        "kinds": {"install": 418},
    },
}
REPLAY_INPUT = {
    "from": "2026-10-24T00:00:00Z",
    "to": "2026-11-21T00:00:00Z",
    "rules": RULE_SET_INPUT["rules"],
    "note": "Views count for an hour",
}
CHANGE = {
    "decision": "dec_84120",
    "kind": "install",
    "installedAt": "2026-11-20T10:42:00Z",
    "from": {"source": "meta", "campaign": "Brand", "tier": "view", "rejected": False},
    "to": {
        "source": "tiktok",
        "campaign": "Winter sale",
        "tier": "probabilistic",
        "rejected": False,
        "probability": 0.984,
        "touchId": "net-7f3a01",
    },
    "revenue": "12.5000",
}
WRONG = {
    "error": "Bad Request",
    "code": "invalid_field",
    "message": "accept: Give a probability from 0.5 to 1.",
    "detail": [{"field": "accept", "message": "Give a probability from 0.5 to 1."}],
}


def shape_of(row: RuleSet) -> dict[str, Any]:
    """Return a rule set as the API shows it."""
    return {
        "version": row.version,
        "note": row.note,
        "createdAt": row.created_at,
        "createdBy": row.created_by.email if row.created_by else None,
        "rules": Rules.from_json(row.rules).to_json(),
    }


def shape_of_replay(replay: Replay) -> dict[str, Any]:
    """Return a replay as the API shows it."""
    return {
        "id": replay.pk,
        "state": replay.state,
        "from": replay.since,
        "to": replay.until,
        "note": replay.note,
        "baseVersion": replay.base.version,
        "version": replay.rule_set.version if replay.rule_set else None,
        "rules": replay.rules,
        "total": replay.total,
        "done": replay.done,
        "problem": replay.problem,
        "createdAt": replay.created_at,
        "finishedAt": replay.finished_at,
        "summary": replay.summary,
    }


def shape_of_change(row: ReplayChange) -> dict[str, Any]:
    """Return one changed install of a replay as the API shows it."""
    return {
        "decision": f"dec_{row.decision_id}",
        "kind": row.kind,
        "installedAt": row.decision.installed_at,
        "from": {
            "source": row.old_source,
            "campaign": row.old_campaign,
            "tier": row.old_tier,
            "rejected": row.old_rejected,
        },
        "to": {
            "source": row.new_source,
            "campaign": row.new_campaign,
            "tier": row.new_tier,
            "rejected": row.new_rejected,
            "probability": row.new_probability,
            "touchId": row.new_touch.touch_id if row.new_touch else None,
        },
        "revenue": str(row.revenue),
    }


def body_of(request: Request, known: set[str]) -> dict[str, Any]:
    """Return the body when it is an object with no other fields than these. Raises InvalidField."""
    body = request.data
    if not isinstance(body, dict):
        raise InvalidField.named("body", "Send an object: {…}.")
    unknown = [str(name)[:60] for name in body if name not in known]
    if unknown:
        raise InvalidField.named(unknown[0], "There is no such field.")
    return body


def rules_in(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules of a body; what they don't name is the default. Raises InvalidField."""
    rules = body.get("rules")
    if not isinstance(rules, dict):
        raise InvalidField.named("rules", "Give the rules as an object, as GET answers them.")
    check(rules)
    return Rules.from_json(rules).to_json()


def note_in(body: Mapping[str, Any]) -> str:
    """Return the note of a body. Raises InvalidField."""
    note = body.get("note", "")
    if not isinstance(note, str) or len(note) > rule_sets.NOTE or "\x00" in note:
        raise InvalidField.named("note", f"Give text of at most {rule_sets.NOTE} characters.")
    return note


def moment_in(body: Mapping[str, Any], name: str) -> datetime:
    """Return a time of a body. Raises InvalidField."""
    moment = clock.parse(body.get(name)) if isinstance(body.get(name), str) else None
    if moment is None:
        raise InvalidField.named(name, "Give a time like 2026-11-20T00:00:00Z.")
    return moment


class RuleSets(ProjectView):
    @extend_schema(
        operation_id="list_rule_sets",
        summary="List the versions of the rules, the newest first",
        tags=["Attribution"],
        parameters=PAGED,
        responses={200: OpenApiResponse(dict, "The newest one holds."), **ERRORS},
        examples=[OpenApiExample("Two versions", value={"results": [RULE_SET], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the versions of the project's rules."""
        rule_sets.current([self.project.pk])
        rows = self.project.rule_sets.select_related("created_by")
        cursor = request.query_params.get("cursor", "")
        found = paginate(rows, ("-version",), cursor=cursor, limit=limit_of(request.query_params))
        return Response({"results": [shape_of(row) for row in found.rows], "next": found.next})

    @extend_schema(
        operation_id="publish_rule_set",
        summary="Publish rules as the next version",
        description=(
            "They hold for installs decided from then on; earlier decisions keep their version until a replay is"
            " approved. What `rules` does not name is the default. With `base` it is refused when that is not the"
            " newest version any more. Rules equal to the newest version's make no new one."
        ),
        tags=["Attribution"],
        request=dict,
        responses={
            201: OpenApiResponse(dict, "The version that holds now."),
            400: OpenApiResponse(dict, "The rules are malformed or contradict themselves; each field is named."),
            409: OpenApiResponse(dict, "Another version was published since `base`."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("Shorter views", value=RULE_SET_INPUT, request_only=True),
            OpenApiExample("Published", value=RULE_SET, response_only=True, status_codes=["201"]),
            OpenApiExample("Refused", value=WRONG, response_only=True, status_codes=["400"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Publish rules as the next version."""
        body = body_of(request, {"rules", "note", "base"})
        base = body.get("base")
        if base is not None and (isinstance(base, bool) or not isinstance(base, int)):
            raise InvalidField.named("base", "Give the number of a version.")
        made = rule_sets.publish(self.project, rules_in(body), note_in(body), None, base=base)
        return Response(shape_of(made), status=201)


class RuleSetOne(ProjectView):
    @extend_schema(
        operation_id="get_rule_set",
        summary="Read one version of the rules",
        tags=["Attribution"],
        responses={
            200: OpenApiResponse(dict, "The rules, defaults included."),
            404: OpenApiResponse(dict, "No such version in this project."),
            **ERRORS,
        },
        examples=[OpenApiExample("A version", value=RULE_SET, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, version: int) -> Response:
        """Read one version of the project's rules."""
        row = self.project.rule_sets.select_related("created_by").filter(version=min(version, 2**31 - 1)).first()
        if row is None:
            raise NotFound(f"There is no version {version} of the rules in this project.")
        return Response(shape_of(row))


class ReplayView(ProjectView):
    """What views of replays share."""

    def mine(self) -> QuerySet[Replay]:
        return self.project.replays.select_related("base", "rule_set", "project")

    def get_replay(self, replay_id: int) -> Replay:
        """Return one replay of the project. Raises NotFound, also for another project's."""
        found = self.mine().filter(pk=replay_id).first() if replay_id < 2**63 else None
        if found is None:
            raise NotFound(f"There is no replay {replay_id} in this project.")
        return found


class Replays(ReplayView):
    @extend_schema(
        operation_id="list_replays",
        summary="List replays, the newest first",
        tags=["Attribution"],
        parameters=PAGED,
        responses={200: OpenApiResponse(dict, "Without their changed installs."), **ERRORS},
        examples=[OpenApiExample("One replay", value={"results": [REPLAY], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the project's replays."""
        cursor = request.query_params.get("cursor", "")
        found = paginate(self.mine(), NEWEST, cursor=cursor, limit=limit_of(request.query_params))
        return Response({"results": [shape_of_replay(row) for row in found.rows], "next": found.next})

    @extend_schema(
        operation_id="start_replay",
        summary="Decide a period again by other rules, to see the difference",
        description=(
            "Nothing changes until the replay is approved. Ask for it again until its `state` is `done`; `summary`"
            " then says what would move. One replay at a time is at work in a project."
        ),
        tags=["Attribution"],
        request=dict,
        responses={
            202: OpenApiResponse(dict, "Ordered; a worker takes it up within seconds."),
            400: OpenApiResponse(dict, "The rules or the period make no sense; each field is named."),
            409: OpenApiResponse(dict, "Another replay of this project is at work."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("Shorter views", value=REPLAY_INPUT, request_only=True),
            OpenApiExample(
                "Ordered",
                value={**REPLAY, "state": "waiting", "done": 0, "total": 0, "finishedAt": None, "summary": {}},
                response_only=True,
                status_codes=["202"],
            ),
            OpenApiExample("Refused", value=WRONG, response_only=True, status_codes=["400"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Order a replay."""
        body = body_of(request, {"from", "to", "rules", "note"})
        rules = rules_in(body)
        since, until = moment_in(body, "from"), moment_in(body, "to")
        replay = replays.start(self.project, rules, since, until, note=note_in(body))
        return Response(shape_of_replay(replay), status=202)


ONE_ERRORS = {404: OpenApiResponse(dict, "No such replay in this project."), **ERRORS}


class ReplayOne(ReplayView):
    @extend_schema(
        operation_id="get_replay",
        summary="Read one replay: how far it is, and what it found",
        tags=["Attribution"],
        responses={200: OpenApiResponse(dict, "`summary` is empty until it is done."), **ONE_ERRORS},
        examples=[OpenApiExample("Done", value=REPLAY, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, replay_id: int) -> Response:
        """Read one replay."""
        return Response(shape_of_replay(self.get_replay(replay_id)))


class ReplayChanges(ReplayView):
    @extend_schema(
        operation_id="list_replay_changes",
        summary="List the installs that a replay would decide differently",
        tags=["Attribution"],
        parameters=PAGED,
        responses={200: OpenApiResponse(dict, "In the order they were found."), **ONE_ERRORS},
        examples=[OpenApiExample("One change", value={"results": [CHANGE], "next": None}, response_only=True)],
    )
    def get(self, request: Request, replay_id: int) -> Response:
        """List the changed installs of a replay."""
        rows = ReplayChange.objects.filter(replay=self.get_replay(replay_id)).select_related("decision", "new_touch")
        cursor = request.query_params.get("cursor", "")
        found = paginate(rows, ("id",), cursor=cursor, limit=limit_of(request.query_params))
        return Response({"results": [shape_of_change(row) for row in found.rows], "next": found.next})


class ReplayApproval(ReplayView):
    @extend_schema(
        operation_id="approve_replay",
        summary="Approve a replay: publish its rules and rewrite its period",
        description="Once only. Decisions are rewritten in the background, each as a new revision where it changes.",
        tags=["Attribution"],
        request=None,
        responses={
            200: OpenApiResponse(dict, "Its `version` holds from now on; `done` counts what is rewritten."),
            409: OpenApiResponse(dict, "Not ready, approved before, or the rules were changed since it began."),
            **ONE_ERRORS,
        },
        examples=[
            OpenApiExample(
                "Being applied",
                value={**REPLAY, "state": "applying", "version": 2, "done": 0},
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def post(self, request: Request, replay_id: int) -> Response:
        """Approve a replay."""
        replay = self.get_replay(replay_id)
        replays.approve(replay, None)
        return Response(shape_of_replay(self.get_replay(replay_id)))


class ReplayCancel(ReplayView):
    @extend_schema(
        operation_id="cancel_replay",
        summary="Cancel a replay that is not approved",
        description="Safe to repeat. Nothing that it found is kept.",
        tags=["Attribution"],
        request=None,
        responses={
            200: OpenApiResponse(dict, "It is canceled."),
            409: OpenApiResponse(dict, "It was approved."),
            **ONE_ERRORS,
        },
        examples=[
            OpenApiExample("Canceled", value={**REPLAY, "state": "canceled"}, response_only=True, status_codes=["200"])
        ],
    )
    def post(self, request: Request, replay_id: int) -> Response:
        """Cancel a replay."""
        replay = replays.cancel(self.get_replay(replay_id), now=timezone.now())
        return Response(shape_of_replay(replay))
