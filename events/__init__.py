"""Ingestion and the event log: the one stream that all products read."""
