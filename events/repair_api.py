"""The API of repair rules: tried, kept, paused, deleted."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api import ProjectView
from events import repair_rules
from events.models import RepairRule
from events.vendor_api import ERRORS, Strict
from growthplatform.core.paging import limit_of, paginate

RULE_INPUT = {
    "name": "Add “id” before the app id",
    "code": "id_prefix_missing",
    "path": "/inappevent/",
    "field": "path",
    "action": "prefix",
    "value": "id",
}
RULE: dict[str, Any] = {
    "id": 4,
    **RULE_INPUT,
    "old": "",
    "says": "Put “id” before the last part of the address",
    "repaired": 37,
    "stillRefused": 4,
    "toTry": 0,
    "paused": False,
    "createdAt": "2026-11-20T10:38:42+00:00",
}
PREVIEW = {
    "waiting": 41,
    "lookedAt": 41,
    "wouldRepair": 37,
    "unchanged": 1,
    "stillRefused": [{"message": "appsflyer_id: is a mandatory field.", "count": 3}],
}


class RuleInput(Strict):
    name = serializers.CharField(required=False, allow_blank=True, max_length=100)
    code = serializers.CharField(max_length=40, help_text="Of the refusals that it repairs.")
    path = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="How their address begins; any when absent."
    )
    field = serializers.CharField(
        max_length=100, help_text='A member of the body, "a.b" inside an object, or "path": the end of the address.'
    )
    action = serializers.ChoiceField(choices=RepairRule.Action.choices)
    value = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, max_length=300, help_text="Text, or JSON such as {}."
    )
    old = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, max_length=300, help_text="Of replace: what goes."
    )


class RuleChange(Strict):
    paused = serializers.BooleanField()


def rule_json(rule: RepairRule) -> dict[str, Any]:
    """Return a rule as the API shows it, with what it has done."""
    done = repair_rules.progress(rule)
    return {
        "id": rule.pk,
        "name": rule.name,
        "code": rule.code,
        "path": rule.path,
        "field": rule.field,
        "action": rule.action,
        "value": rule.value,
        "old": rule.old,
        "says": repair_rules.words_of(rule),
        "repaired": done.repaired,
        "stillRefused": done.wrong,
        "toTry": done.left,
        "paused": rule.paused_at is not None,
        "createdAt": rule.created_at,
    }


def _sent(request: Request) -> dict[str, str]:
    sent = RuleInput(data=request.data)
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


class RepairRuleList(ProjectView):
    @extend_schema(
        operation_id="list_repair_rules",
        summary="List the rules that repair refused events",
        tags=["Rejected events"],
        parameters=[
            OpenApiParameter("limit", int, description="Up to 500; 50 when absent."),
            OpenApiParameter("cursor", str, description="The `next` of the page before."),
        ],
        responses={200: OpenApiResponse(dict, "Newest first; `next` is null on the last page."), **ERRORS},
        examples=[OpenApiExample("One rule", value={"results": [RULE], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the project's repair rules with what each has done."""
        rows = RepairRule.objects.filter(project=self.project)
        query = request.query_params
        found = paginate(rows, ["-id"], cursor=query.get("cursor", ""), limit=limit_of(query))
        return Response({"results": [rule_json(row) for row in found.rows], "next": found.next})

    @extend_schema(
        operation_id="create_repair_rule",
        summary="Repair refused events by a rule",
        tags=["Rejected events"],
        request=RuleInput,
        responses={
            201: OpenApiResponse(dict, "What waits is repaired within seconds, and so is what comes."),
            400: OpenApiResponse(dict, "A field is missing or wrong; `detail` names it."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("The prefix of iOS ids", value=RULE_INPUT, request_only=True),
            OpenApiExample("Kept", value=RULE, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Keep a rule; ask `preview` first what it would do."""
        return Response(rule_json(repair_rules.create(self.project, _sent(request))), status=201)


class RepairRulePreview(ProjectView):
    @extend_schema(
        operation_id="preview_repair_rule",
        summary="Say what a repair rule would do",
        tags=["Rejected events"],
        request=RuleInput,
        responses={
            200: OpenApiResponse(dict, "Tried on the newest 100 refusals it is for; nothing is kept or stored."),
            400: OpenApiResponse(dict, "A field is missing or wrong; `detail` names it."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("The prefix of iOS ids", value=RULE_INPUT, request_only=True),
            OpenApiExample("37 of 41", value=PREVIEW, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Try a rule on what waits, without keeping anything."""
        shown = repair_rules.preview(repair_rules.draft(self.project, _sent(request)))
        return Response(
            {
                "waiting": shown.waiting,
                "lookedAt": shown.looked_at,
                "wouldRepair": shown.repaired,
                "unchanged": shown.unchanged,
                "stillRefused": [{"message": message, "count": count} for message, count in shown.wrong.items()],
            }
        )


class RepairRuleDetail(ProjectView):
    def _mine(self, repair_rule_id: int) -> RepairRule:
        return get_object_or_404(RepairRule.objects.select_related("project"), project=self.project, pk=repair_rule_id)

    @extend_schema(
        operation_id="read_repair_rule",
        summary="Read a repair rule",
        tags=["Rejected events"],
        responses={200: OpenApiResponse(dict), 404: OpenApiResponse(dict, "The project has no such rule."), **ERRORS},
        examples=[OpenApiExample("One rule", value=RULE, response_only=True)],
    )
    def get(self, request: Request, repair_rule_id: int) -> Response:
        """Return a rule with what it repaired, could not repair, and has still to try."""
        return Response(rule_json(self._mine(repair_rule_id)))

    @extend_schema(
        operation_id="pause_repair_rule",
        summary="Pause or resume a repair rule",
        tags=["Rejected events"],
        request=RuleChange,
        responses={200: OpenApiResponse(dict), 404: OpenApiResponse(dict, "The project has no such rule."), **ERRORS},
        examples=[
            OpenApiExample("Pause", value={"paused": True}, request_only=True),
            OpenApiExample("Paused", value={**RULE, "paused": True}, response_only=True),
        ],
    )
    def patch(self, request: Request, repair_rule_id: int) -> Response:
        """Let a rule rest or work again, then also on what came meanwhile. Safe to repeat."""
        rule, sent = self._mine(repair_rule_id), RuleChange(data=request.data)
        sent.is_valid(raise_exception=True)
        change = repair_rules.pause if sent.validated_data["paused"] else repair_rules.resume
        change(rule, now=timezone.now())
        return Response(rule_json(self._mine(repair_rule_id)))

    @extend_schema(
        operation_id="delete_repair_rule",
        summary="Delete a repair rule",
        tags=["Rejected events"],
        responses={
            204: OpenApiResponse(description="What it repaired stays stored."),
            404: OpenApiResponse(dict, "The project has no such rule."),
            **ERRORS,
        },
    )
    def delete(self, request: Request, repair_rule_id: int) -> Response:
        """Delete a rule."""
        repair_rules.remove(self._mine(repair_rule_id))
        return Response(status=204)
