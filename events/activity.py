"""Who was active on which day, as relations that reports of other apps join in a statement of their own."""

# Columns project_id, distinct_id, person_id: the person behind each id that events carry.
PEOPLE_SQL = "(SELECT project_id, value AS distinct_id, person_id FROM events_identity)"
# Columns project_id, person_id, day: one row for each day, in the project's zone, on which a person did anything.
ACTIVE_DAYS_SQL = "(SELECT project_id, person_id, day FROM events_personday)"
