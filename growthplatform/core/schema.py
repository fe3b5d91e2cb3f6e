"""How the API describes itself."""

from drf_spectacular.openapi import AutoSchema


class Schema(AutoSchema):
    """Describe bodies as JSON: what comes under another media type is read as JSON too, which is for old clients."""

    def map_parsers(self) -> list[str]:
        return ["application/json"]
