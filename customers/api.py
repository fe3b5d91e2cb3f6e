"""Who calls the API: a key becomes `self.caller` and `self.project` of a view."""

from functools import cached_property
from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from customers.keys import Caller, find_caller, key_in
from customers.models import Project
from growthplatform.core.api import OnlyJson
from growthplatform.core.errors import Forbidden, Unauthorized


class MissingKey(Unauthorized):
    code = "missing_key"
    message = (
        'No key came with the request: send "Authorization: Bearer <key>", or the key as user name of Basic;'
        " a call of an event client may also carry it as writeKey in the body."
    )


class InvalidKey(Unauthorized):
    code = "invalid_key"
    message = "This key is unknown, revoked or run out. The project's keys are under Settings, Keys."


class SecretKeyRequired(Forbidden):
    code = "secret_key_required"
    message = "A write key only sends events. Reading and managing take a secret key (sk_…)."


def get_caller(key: str, *, secret: bool) -> Caller:
    """Return who `key` belongs to.

    Raises MissingKey for "", InvalidKey for one that opens nothing, SecretKeyRequired for a write key where
    `secret` is asked for.
    """
    if not key:
        raise MissingKey
    caller = find_caller(key)
    if caller is None:
        raise InvalidKey
    if secret and not caller.secret:
        raise SecretKeyRequired
    return caller


class SecretKey(BaseAuthentication):
    """Let in who sends a secret key."""

    secret = True

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        return None, get_caller(key_in(request.META.get("HTTP_AUTHORIZATION", "")), secret=self.secret)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="growth"'


class AnyKey(SecretKey):
    """Let in who sends a write key or a secret key."""

    secret = False


class ProjectView(APIView):
    """A view of the management API: a secret key says which project is meant."""

    authentication_classes = [SecretKey]

    @property
    def caller(self) -> Caller:
        caller: Any = self.request.auth
        return cast("Caller", caller)

    @cached_property
    def project(self) -> Project:
        """The key's project, read when first asked for. Raises InvalidKey when it was deleted a moment ago."""
        found = Project.objects.select_related("organization").filter(pk=self.caller.project_id).first()
        if found is None:
            raise InvalidKey
        return found


class IngestView(ProjectView):
    """A view that takes events: a write key is enough."""

    authentication_classes = [AnyKey]
    content_negotiation_class = OnlyJson


class SecretKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = SecretKey
    name = "secretKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A secret key, sk_…"}


class AnyKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = AnyKey
    name = "writeKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "basic", "description": "The write key, wk_…, as the user name"}
