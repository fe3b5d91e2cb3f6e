"""Organizations, members, projects, keys: who owns what, and who may do it."""
