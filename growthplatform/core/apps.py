from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "growthplatform.core"
    label = "core"
