"""Fraud: rules that everybody may read and set, what strikes them, and what the hourly job finds."""
