"""Shared ground: errors, http, paging. No tables; knows no app."""
