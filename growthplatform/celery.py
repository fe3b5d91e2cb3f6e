"""The Celery application: `celery -A growthplatform worker` and `… beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "growthplatform.settings")

app = Celery("growthplatform", include=["growthplatform.tasks"])
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
