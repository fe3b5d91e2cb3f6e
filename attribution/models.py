"""Links and touches, installs, and the decision which touch brought which install."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class LinkQuerySet(models.QuerySet["Link"]):
    def live(self) -> "LinkQuerySet":
        return self.filter(archived_at=None)

    def matching(self, words: str) -> "LinkQuerySet":
        """Keep those whose name, slug or source contains `words`."""
        words = words.strip().replace("\x00", "")
        in_it = models.Q(name__icontains=words) | models.Q(slug__icontains=words) | models.Q(source__icontains=words)
        return self.filter(in_it) if words else self.all()


class Link(models.Model):
    """A trackable address that an ad, a post or a QR code carries."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="links")
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100, help_text="The campaign.")
    source = models.CharField(max_length=60, help_text="Who shows the ad: tiktok, meta, google, newsletter …")
    medium = models.CharField(max_length=60, blank=True)
    content = models.CharField(max_length=200, blank=True)
    term = models.CharField(max_length=200, blank=True)
    campaign_id = models.CharField(max_length=100, blank=True)
    publisher = models.CharField(max_length=100, blank=True)
    ios_url = models.URLField("App Store address", max_length=500, blank=True)
    android_url = models.URLField("Google Play address", max_length=500, blank=True)
    fallback_url = models.URLField("Address for everybody else", max_length=500)
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    # Set by queries.count_links, for its period.
    taps: int
    installs: int
    share: float

    objects = LinkQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["project", "-created_at", "-id"], name="links_newest")]

    def __str__(self) -> str:
        return self.name


class Touch(models.Model):
    """A click on an ad, or a view of one."""

    class Type(models.TextChoices):
        CLICK = "click"
        IMPRESSION = "impression"

    # The unique key below begins with the project, so an index of its own would only slow the writing.
    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="touches", db_index=False)
    touch_id = models.CharField(max_length=100, help_text="Ours (tch_…) or the sender's; also the click id.")
    type = models.CharField(max_length=10, choices=Type.choices)
    link = models.ForeignKey(Link, models.SET_NULL, null=True, related_name="touches")
    ts = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)
    clamped = models.BooleanField(default=False, help_text="It claimed the future, so `ts` is its arrival.")
    source = models.CharField(max_length=60)
    medium = models.CharField(max_length=60, blank=True)
    campaign = models.CharField(max_length=100, blank=True)
    content = models.CharField(max_length=200, blank=True)
    term = models.CharField(max_length=200, blank=True)
    campaign_id = models.CharField(max_length=100, blank=True)
    publisher = models.CharField(max_length=100, blank=True)
    network_click_id = models.CharField(max_length=200, blank=True, help_text="The ad network's own id of the click.")
    device_id = models.CharField(max_length=100, blank=True)
    advertising_id = models.CharField(max_length=100, blank=True, help_text="In lower case.")
    ip = models.GenericIPAddressField(null=True)
    app = models.CharField(max_length=155, blank=True, help_text="Bundle id or package, where a project has several.")
    os_name = models.CharField(max_length=40, blank=True, help_text="In lower case.")
    os_version = models.CharField(max_length=40, blank=True)
    device_model = models.CharField(max_length=100, blank=True)
    user_agent = models.TextField(blank=True)
    locale = models.CharField(max_length=40, blank=True)
    time_zone = models.CharField(max_length=50, blank=True)
    screen = models.CharField(max_length=20, blank=True, help_text="1170x2532")
    bot = models.BooleanField(default=False, help_text="Answered, but neither counted nor ever credited.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "touch_id"], name="touch_once")]
        indexes = [
            # Only clicks are ever matched by network, and a bot's never.
            models.Index(
                fields=["project", "ip", "ts"],
                name="touch_by_network",
                condition=models.Q(bot=False, type="click", ip__isnull=False),
            ),
            models.Index(
                fields=["project", "advertising_id", "ts"],
                name="touch_by_advertising_id",
                condition=~models.Q(advertising_id=""),
            ),
            models.Index(
                fields=["project", "device_id", "ts"], name="touch_by_device_id", condition=~models.Q(device_id="")
            ),
            # With what campaigns and links are counted by, so that counting need not read the rows themselves.
            models.Index(
                fields=["project", "-ts", "-id"],
                include=["type", "bot", "link", "source", "campaign"],
                name="touch_newest",
            ),
        ]

    def __str__(self) -> str:
        return self.touch_id


class Install(models.Model):
    """A first open of an app: an "Application Installed" event, read once from the stream."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="installs", db_index=False)
    message_id = models.CharField(max_length=100)
    distinct_id = models.TextField(help_text="The user id or anonymous id of the event.")
    installed_at = models.DateTimeField()
    received_at = models.DateTimeField()
    click_id = models.CharField(max_length=200, blank=True)
    referrer_click_id = models.CharField(max_length=200, blank=True, help_text="click_id inside the install referrer.")
    install_referrer = models.TextField(blank=True)
    referrer_click_at = models.DateTimeField(null=True)
    install_begin_at = models.DateTimeField(null=True)
    device_id = models.CharField(max_length=100, blank=True)
    advertising_id = models.CharField(max_length=100, blank=True)
    ip = models.GenericIPAddressField(null=True)
    app = models.CharField(max_length=155, blank=True)
    os_name = models.CharField(max_length=40, blank=True)
    os_version = models.CharField(max_length=40, blank=True)
    device_model = models.CharField(max_length=100, blank=True)
    ad_tracking = models.BooleanField(null=True, help_text="context.device.adTrackingEnabled: consent, on iOS.")
    pending = models.BooleanField(default=True, help_text="Waits for its decision.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "message_id"], name="install_once")]
        indexes = [
            models.Index(fields=["id"], name="install_pending", condition=models.Q(pending=True)),
            models.Index(fields=["project", "-installed_at", "-id"], name="install_newest"),
            models.Index(fields=["received_at"], name="install_arrival"),
        ]

    def __str__(self) -> str:
        return self.message_id


class LateBatch(models.Model):
    """Touches that came by POST, so after their time: decisions already made may have to be made again.

    Written in the transaction of its touches, and deleted in the one that sets the installs pending.
    """

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="+")
    touches = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        return f"{len(self.touches)} touches"


class RuleSet(models.Model):
    """The rules that decisions follow, in one version; a changed rule is a new row."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="rule_sets")
    version = models.PositiveIntegerField()
    rules = models.JSONField(help_text="The fields of attribution.matching.Rules.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="rule_set_version_once")]

    def __str__(self) -> str:
        return f"rule set {self.version}"


class Decision(models.Model):
    """Which touch an install is credited to, or organic, under which rules."""

    class Kind(models.TextChoices):
        INSTALL = "install"

    class State(models.TextChoices):
        PROVISIONAL = "provisional"
        FINAL = "final"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="decisions", db_index=False)
    install = models.OneToOneField(Install, models.CASCADE, related_name="decision")
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.INSTALL)
    state = models.CharField(max_length=12, choices=State.choices)
    tier = models.CharField(max_length=20)
    probability = models.FloatField(null=True)
    touch = models.ForeignKey(Touch, models.SET_NULL, null=True, related_name="decisions")
    source = models.CharField(max_length=60, help_text="Copied from the touch, or organic.")
    campaign = models.CharField(max_length=100, blank=True)
    installed_at = models.DateTimeField()
    decided_at = models.DateTimeField(default=timezone.now)
    rule_set = models.ForeignKey(RuleSet, models.PROTECT, related_name="decisions")
    revision = models.PositiveIntegerField(default=1, help_text="Rises each time a late touch changes the decision.")
    considered = models.PositiveIntegerField(default=0, help_text="Touches that were found, also beyond those kept.")

    class Meta:
        indexes = [
            models.Index(fields=["project", "-installed_at", "-id"], name="decision_newest"),
            models.Index(fields=["project", "source", "campaign", "installed_at"], name="decision_by_campaign"),
            models.Index(fields=["id"], name="decision_provisional", condition=models.Q(state="provisional")),
        ]

    def __str__(self) -> str:
        return f"dec_{self.pk}"


class Candidate(models.Model):
    """A touch that a decision weighed, and why it won or lost."""

    decision = models.ForeignKey(Decision, models.CASCADE, related_name="candidates", db_index=False)
    touch = models.ForeignKey(Touch, models.CASCADE, related_name="+")
    tier = models.CharField(max_length=20)
    eligible = models.BooleanField()
    credited = models.BooleanField(default=False)
    reasons = models.JSONField(default=list)
    age_s = models.FloatField(help_text="Seconds from the touch to the install.")
    probability = models.FloatField(null=True)
    fraud = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["decision", "touch"], name="candidate_once")]

    def __str__(self) -> str:
        return f"{self.touch} for {self.decision}"
