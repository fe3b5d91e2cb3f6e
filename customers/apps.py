from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "customers"

    def ready(self) -> None:
        """Begin the log of changes."""
        from customers.activity import watch

        watch()
