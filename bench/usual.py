"""What the product is measured against: the same table written the usual way, by DRF serializers and bulk_create."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "growthplatform.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.db import models, transaction  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import BasicAuthentication  # noqa: E402
from rest_framework.parsers import JSONParser  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from customers.services import find_caller  # noqa: E402
from events.store import key_of  # noqa: E402


class UsualEvent(models.Model):  # noqa: DJ008
    id = models.BigAutoField(primary_key=True)
    project_id = models.BigIntegerField()
    message_id = models.CharField(max_length=100)
    type = models.CharField(max_length=10)
    name = models.TextField(null=True)  # noqa: DJ001
    user_id = models.TextField(null=True)  # noqa: DJ001
    anonymous_id = models.TextField(null=True)  # noqa: DJ001
    ts = models.DateTimeField()
    received_at = models.DateTimeField()
    properties = models.JSONField()
    context = models.JSONField()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "events_event"


class UsualMessage(models.Model):  # noqa: DJ008
    project_id = models.BigIntegerField(primary_key=True)
    key = models.UUIDField()
    received_at = models.DateTimeField()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "events_message"


class CallSerializer(serializers.Serializer):  # type: ignore[type-arg]
    type = serializers.ChoiceField(choices=["track", "identify", "page", "screen", "group", "alias"])
    event = serializers.CharField(max_length=256)
    anonymousId = serializers.CharField(max_length=512)  # noqa: N815
    messageId = serializers.CharField(max_length=100)  # noqa: N815
    timestamp = serializers.DateTimeField()
    properties = serializers.DictField()
    context = serializers.DictField()


class BatchSerializer(serializers.Serializer):  # type: ignore[type-arg]
    batch = CallSerializer(many=True)
    sentAt = serializers.DateTimeField()  # noqa: N815


class KeyAuthentication(BasicAuthentication):
    def authenticate_credentials(self, userid, password, request=None):  # type: ignore[no-untyped-def]
        return (find_caller(userid), None)


class Usual(APIView):
    authentication_classes = (KeyAuthentication,)
    parser_classes = (JSONParser,)

    def post(self, request):  # type: ignore[no-untyped-def]
        data = BatchSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        now, project = timezone.now(), request.user.project_id
        calls = data.validated_data["batch"]
        with transaction.atomic():
            UsualMessage.objects.bulk_create(
                [UsualMessage(project_id=project, key=key_of(call["messageId"]), received_at=now) for call in calls],
                ignore_conflicts=True,
            )
            UsualEvent.objects.bulk_create(
                UsualEvent(
                    project_id=project,
                    message_id=call["messageId"],
                    type=call["type"],
                    name=call["event"],
                    anonymous_id=call["anonymousId"],
                    ts=call["timestamp"],
                    received_at=now,
                    properties=call["properties"],
                    context=call["context"],
                )
                for call in calls
            )
        return Response({"success": True})


def livez(request):  # type: ignore[no-untyped-def]
    from django.http import HttpResponse

    return HttpResponse("ok")


urlpatterns = [path("usual", Usual.as_view()), path("livez", livez)]
settings.ROOT_URLCONF = "bench.usual"
settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
application = WSGIHandler()
