"""What operators count of the stream, in Prometheus' words."""

from prometheus_client import Counter

EVENTS = Counter("growth_events", "Events that came in, by what became of them.", ["outcome"])
STORED, REPEATED, REFUSED = (EVENTS.labels(outcome) for outcome in ("stored", "repeated", "refused"))
REQUESTS = Counter("growth_ingest_requests", "Requests to the doors of events, by status.", ["status"])
