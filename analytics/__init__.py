"""Reads everything below it: the overview of a project."""
