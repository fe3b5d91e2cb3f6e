"""Pages of analytics: home, people, search."""
