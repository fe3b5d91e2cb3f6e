"""What the demo's company does to be found: its links, and how well each of them works. No Django, no clock."""

from dataclasses import dataclass, field

from analytics.demo.cast import APP, SITE

IOS_STORE = "https://apps.apple.com/app/nimbus-notes/id6446123456"
ANDROID_STORE = f"https://play.google.com/store/apps/details?id={APP}"


@dataclass(frozen=True, slots=True)
class Campaign:
    """A link with its traffic.

    `installs` is its part of all credited ones, in each two weeks times `phases` (oldest first), `conversion` installs
    for a click (0-1), `views` impressions for a click, `android` the part of its people with Android (0-1). Taps
    `by_server` are reported by the ad network with the device's id, the others come over the link. A `returning`
    campaign calls people back who have the app and have been away.
    """

    slug: str
    name: str
    source: str
    medium: str
    installs: float
    conversion: float
    android: float = 0.55
    views: float = 0.0
    by_server: bool = False
    to_site: bool = False
    content: str = ""
    publishers: tuple[str, ...] = ("",)
    ad_sets: tuple[str, ...] = ("",)
    creatives: tuple[str, ...] = ("",)
    deep_link: str = ""
    returning: bool = False
    phases: tuple[float, float, float, float] = (1, 1, 1, 1)
    stores: dict[str, str] = field(default_factory=lambda: {"ios_url": IOS_STORE, "android_url": ANDROID_STORE})


CAMPAIGNS = (
    Campaign(
        "back-to-class",
        "Back to class",
        "tiktok",
        "cpi",
        21,
        0.11,
        0.62,
        content="15 s video",
        publishers=("feed", "topview"),
        ad_sets=("Students 18-24", "Lookalike 1%"),
        creatives=("Lecture in 15 s", "Before and after"),
        deep_link="nimbus://templates/lecture-notes",
    ),
    Campaign(
        "study-with-me",
        "Study with me",
        "tiktok",
        "creator",
        13,
        0.14,
        0.5,
        phases=(0.3, 0.6, 1, 1.5),
        content="Creators",
        ad_sets=("DE and AT", "English"),
        creatives=("@leas.notes", "@studyjonas", "@mayawrites"),
    ),
    Campaign(
        "lookalike-eu",
        "Lookalike EU",
        "meta",
        "cpm",
        17,
        0.08,
        0.58,
        views=2.2,
        by_server=True,
        publishers=("instagram_stories", "facebook_feed"),
        ad_sets=("Lookalike 1%", "Lookalike 3%"),
        creatives=("Carousel A", "Carousel B", "Video 9:16"),
        content="Carousel",
    ),
    Campaign(
        "students-retargeting",
        "Students, second try",
        "meta",
        "cpm",
        7,
        0.13,
        0.6,
        views=2.5,
        by_server=True,
        phases=(1.3, 1.3, 1.2, 0.5),
        publishers=("instagram_reels",),
        ad_sets=("Away for a week",),
        creatives=("Your notes miss you", "New templates"),
        deep_link="nimbus://templates",
        returning=True,
    ),
    Campaign(
        "brand-search",
        "Brand search",
        "google_ads",
        "cpc",
        15,
        0.2,
        0.7,
        content="Nimbus Notes",
        ad_sets=("Exact", "Phrase"),
    ),
    Campaign(
        "note-taking-apps",
        "Note taking apps",
        "google_ads",
        "cpc",
        8,
        0.09,
        0.7,
        by_server=True,
        content="Generic",
        ad_sets=("Notes", "To-do lists"),
    ),
    Campaign("asa-notes", "Notes keywords", "apple_search_ads", "cpt", 11, 0.24, 0.0, by_server=True),
    Campaign(
        "november-letter",
        "November letter",
        "newsletter",
        "email",
        6,
        0.17,
        0.5,
        to_site=True,
        phases=(0.1, 0.2, 1, 2.4),
    ),
    Campaign("campus-poster", "Campus poster", "qr", "print", 4, 0.31, 0.45, to_site=True, phases=(0.6, 0.9, 1, 1.2)),
    # An App Store address with a typing error: many taps and no install, as it happens.
    Campaign(
        "podcast-host",
        "Podcast, read by the host",
        "podcast",
        "audio",
        0,
        0.0,
        0.4,
        phases=(0, 0, 0.6, 1),
        stores={"ios_url": "https://apps.apple.com/app/nimbus-note/id644612345", "android_url": ANDROID_STORE},
    ),
)
# A network that is paid for each install and sends clicks for devices it has seen, tapped or not: where one of them
# installs the app on its own some day, the network claims it. Its clicks come hours and days before the install,
# spread evenly, which is what gives it away.
WALL = Campaign(
    "reward-wall",
    "Reward wall",
    "adnova",
    "cpi",
    0,
    0.0,
    1.0,
    by_server=True,
    publishers=("app-wall-77",),
    ad_sets=("Rewarded",),
)
WALL_DAYS = 26
WALL_CLAIMS = 0.8
WALL_CLICKS = 24
# The taps of the campaign that brings nobody, as a part of all the others.
DRY_TAPS = 0.03
LANDING = f"{SITE}/get"
