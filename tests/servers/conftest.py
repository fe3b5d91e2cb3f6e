"""A whole product of these tests' own."""

from tests.servers.whole import whole

__all__ = ["whole"]
