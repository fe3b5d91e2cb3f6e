"""Vendors' formats against what the vendors say of them: one table of dialects × cases at the end of the run."""

from collections.abc import Iterator

import pytest
from django.test import Client

from events.dialects import opt_outs, vendors
from tests.dialects.table import Desk, make_desk


@pytest.fixture(autouse=True)
def _fresh_apps() -> Iterator[None]:
    vendors.forget_cached()
    opt_outs.forget_cached()
    yield
    vendors.forget_cached()
    opt_outs.forget_cached()


@pytest.fixture
def desk(db: None, client: Client) -> Desk:
    """A project that has named an app at each vendor."""
    return make_desk(client)
