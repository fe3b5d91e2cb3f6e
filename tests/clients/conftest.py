"""The running product, a project of it, and a proxy that breaks connections."""

from tests.clients.proxy import faulty
from tests.live import product, shop

__all__ = ["faulty", "product", "shop"]
