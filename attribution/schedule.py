"""What beat runs for attribution: task and seconds between two runs."""

SCHEDULE = {
    "Decide new installs": ("attribution.tasks.attribute_pending", 1),
    "Make day-old decisions final": ("attribution.tasks.finish_decisions", 60),
}
