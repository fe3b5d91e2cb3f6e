"""What connects attribution with others: Apple's postbacks, postbacks to networks, spend, exports, vendors' numbers."""

from django.conf import settings
from django.db import models
from django.db.models import Value
from django.utils import timezone

from attribution.models.deciding import Conversion, Decision

NO_OBJECT = Value({}, models.JSONField())


class AppleApp(models.Model):
    """An app of the project in the App Store: Apple's postbacks about it are the project's."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="apple_apps")
    app_id = models.BigIntegerField(unique=True, help_text="The App Store's number of the app.")
    name = models.CharField(max_length=100, blank=True)
    sandbox = models.BooleanField(default=False, help_text="Takes postbacks signed with Apple's development keys too.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name or f"id{self.app_id}"


class ApplePostback(models.Model):
    """A postback of SKAdNetwork or AdAttributionKit as it came, and what its signature proves.

    One without a project is for an app nobody has named yet; it is the project's as soon as one does.
    """

    class Kind(models.TextChoices):
        SKAN = "skan", "SKAdNetwork"
        AAK = "aak", "AdAttributionKit"

    class State(models.TextChoices):
        VALID = "valid", "Valid"
        INVALID = "invalid", "Invalid"
        UNVERIFIABLE = "unverifiable", "Can't be verified"

    class Origin(models.TextChoices):
        DEVICE = "device", "Device"
        NETWORK = "network", "Network"

    project = models.ForeignKey("customers.Project", models.CASCADE, null=True, related_name="apple_postbacks")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.DEVICE)
    state = models.CharField(max_length=12, choices=State.choices)
    problem = models.CharField(max_length=60, blank=True, help_text="A code; why it is not valid.")
    key = models.CharField(max_length=60, blank=True, help_text="Name of the key that was asked.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of project, origin and what came.")
    raw = models.TextField(help_text="What was sent, at most 64 KB of it.")
    version = models.CharField(max_length=10, blank=True)
    app_id = models.BigIntegerField(null=True)
    network_id = models.CharField(max_length=120, blank=True)
    transaction_id = models.CharField(max_length=100, blank=True, help_text="Or the postback identifier of AAK.")
    sequence = models.PositiveSmallIntegerField(default=0)
    campaign_id = models.PositiveSmallIntegerField(null=True)
    source_identifier = models.CharField(max_length=10, blank=True)
    source_app_id = models.BigIntegerField(null=True)
    source_domain = models.CharField(max_length=253, blank=True)
    fidelity_type = models.PositiveSmallIntegerField(null=True)
    conversion_type = models.CharField(max_length=20, blank=True, help_text="download, redownload or re-engagement")
    did_win = models.BooleanField(null=True)
    # Apple does not sign the next ones.
    conversion_value = models.PositiveSmallIntegerField(null=True)
    coarse_value = models.CharField(max_length=10, blank=True)
    interaction = models.CharField(max_length=10, blank=True)
    country = models.CharField(max_length=2, blank=True)
    sandbox = models.BooleanField(default=False, help_text="Signed with a development key, or a test by its values.")
    counted = models.BooleanField(default=False, help_text="Valid, not a test, and the first of its id and sequence.")
    conflict = models.BooleanField(default=False, help_text="Repeats another one with other unsigned values.")
    seen = models.PositiveIntegerField(default=1)
    received_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "transaction_id", "sequence"],
                name="apple_postback_counted_once",
                condition=models.Q(counted=True),
            )
        ]
        indexes = [
            models.Index(fields=["project", "-received_at", "-id"], name="apple_postback_newest"),
            models.Index(fields=["app_id"], name="apple_postback_unclaimed", condition=models.Q(project=None)),
        ]

    def __str__(self) -> str:
        return self.transaction_id


class ConversionSchema(models.Model):
    """What the conversion values of an app mean from a day on."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="conversion_schemas")
    app = models.ForeignKey(AppleApp, models.CASCADE, null=True, blank=True, related_name="schemas")
    valid_from = models.DateField()
    fine = models.JSONField(
        default=list, help_text='Of each value 0-63 that has a meaning: {"value", "label", "event", "revenue"}.'
    )
    coarse = models.JSONField(
        default=list,
        help_text='Of low, medium and high by sequence: {"sequence", "value", "label", "event", "revenue"}.',
    )
    currency = models.CharField(max_length=3, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "app", "valid_from"], name="schema_once_a_day")]

    def __str__(self) -> str:
        return f"schema from {self.valid_from}"


class Destination(models.Model):
    """Where postbacks go: an ad network that is told of what it brought, or a webhook that is told of everything."""

    class Kind(models.TextChoices):
        NETWORK = "network", "Ad network"
        WEBHOOK = "webhook", "Webhook"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="destinations")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=100)
    template = models.CharField(max_length=40, blank=True, help_text="The ready-made one it began as.")
    method = models.CharField(max_length=4, choices=[("GET", "GET"), ("POST", "POST")], default="POST")
    url = models.CharField(max_length=2000, help_text="With macros in braces.")
    headers = models.JSONField(default=dict, blank=True)
    body = models.TextField(blank=True, help_text="With macros; a webhook without one gets our own JSON.")
    secret = models.TextField(blank=True, help_text="Encrypted; signs each request.")
    news = models.JSONField(default=list, help_text="install, reinstall, reattribution, rejected, or names of events.")
    sources = models.JSONField(default=list, help_text="Only what these sources brought; empty: of any.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    paused_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    broken_until = models.DateTimeField(null=True, blank=True, help_text="The breaker is open until then.")

    class Meta:
        indexes = [models.Index(fields=["project", "-id"], name="destination_newest")]

    def __str__(self) -> str:
        return self.name


class Postback(models.Model):
    """One message to a destination. Its content is made once and never changes; only how it fares does."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"
        CANCELED = "canceled", "Canceled"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="postbacks", db_index=False)
    destination = models.ForeignKey(Destination, models.CASCADE, related_name="postbacks", db_index=False)
    idempotency_key = models.CharField(max_length=100)
    news = models.CharField(max_length=200, help_text="install, …, or the name of an event.")
    decision = models.ForeignKey(Decision, models.SET_NULL, null=True, related_name="postbacks")
    revision = models.PositiveIntegerField(default=1)
    conversion = models.ForeignKey(Conversion, models.SET_NULL, null=True, related_name="postbacks")
    corrects = models.ForeignKey("self", models.SET_NULL, null=True, related_name="corrections")
    replay_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="replays")
    method = models.CharField(max_length=4)
    url = models.CharField(max_length=4000)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    facts = models.JSONField(default=dict, db_default=NO_OBJECT, help_text="The values of the macros it was made with.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True, help_text="Of the last answer.")
    problem = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["destination", "idempotency_key"], name="postback_once")]
        indexes = [
            models.Index(fields=["project", "-id"], name="postback_newest"),
            models.Index(fields=["destination", "next_at"], name="postback_due", condition=models.Q(state="waiting")),
            models.Index(fields=["destination", "created_at"], include=["state"], name="postback_health"),
        ]

    def __str__(self) -> str:
        return self.idempotency_key


class PostbackTry(models.Model):
    """One attempt to deliver a postback, and what came back."""

    postback = models.ForeignKey(Postback, models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=timezone.now)
    ms = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True)
    problem = models.CharField(max_length=300, blank=True)
    answer = models.CharField(max_length=500, blank=True, help_text="How the answer begins.")

    def __str__(self) -> str:
        return f"{self.postback_id} {self.status or self.problem}"


class SpendImport(models.Model):
    """A file or a request that brought spend: what became of each of its rows.

    A file is a draft, with its text, until somebody has looked at it and said yes.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "To look at"
        DONE = "done", "Done"
        UNDONE = "undone", "Undone"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="spend_imports")
    name = models.CharField(max_length=200)
    mapping = models.JSONField(default=dict)
    complete = models.BooleanField(
        default=False, help_text="It names all there is for its days and sources: what it leaves out is removed."
    )
    rows = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    replaced = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    refused = models.JSONField(
        default=list, help_text='{"row", "field", "code", "message", "line"} of each refused row.'
    )
    state = models.CharField(max_length=6, choices=State.choices, default=State.DONE, db_default=State.DONE)
    text = models.TextField(blank=True, db_default="", help_text="Of a draft.")
    unchanged = models.PositiveIntegerField(default=0, db_default=0)
    left_out = models.PositiveIntegerField(default=0, db_default=0, help_text="Sums and blank lines of the file.")
    refused_rows = models.PositiveIntegerField(default=0, db_default=0, help_text="All, also those not kept.")
    undone_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["project", "-id"], name="spend_import_newest")]

    def __str__(self) -> str:
        return self.name


class Spend(models.Model):
    """What a campaign cost on a day. Told again, it is replaced."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="spend", db_index=False)
    day = models.DateField(help_text="Of the project's time zone.")
    source = models.CharField(max_length=60)
    campaign = models.CharField(max_length=100, blank=True, default="")
    ad_set = models.CharField(max_length=100, blank=True, default="")
    ad = models.CharField(max_length=100, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    platform = models.CharField(max_length=40, blank=True, default="")
    amount = models.DecimalField(max_digits=16, decimal_places=4)
    currency = models.CharField(max_length=3)
    clicks = models.BigIntegerField(null=True)
    impressions = models.BigIntegerField(null=True)
    brought_by = models.ForeignKey(SpendImport, models.SET_NULL, null=True, related_name="spend")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "day", "source", "campaign", "ad_set", "ad", "country", "platform"],
                name="spend_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.source} {self.campaign} {self.amount} {self.currency}"


class SpendFormer(models.Model):
    """What a row of spend was before an import replaced or removed it: by it the import can be undone."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="+", db_index=False)
    replaced_by = models.ForeignKey(SpendImport, models.CASCADE, related_name="former")
    day = models.DateField()
    source = models.CharField(max_length=60)
    campaign = models.CharField(max_length=100, blank=True, default="")
    ad_set = models.CharField(max_length=100, blank=True, default="")
    ad = models.CharField(max_length=100, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    platform = models.CharField(max_length=40, blank=True, default="")
    amount = models.DecimalField(max_digits=16, decimal_places=4)
    currency = models.CharField(max_length=3)
    clicks = models.BigIntegerField(null=True)
    impressions = models.BigIntegerField(null=True)
    brought_by = models.ForeignKey(SpendImport, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["project", "day"], name="spend_former_by_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.source} {self.campaign} {self.amount} {self.currency}"


class SpendName(models.Model):
    """A campaign that spend calls otherwise than the installs do: spend of the one counts for the other."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="spend_names")
    source = models.CharField(max_length=60, help_text="As spend has it.")
    campaign = models.CharField(max_length=100, blank=True, default="")
    to_source = models.CharField(max_length=60, help_text="As installs have it.")
    to_campaign = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "source", "campaign"], name="spend_name_once")]

    def __str__(self) -> str:
        return f"{self.source} {self.campaign} is {self.to_source} {self.to_campaign}"


class ExchangeRate(models.Model):
    """What one unit of a currency is worth in the project's currency, from a day on."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="exchange_rates")
    currency = models.CharField(max_length=3)
    into = models.CharField(
        max_length=3, blank=True, db_default="", help_text="The project's currency when it was told; good for no other."
    )
    day = models.DateField()
    rate = models.DecimalField(max_digits=18, decimal_places=9)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "currency", "into", "day"], name="rate_once_a_day")]

    def __str__(self) -> str:
        return f"1 {self.currency} = {self.rate}"


class ExportSchedule(models.Model):
    """Raw data written every day to a folder or a bucket."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="export_schedules")
    kinds = models.JSONField(default=list, help_text="touches, installs, events …")
    format = models.CharField(max_length=8, choices=[("csv", "CSV"), ("parquet", "Parquet")], default="parquet")
    columns = models.CharField(max_length=12, choices=[("own", "Ours"), ("appsflyer", "AppsFlyer's")], default="own")
    address = models.CharField(max_length=500, help_text="A folder below EXPORTS_URL, or s3://bucket/prefix.")
    options = models.TextField(blank=True, help_text="Encrypted: key, secret and endpoint of the bucket.")
    hour = models.PositiveSmallIntegerField(default=3, help_text="Of the project's time zone.")
    next_day = models.DateField(help_text="The first day that was not written yet.")
    paused_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return self.address


class Export(models.Model):
    """A file of raw data that is being written, or was."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Writing"
        DONE = "done", "Ready"
        FAILED = "failed", "Failed"
        CANCELED = "canceled", "Canceled"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="exports")
    schedule = models.ForeignKey(ExportSchedule, models.SET_NULL, null=True, related_name="exports")
    kind = models.CharField(max_length=20)
    format = models.CharField(max_length=8)
    columns = models.CharField(max_length=12, default="own")
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    where = models.JSONField(default=dict, db_default=NO_OBJECT)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    rows = models.BigIntegerField(default=0, help_text="Written so far.")
    total = models.BigIntegerField(null=True, help_text="About as many there are.")
    bytes = models.BigIntegerField(default=0)
    path = models.CharField(max_length=600, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    beat_at = models.DateTimeField(null=True, help_text="The last sign of life of who writes it.")
    finished_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "-id"], name="export_newest"),
            models.Index(fields=["id"], name="export_open", condition=models.Q(state__in=["waiting", "running"])),
        ]

    def __str__(self) -> str:
        return f"{self.kind}.{self.format}"


class VendorImport(models.Model):
    """A file of another vendor: its numbers to compare with ours, or its raw data to take over."""

    class Kind(models.TextChoices):
        NUMBERS = "numbers", "Numbers by day and campaign"
        RAW = "raw", "Raw data"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Reading"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="vendor_imports")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    vendor = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    path = models.CharField(max_length=600, blank=True, help_text="Of the file while it is read.")
    mapping = models.JSONField(default=dict)
    time_zone = models.CharField(max_length=50, default="UTC", help_text="Of the vendor's days and times.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    rows = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    taken = models.BigIntegerField(default=0)
    repeated = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    report = models.JSONField(default=list, help_text="The first thousand rows that were refused, and why.")
    summary = models.JSONField(
        default=dict, db_default=NO_OBJECT, help_text="What else was found, by name: touches, installs …"
    )
    problem = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["project", "-id"], name="vendor_import_newest")]

    def __str__(self) -> str:
        return self.name


class VendorNumber(models.Model):
    """What another vendor counted for a campaign on a day. Told again, it is replaced."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="vendor_numbers", db_index=False)
    vendor = models.CharField(max_length=20)
    day = models.DateField(help_text="Of the vendor's time zone.")
    source = models.CharField(max_length=60, help_text="As we call it.")
    campaign = models.CharField(max_length=100, blank=True, default="")
    platform = models.CharField(max_length=40, blank=True, default="")
    clicks = models.BigIntegerField(null=True)
    installs = models.BigIntegerField(null=True)
    revenue = models.DecimalField(max_digits=16, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, blank=True)
    brought_by = models.ForeignKey(VendorImport, models.SET_NULL, null=True, related_name="numbers")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "vendor", "day", "source", "campaign", "platform"], name="vendor_number_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.vendor} {self.day} {self.source} {self.campaign}"


class VendorName(models.Model):
    """A campaign that another vendor calls otherwise than we do: its numbers are set beside those of ours."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="vendor_names")
    vendor = models.CharField(max_length=20)
    source = models.CharField(max_length=60, help_text="As the vendor's numbers have it.")
    campaign = models.CharField(max_length=100, blank=True, default="")
    to_source = models.CharField(max_length=60, help_text="As we call it.")
    to_campaign = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "vendor", "source", "campaign"], name="vendor_name_once")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.campaign} is {self.to_source} {self.to_campaign}"
