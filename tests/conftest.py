"""What all tests share: real servers under them, an API client, a project with keys."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import django
import pytest
from django.db import connections

from growthplatform import launcher

# Here, so that it prints also when workers run the tests.
pytest_plugins = ["tests.dialects.counting"]

# Before Django reads its settings: the embedded PostgreSQL and Redis, unless DATABASE_URL and REDIS_URL name others.
launcher.ensure()
os.environ.setdefault("EMAIL_URL", "console:")
# Tests tell more of a story and ask again at once.
os.environ.setdefault("ANALYTICS_FRESH_SECONDS", "0")
# Here and not in pyproject.toml: pytest-django would read the settings before this file is.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "growthplatform.settings")
django.setup()
# Each commit of a test need not reach the disk: tests of what outlives a crash start servers of their own.
connections.settings["default"]["OPTIONS"]["options"] = "-c synchronous_commit=off"


@pytest.fixture(autouse=True)
def _fresh_process_memory() -> Iterator[None]:
    """Tests share a process; what it remembers of keys and limits must not cross from one to the next."""
    from customers.services import forget_cached
    from customers.throttle import forget_limits

    forget_cached()
    forget_limits()
    yield
    forget_cached()


@pytest.fixture(autouse=True, scope="session")
def _tables_emptied_row_by_row() -> Iterator[None]:
    """Empty tables after a test that committed by DELETE: their rows are few, and TRUNCATE makes 500 files anew, which
    took half a second a test.
    """
    from django.db.backends.postgresql.operations import DatabaseOperations

    def deleting(self: DatabaseOperations, style: Any, tables: Sequence[str], **_: Any) -> list[str]:
        return [f"DELETE FROM {self.quote_name(table)}" for table in tables]

    before = DatabaseOperations.sql_flush
    DatabaseOperations.sql_flush = deleting
    yield
    DatabaseOperations.sql_flush = before


@pytest.fixture(autouse=True, scope="session")
def _plain_static_files() -> Iterator[None]:
    """Pages are tested without the built files' manifest, so that no build is needed for them."""
    from django.conf import settings

    # On a clean checkout nothing was collected yet, and a missing folder is a warning.
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    before = settings.STORAGES["staticfiles"]
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    yield
    settings.STORAGES["staticfiles"] = before


@pytest.fixture(autouse=True, scope="session")
def _segments_of_these_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests seal lies apart from the product's own files."""
    from django.conf import settings

    settings.SEGMENTS_URL = str(tmp_path_factory.mktemp("segments"))
    settings.SEGMENT_CACHE = tmp_path_factory.mktemp("copies")
