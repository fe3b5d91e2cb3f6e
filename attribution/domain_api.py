"""The API of a project's own hosts: list, claim, look into DNS, name the apps, give up."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attribution import domains
from attribution.link_api import ERRORS, Strict
from attribution.models import Domain
from customers.api import ProjectView
from growthplatform.core.errors import InvalidField, NotFound

PLACES = {"ios_app_ids": "ios", "android_package": "android.package", "android_fingerprints": "android.fingerprints"}


class HostInput(Strict):
    host = serializers.CharField(help_text="go.example.com")


class AndroidInput(Strict):
    package = serializers.CharField(required=False, allow_blank=True, default="")
    fingerprints = serializers.ListField(child=serializers.CharField(), required=False, default=list, max_length=20)


class DomainChange(Strict):
    ios = serializers.ListField(
        child=serializers.CharField(), required=False, max_length=20, help_text="TEAMID.bundle.id"
    )
    android = AndroidInput(required=False)
    verify = serializers.BooleanField(required=False, help_text="Look into DNS now.")


def shape_of(domain: Domain) -> dict[str, Any]:
    """Return a host as the API shows it."""
    return {
        "host": domain.host,
        "verifiedAt": domain.verified_at,
        "checkedAt": domain.checked_at,
        "problem": domain.problem,
        "record": {"type": "TXT", "name": domains.proof_name(domain), "value": domains.proof_of(domain)},
        "ios": domain.ios_app_ids,
        "android": {"package": domain.android_package, "fingerprints": domain.android_fingerprints},
    }


GO: dict[str, Any] = {
    "host": "go.techstart.example",
    "verifiedAt": "2026-11-20T09:41:30Z",
    "checkedAt": "2026-11-20T09:41:30Z",
    "problem": "",
    "record": {
        "type": "TXT",
        "name": "_growth-platform.go.techstart.example",
        "value": "growth-platform-verify=a1b2c3d4e5f60718293a4b5c6d7e8f90",
    },
    "ios": ["ABCDE12345.com.techstart.mobile"],
    "android": {"package": "", "fingerprints": []},
}
ONE = OpenApiExample("A verified host", value=GO, response_only=True, status_codes=["200", "201"])
NO_HOST = {404: OpenApiResponse(dict, "No such host in this project."), **ERRORS}


class DomainsView(ProjectView):
    """What list and single host share."""

    def domain(self, host: str) -> Domain:
        found = Domain.objects.select_related("project").filter(project=self.project, host=host.lower()).first()
        if found is None:
            raise NotFound(f"There is no host {host!r} in this project.")
        return found


class DomainList(DomainsView):
    @extend_schema(
        operation_id="list_domains",
        summary="List the project's own hosts",
        tags=["Links"],
        responses={200: OpenApiResponse(dict, "By name, at most 20."), **ERRORS},
        examples=[OpenApiExample("One host", value={"results": [GO]}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the project's own hosts, each with the TXT record that proves it."""
        found = Domain.objects.filter(project=self.project).order_by("host")
        return Response({"results": [shape_of(domain) for domain in found]})

    @extend_schema(
        operation_id="claim_domain",
        summary="Claim a host",
        tags=["Links"],
        request=HostInput,
        responses={
            201: OpenApiResponse(dict, "The host, with the record that proves it. It serves nothing yet."),
            400: OpenApiResponse(dict, "That is nobody's public host."),
            409: OpenApiResponse(dict, "Another project has verified it."),
            **ERRORS,
        },
        examples=[OpenApiExample("A host", value={"host": "go.techstart.example"}, request_only=True), ONE],
    )
    def post(self, request: Request) -> Response:
        """Claim a host. Safe to repeat: the claim that is there is answered."""
        sent = HostInput(data=request.data)
        sent.is_valid(raise_exception=True)
        return Response(shape_of(domains.add(self.project, sent.validated_data["host"])), status=201)


class DomainOne(DomainsView):
    @extend_schema(
        operation_id="change_domain",
        summary="Name a host's apps, or verify it",
        tags=["Links"],
        request=DomainChange,
        responses={
            200: OpenApiResponse(dict, "The host as it is now; `problem` says what DNS lacks."),
            400: OpenApiResponse(dict, "A field is wrong; `detail` names each."),
            409: OpenApiResponse(dict, "Another project has verified it."),
            **NO_HOST,
        },
        examples=[
            OpenApiExample("Look into DNS", value={"verify": True}, request_only=True),
            OpenApiExample("An app", value={"ios": ["ABCDE12345.com.techstart.mobile"]}, request_only=True),
            ONE,
        ],
    )
    def patch(self, request: Request, host: str) -> Response:
        """Change what is given and leave the rest; `verify` looks into DNS, which can take some seconds."""
        domain = self.domain(host)
        sent = DomainChange(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        given = sent.validated_data
        if {"ios", "android"} & set(given):
            android = given.get("android")
            try:
                domains.set_apps(
                    domain,
                    ios_app_ids=given.get("ios", domain.ios_app_ids),
                    android_package=android.get("package", "") if android else domain.android_package,
                    android_fingerprints=android.get("fingerprints", []) if android else domain.android_fingerprints,
                )
            except InvalidField as problem:
                rows = [{**row, "field": PLACES[row["field"]]} for row in problem.detail]
                raise InvalidField(" ".join(f"{row['field']}: {row['message']}" for row in rows), detail=rows) from None
        if given.get("verify"):
            domains.check(domain, now=timezone.now())
        return Response(shape_of(domain))

    @extend_schema(
        operation_id="remove_domain",
        summary="Give a host up",
        tags=["Links"],
        responses={204: OpenApiResponse(description="Its addresses lead nowhere from now on."), **NO_HOST},
    )
    def delete(self, request: Request, host: str) -> Response:
        """Give a host up: ads and posters that carry it stop working; its links go on at the usual address."""
        domains.remove(self.domain(host))
        return Response(status=204)
