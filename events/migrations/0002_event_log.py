"""The event log is partitioned and written by COPY, so its table is SQL."""

from django.db import migrations

LOG = """
CREATE SEQUENCE events_event_id_seq AS bigint CACHE 50;
CREATE TABLE events_event (
    id bigint NOT NULL DEFAULT nextval('events_event_id_seq'),
    project_id bigint NOT NULL,
    message_id varchar(100) NOT NULL,
    type varchar(10) NOT NULL,
    name text,
    user_id text,
    anonymous_id text,
    ts timestamptz NOT NULL,
    claimed_at timestamptz,
    received_at timestamptz NOT NULL,
    clamped boolean NOT NULL DEFAULT false,
    ip inet,
    properties jsonb NOT NULL,
    context jsonb NOT NULL,
    -- the writing transaction: below the oldest one still running nothing can appear any more
    position bigint NOT NULL DEFAULT (pg_current_xact_id()::text)::bigint
) PARTITION BY RANGE (received_at);
CREATE TABLE events_event_default PARTITION OF events_event DEFAULT;
CREATE INDEX event_by_position ON events_event (position);
CREATE INDEX event_newest ON events_event (project_id, received_at, id);
CREATE INDEX event_by_person ON events_event (project_id, COALESCE(user_id, anonymous_id));

-- Each message id once in a project. Apart from the log, because a unique key on a partitioned table must hold the
-- partition key, and a repeat may arrive on another day or claim another time.
CREATE TABLE events_message (
    project_id bigint NOT NULL,
    key uuid NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, key)
);
CREATE INDEX message_age ON events_message USING brin (received_at) WITH (autosummarize = on);
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [
        migrations.RunSQL(
            LOG, "DROP TABLE events_message; DROP TABLE events_event; DROP SEQUENCE events_event_id_seq;"
        ),
    ]
