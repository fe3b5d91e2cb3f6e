"""What beat runs for events: task and seconds between two runs."""

SCHEDULE = {
    "Read new events into people and day counts": ("events.tasks.read_log", 1),
    "Create the log's partitions ahead": ("events.tasks.create_partitions", 3600),
    "Forget what is past its retention": ("events.tasks.forget_old", 6 * 3600),
}
