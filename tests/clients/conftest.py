"""The running product, a project of it, a proxy that breaks connections, a browser."""

from tests.browser import chromium
from tests.clients.proxy import faulty
from tests.live import product, shop

__all__ = ["chromium", "faulty", "product", "shop"]
