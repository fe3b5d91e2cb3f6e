"""Pages of events: the live feed, and what was refused."""
