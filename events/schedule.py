"""What beat runs for events: task and seconds between two runs."""

SCHEDULE = {
    "Read new events into people and day counts": ("events.tasks.read_log", 1),
    "Create the log's partitions ahead": ("events.tasks.create_partitions", 3600),
    "Seal events into files": ("events.tasks.seal", 30),
    "Make few sealed files of many": ("events.tasks.compact", 300),
    "Let sealed rows say the people of now": ("events.tasks.apply_merges", 6 * 3600),
    "Remove sealed files and partitions that nobody needs": ("events.tasks.tidy_store", 600),
    "Erase people from sealed files": ("events.tasks.erase_people", 60),
    "Repair refused events by rules": ("events.tasks.repair_refused", 10),
    "Forget what is past its retention": ("events.tasks.forget_old", 6 * 3600),
}
