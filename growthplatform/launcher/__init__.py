"""Starts the product on one machine: its PostgreSQL and Redis, its first steps, its parts. Knows no Django app."""

from growthplatform.launcher.failures import CannotStart
from growthplatform.launcher.redis import broker_url
from growthplatform.launcher.servers import ensure

__all__ = ["CannotStart", "broker_url", "ensure"]
