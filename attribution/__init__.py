"""Which touch brought which install, and why."""
