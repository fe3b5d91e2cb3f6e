"""Reports of analytics: SQL in, dataclasses out."""
