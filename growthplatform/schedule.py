"""What beat runs for the jobs that take more than one app: task and seconds between two runs."""

SCHEDULE = {
    "Tell the house project of sign-ups": ("growthplatform.tasks.record_sign_ups", 5),
    "Erase deleted projects": ("growthplatform.tasks.erase_projects", 15),
}
