"""Postbacks: networks and webhooks are told of what was decided, signed, at least once, and of corrections."""
