"""Sealed events: Parquet files of a project, each committed by a row of Segment."""
