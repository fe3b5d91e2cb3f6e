"""What beat runs for attribution: task and seconds between two runs."""

SCHEDULE = {
    "Decide new installs": ("attribution.tasks.attribute_pending", 1),
    "Tell decisions to the stream": ("attribution.tasks.announce_decisions", 2),
    "Tie conversions to installs": ("attribution.tasks.link_conversions", 60),
    "Make day-old decisions final": ("attribution.tasks.finish_decisions", 60),
    "Ask Apple about installs": ("attribution.tasks.ask_apple", 2),
    "Read Meta's messages with new keys": ("attribution.tasks.read_meta_again", 60),
    "Look for fraud in whole sources": ("attribution.tasks.watch_sources", 3600),
    "Learn how installs are matched by network": ("attribution.tasks.learn_matching", 3600),
    "Forget touches and installs past their retention": ("attribution.tasks.forget_old", 6 * 3600),
    "Throw away drafts of spend": ("attribution.tasks.forget_drafts", 6 * 3600),
    "Decide periods again that are replayed": ("attribution.tasks.work_on_replays", 1),
    "Give Apple's postbacks to the projects of their apps": ("attribution.tasks.adopt_postbacks", 60),
    "Make postbacks": ("attribution.tasks.make_postbacks", 5),
    "Send postbacks": ("attribution.tasks.send_postbacks", 2),
    "Send copies on to other vendors": ("attribution.tasks.send_vendor_copies", 2),
    "Forget copies for other vendors": ("attribution.tasks.forget_vendor_copies", 6 * 3600),
    "Write raw data into files": ("attribution.tasks.write_exports", 2),
    "Remove files of raw data whose days are over": ("attribution.tasks.expire_exports", 3600),
    "Read raw data of other vendors": ("attribution.tasks.read_vendor_files", 2),
}
