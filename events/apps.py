from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self) -> None:
        # The store teaches psycopg its types, which connections copy when the first one opens.
        from events import store  # noqa: F401
