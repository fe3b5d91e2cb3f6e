"""Links and touches, installs and conversions, decisions and the rules they follow, fraud, replays."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value
from django.db.models.functions import MD5
from django.utils import timezone

# What touches are counted by besides source and campaign.
TOUCH_CUTS = ("ad_set", "ad", "creative", "publisher", "country", "os_name")
# Rows come by COPY and by statements of our own too, which leave out what they don't know.
NO_LIST, NO_OBJECT = Value([], models.JSONField()), Value({}, models.JSONField())


class Signature(models.TextChoices):
    """What became of a signature; "" where there was none."""

    VALID = "valid"
    INVALID = "invalid"
    EXPIRED = "expired"


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
    ad_set = models.CharField(max_length=100, blank=True)
    ad = models.CharField(max_length=100, blank=True)
    creative = models.CharField(max_length=100, blank=True)
    deep_link = models.CharField(
        "Place inside the app", max_length=500, blank=True, help_text="A path or an address that the app opens."
    )
    domain = models.ForeignKey("Domain", models.SET_NULL, null=True, blank=True, related_name="links")
    expires_at = models.DateTimeField(null=True, blank=True)
    expired_url = models.URLField("Address after the end", max_length=500, blank=True)
    ios_url = models.URLField("App Store address", max_length=500, blank=True)
    android_url = models.URLField("Google Play address", max_length=500, blank=True)
    fallback_url = models.URLField("Address for everybody else", max_length=500)
    vendor_data = models.JSONField(
        default=dict,
        blank=True,
        help_text="What another vendor's client said when it made the link, as it wants it back.",
    )
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


class Domain(models.Model):
    """A host of the project's own that its links may stand on, with the apps that open its addresses."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="domains")
    host = models.CharField(max_length=253, help_text="In lower case, without a port.")
    token = models.CharField(max_length=64, help_text="What the TXT record must say.")
    verified_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True, help_text="What the last check found missing.")
    ios_app_ids = ArrayField(models.CharField(max_length=170), default=list, blank=True, help_text="TEAMID.bundle.id")
    android_package = models.CharField(max_length=155, blank=True)
    android_fingerprints = ArrayField(models.CharField(max_length=95), default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # Anybody can claim a host, so a claim must not keep its real holder out; only one can prove it.
        constraints = [
            models.UniqueConstraint(fields=["project", "host"], name="domain_claimed_once"),
            models.UniqueConstraint(
                fields=["host"], name="domain_verified_once", condition=models.Q(verified_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.host


class Touch(models.Model):
    """A click on an ad, or a view of one."""

    class Type(models.TextChoices):
        CLICK = "click"
        IMPRESSION = "impression"

    class Origin(models.TextChoices):
        META_REFERRER = "meta_referrer"
        APPLE_ADS = "apple_ads"

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
    ad_set = models.CharField(max_length=100, blank=True, db_default="")
    ad = models.CharField(max_length=100, blank=True, db_default="")
    creative = models.CharField(max_length=100, blank=True, db_default="")
    params = models.JSONField(
        default=dict, db_default=NO_OBJECT, help_text="Sub-ids and other parameters of the tapped address, as text."
    )
    deep_link = models.CharField(max_length=500, blank=True, db_default="")
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
    country = models.CharField(max_length=2, blank=True, db_default="", help_text="ISO 3166-1, in capitals.")
    user_id = models.CharField(
        max_length=200, blank=True, db_default="", help_text="The project's own id of the person."
    )
    email_sha256 = models.CharField(
        max_length=64, blank=True, db_default="", help_text="Of the trimmed address in lower case."
    )
    phone_sha256 = models.CharField(max_length=64, blank=True, db_default="", help_text="Of the number in E.164.")
    origin = models.CharField(
        max_length=20,
        choices=Origin.choices,
        blank=True,
        db_default="",
        help_text="Whose word it is: of a network that told us about it after the install.",
    )
    signature = models.CharField(max_length=10, choices=Signature.choices, blank=True, db_default="")
    flags = ArrayField(
        models.CharField(max_length=30), default=list, db_default=[], help_text="Fraud codes seen at the touch itself."
    )
    bot = models.BooleanField(default=False, help_text="Answered, but neither counted nor ever credited.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "touch_id"], name="touch_once")]
        indexes = [
            # Only clicks are ever matched by network, and a bot's never.
            models.Index(
                fields=["project", "ip", "ts"],
                include=["received_at"],
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
            models.Index(fields=["project", "user_id", "ts"], name="touch_by_user_id", condition=~models.Q(user_id="")),
            models.Index(
                fields=["project", "email_sha256", "ts"], name="touch_by_email", condition=~models.Q(email_sha256="")
            ),
            models.Index(
                fields=["project", "phone_sha256", "ts"], name="touch_by_phone", condition=~models.Q(phone_sha256="")
            ),
            # With all that campaigns and links are counted by, so that counting need not read the rows themselves. At
            # their longest, in four bytes a character, they stay within what a row of an index may have (2,704 bytes).
            models.Index(
                fields=["project", "-ts", "-id"],
                include=["type", "bot", "link", "source", "campaign", *TOUCH_CUTS],
                name="touch_newest",
            ),
            models.Index(fields=["project", "ts"], name="touch_told", condition=~models.Q(origin="")),
        ]

    def __str__(self) -> str:
        return self.touch_id


class Install(models.Model):
    """An open of an app that may have been brought by a touch, read once from the stream.

    Either the first one, "Application Installed", or one that could be a return ("Application Opened",
    "Deep Link Opened") of somebody who had been away.
    """

    class Kind(models.TextChoices):
        INSTALL = "install"
        OPEN = "open"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="installs", db_index=False)
    message_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.INSTALL, db_default=Kind.INSTALL)
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
    locale = models.CharField(max_length=40, blank=True, db_default="")
    time_zone = models.CharField(max_length=50, blank=True, db_default="")
    screen = models.CharField(max_length=20, blank=True, db_default="")
    country = models.CharField(max_length=2, blank=True, db_default="")
    user_id = models.CharField(max_length=200, blank=True, db_default="")
    email_sha256 = models.CharField(max_length=64, blank=True, db_default="")
    phone_sha256 = models.CharField(max_length=64, blank=True, db_default="")
    claim_id = models.CharField(
        max_length=100, blank=True, db_default="", help_text="Touch id of what Meta or Apple said about this install."
    )
    emulator = models.BooleanField(default=False, db_default=False)
    signature = models.CharField(max_length=10, choices=Signature.choices, blank=True, db_default="")
    ad_tracking = models.BooleanField(null=True, help_text="context.device.adTrackingEnabled: consent, on iOS.")
    pending = models.BooleanField(default=True, help_text="Waits for its decision.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "message_id"], name="install_once")]
        indexes = [
            models.Index(fields=["id"], name="install_pending", condition=models.Q(pending=True)),
            models.Index(fields=["project", "-installed_at", "-id"], name="install_newest"),
            models.Index(fields=["received_at"], name="install_arrival"),
            models.Index(
                fields=["project", "advertising_id"],
                name="install_by_advertising_id",
                condition=~models.Q(advertising_id=""),
            ),
            models.Index(
                fields=["project", "device_id"], name="install_by_device_id", condition=~models.Q(device_id="")
            ),
            # An index on text of any length has an end (2,704 bytes), so over its digest.
            models.Index("project", MD5("distinct_id"), name="install_by_distinct_id"),
            models.Index(fields=["project", "ip", "installed_at"], name="install_by_network"),
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
    rules = models.JSONField(help_text="The fields of attribution.rules.Rules.")
    note = models.CharField(max_length=300, blank=True, help_text="Why it was changed.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="rule_set_version_once")]

    def __str__(self) -> str:
        return f"rule set {self.version}"


class MatchModel(models.Model):
    """What a project's certain installs teach about matching by network; a newer one is a new row."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="match_models")
    created_at = models.DateTimeField(default=timezone.now)
    model = models.JSONField(help_text="The fields of attribution.posterior.Model.")
    measured = models.JSONField(default=dict, help_text="How right it was on people with a certain id, masked.")

    def __str__(self) -> str:
        return f"match model {self.pk}"


class Decision(models.Model):
    """Which touch an install is credited to, or organic, under which rules."""

    class Kind(models.TextChoices):
        INSTALL = "install"
        REINSTALL = "reinstall"
        REATTRIBUTION = "reattribution"

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
    # Copied like source and campaign: counting by them needs no other table, and they outlive the touch.
    ad_set = models.CharField(max_length=100, blank=True, db_default="")
    ad = models.CharField(max_length=100, blank=True, db_default="")
    creative = models.CharField(max_length=100, blank=True, db_default="")
    publisher = models.CharField(max_length=100, blank=True, db_default="")
    country = models.CharField(max_length=2, blank=True, db_default="", help_text="Of the install.")
    os_name = models.CharField(max_length=40, blank=True, db_default="", help_text="Of the install.")
    original = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        related_name="repeats",
        help_text="Of a reinstall: the install before, whose source keeps the person's revenue.",
    )
    fraud = models.JSONField(
        default=list, db_default=NO_LIST, help_text="What speaks against the install: code, value, threshold, action."
    )
    rejected = models.BooleanField(
        default=False, db_default=False, help_text="A fraud rule that blocks has struck the install itself."
    )
    notes = models.JSONField(
        default=list, db_default=NO_LIST, help_text="Reason codes about the install rather than a touch."
    )
    match_model = models.ForeignKey(MatchModel, models.SET_NULL, null=True, related_name="+")
    announced = models.PositiveIntegerField(
        default=0, db_default=0, help_text="The revision last told by an Install Attributed event."
    )
    posted = models.PositiveIntegerField(
        default=0, db_default=0, help_text="The revision last looked at for postbacks; only final ones are."
    )
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
            models.Index(fields=["project"], name="decision_reinstall", condition=models.Q(kind="reinstall")),
            models.Index(
                fields=["id"], name="decision_unannounced", condition=models.Q(announced__lt=models.F("revision"))
            ),
            # By project: those without destinations keep all of theirs in it, and are never looked at.
            models.Index(
                fields=["project", "id"],
                name="decision_unposted",
                condition=models.Q(posted__lt=models.F("revision"), state="final"),
            ),
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
    fraud = models.JSONField(default=list, help_text="Code, value, threshold and action of each rule it struck.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["decision", "touch"], name="candidate_once")]

    def __str__(self) -> str:
        return f"{self.touch} for {self.decision}"


class Conversion(models.Model):
    """Something worth counting that a person did after an install, with its revenue, read once from the stream."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="conversions", db_index=False)
    message_id = models.CharField(max_length=100)
    distinct_id = models.TextField()
    name = models.CharField(max_length=200)
    ts = models.DateTimeField()
    received_at = models.DateTimeField()
    install = models.ForeignKey(
        Install,
        models.SET_NULL,
        null=True,
        related_name="conversions",
        help_text="The person's last install or return before it; its decision says whose the revenue is.",
    )
    revenue = models.DecimalField(max_digits=16, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, blank=True)
    order_id = models.CharField(max_length=200, blank=True)
    fraud = models.JSONField(default=list)
    counted = models.BooleanField(default=True, help_text="Not when it repeats an order or a rule that blocks struck.")
    posted = models.BooleanField(
        default=False, db_default=False, help_text="It was looked at for postbacks, once its install was final."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "message_id"], name="conversion_once")]
        indexes = [
            models.Index(fields=["project", "-ts", "-id"], name="conversion_newest"),
            models.Index(fields=["project", "order_id"], name="conversion_by_order", condition=~models.Q(order_id="")),
            models.Index("project", MD5("distinct_id"), name="conversion_by_distinct_id"),
            models.Index(fields=["project", "id"], name="conversion_unposted", condition=models.Q(posted=False)),
        ]

    def __str__(self) -> str:
        return self.message_id


class AppleToken(models.Model):
    """A token of Apple's AdServices that a task takes to Apple, which says whether Apple Ads brought the install."""

    class State(models.TextChoices):
        WAITING = "waiting"
        ANSWERED = "answered"
        FAILED = "failed"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="+", db_index=False)
    install = models.OneToOneField(Install, models.CASCADE, related_name="apple_token")
    token = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    answer = models.JSONField(null=True)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["next_at"], name="apple_token_due", condition=models.Q(state="waiting"))]

    def __str__(self) -> str:
        return f"token of {self.install_id}"


class Secret(models.Model):
    """A key that attribution checks or decrypts with. It has to be readable, so it is kept encrypted, not hashed."""

    class Kind(models.TextChoices):
        META_REFERRER = "meta_referrer", "Meta install referrer decryption key"
        CLICK_SIGNATURE = "click_signature", "Click signing key"
        SDK_SIGNATURE = "sdk_signature", "SDK signing key"
        PLAY_LICENCE = "play_licence", "Google Play licence key"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="attribution_secrets")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    name = models.CharField(max_length=60, blank=True)
    source = models.CharField(max_length=60, blank=True, help_text="Of a click signing key: whose clicks it signs.")
    encrypted = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name or self.get_kind_display()


class NetworkRange(models.Model):
    """Addresses of machines rather than people: data centres, VPNs, Tor. The same for all projects."""

    class Kind(models.TextChoices):
        DATACENTER = "datacenter", "Data centre"
        VPN = "vpn", "VPN"
        TOR = "tor", "Tor"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    first = models.GenericIPAddressField()
    last = models.GenericIPAddressField()
    name = models.CharField(max_length=100, blank=True)
    listed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.first} - {self.last}"


class FraudFlag(models.Model):
    """A source or publisher whose clicks as a whole look wrong, found by the hourly job."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="fraud_flags")
    code = models.CharField(max_length=30)
    source = models.CharField(max_length=60)
    publisher = models.CharField(max_length=100, blank=True, help_text="Empty: the whole source.")
    since = models.DateTimeField(help_text="Touches from then on are meant.")
    until = models.DateTimeField(null=True, blank=True, help_text="Empty: goes on.")
    evidence = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    dismissed_at = models.DateTimeField(null=True, blank=True)
    dismissed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "code", "source", "publisher", "since"], name="fraud_flag_once")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.source} {self.publisher}".strip()


class EvidenceShare(models.Model):
    """An address under which a partner sees the evidence against its own clicks, without an account."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="+")
    source = models.CharField(max_length=60)
    since = models.DateTimeField()
    until = models.DateTimeField()
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"evidence for {self.source}"


class CreditModel(models.Model):
    """Weights of a project's own for sharing credit among touches."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="credit_models")
    name = models.CharField(max_length=60)
    settings = models.JSONField(help_text="The fields of attribution.credit.Weights.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="credit_model_once")]

    def __str__(self) -> str:
        return self.name


class Replay(models.Model):
    """A period decided again with other rules: first only to see the difference, then, approved, for good."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Ready to approve"
        APPLYING = "applying", "Being applied"
        APPROVED = "approved", "Approved"
        CANCELED = "canceled", "Canceled"
        FAILED = "failed", "Failed"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="replays")
    base = models.ForeignKey(RuleSet, models.PROTECT, related_name="+", help_text="The rules that were changed.")
    rules = models.JSONField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    parts = models.JSONField(default=list, db_default=NO_LIST, help_text="Stretches of the period, and which are done.")
    summary = models.JSONField(default=dict)
    problem = models.CharField(max_length=500, blank=True)
    rule_set = models.ForeignKey(RuleSet, models.PROTECT, null=True, related_name="+", help_text="Written on approval.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["project", "-created_at", "-id"], name="replay_newest")]

    def __str__(self) -> str:
        return f"replay {self.pk}"


class ReplayChange(models.Model):
    """An install that a replay would decide differently; the decision itself still says how it is now."""

    replay = models.ForeignKey(Replay, models.CASCADE, related_name="changes")
    decision = models.ForeignKey(Decision, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=Decision.Kind.choices, db_default=Decision.Kind.INSTALL)
    old_tier = models.CharField(max_length=20)
    old_source = models.CharField(max_length=60)
    old_campaign = models.CharField(max_length=100, blank=True)
    old_rejected = models.BooleanField(default=False, db_default=False)
    new_tier = models.CharField(max_length=20)
    new_source = models.CharField(max_length=60)
    new_campaign = models.CharField(max_length=100, blank=True)
    new_touch = models.ForeignKey(Touch, models.SET_NULL, null=True, related_name="+")
    new_probability = models.FloatField(null=True)
    new_rejected = models.BooleanField(default=False)
    revenue = models.DecimalField(max_digits=16, decimal_places=4, default=0, db_default=Value(0))
    applied = models.BooleanField(default=False, db_default=False)

    def __str__(self) -> str:
        return f"{self.decision} in {self.replay}"
