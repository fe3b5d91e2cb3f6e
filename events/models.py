"""The event log, what was refused, and the people who did the events."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Event(models.Model):
    """One event as it was accepted; a row of the hot log, which is partitioned by the day of `received_at`.

    Written by store.py only (COPY), never through the ORM. `id` rises within one connection, not across them; the order
    for consumers is `position`, the number of the writing transaction.
    """

    class Type(models.TextChoices):
        TRACK = "track"
        IDENTIFY = "identify"
        PAGE = "page"
        SCREEN = "screen"
        GROUP = "group"
        ALIAS = "alias"

    id = models.BigIntegerField(primary_key=True)
    project = models.ForeignKey("customers.Project", models.DO_NOTHING, db_constraint=False, related_name="events")
    message_id = models.CharField(max_length=100)
    type = models.CharField(max_length=10, choices=Type.choices)
    # Of a track call the event; of a page or screen its name, of a group its id, of an alias the former id.
    name = models.TextField(null=True)  # noqa: DJ001
    user_id = models.TextField(null=True)  # noqa: DJ001
    anonymous_id = models.TextField(null=True)  # noqa: DJ001
    ts = models.DateTimeField(help_text="When it happened, corrected by the sender's clock.")
    claimed_at = models.DateTimeField(null=True, help_text="When the sender said it happened.")
    received_at = models.DateTimeField()
    clamped = models.BooleanField(help_text="It claimed the future, so `ts` is its arrival.")
    ip = models.GenericIPAddressField(null=True)
    properties = models.JSONField(help_text="Properties; of identify and group calls their traits.")
    context = models.JSONField()
    position = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "events_event"

    def __str__(self) -> str:
        return f"{self.name or self.type} {self.message_id}"


class Rejected(models.Model):
    """An event that was refused: kept with the reason, so that its owner can repair and replay it."""

    class State(models.TextChoices):
        OPEN = "open", "Refused"
        REPLAYED = "replayed", "Replayed"
        DISCARDED = "discarded", "Discarded"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="rejected")
    fingerprint = models.UUIDField(help_text="Of body and reason: the same refusal again counts up `seen`.")
    code = models.CharField(max_length=40)
    message = models.TextField()
    field = models.CharField(max_length=60, blank=True)
    path = models.CharField(max_length=100, help_text="The address it was sent to.")
    body = models.TextField(help_text="What was sent, at most 64 KB of it.")
    cut = models.BooleanField(default=False, help_text="The body was longer than is kept, so it can't be replayed.")
    sent_at = models.DateTimeField(null=True)
    seen = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    received_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    replayed_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True, help_text="The last change of the repair rules that were tried on it.")
    repaired_by = models.ForeignKey("RepairRule", models.SET_NULL, null=True, related_name="repairs")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "fingerprint"], name="refusal_once")]
        indexes = [
            models.Index(fields=["project", "-last_at", "-id"], name="rejected_newest"),
            models.Index(fields=["last_at"], name="rejected_age"),
            models.Index(fields=["project", "code", "id"], name="rejected_open", condition=models.Q(state="open")),
        ]

    def __str__(self) -> str:
        return f"{self.code} at {self.path}"


class Person(models.Model):
    """An end user of a project, whatever ids the events carried."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="people")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    events = models.BigIntegerField(default=0)
    user_id = models.TextField(null=True, help_text="The known id, null for an anonymous person.")  # noqa: DJ001
    traits = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["project", "-last_seen_at", "-id"], name="people_newest")]

    def __str__(self) -> str:
        return f"p_{self.pk}"


class Identity(models.Model):
    """One id that events carry (user id or anonymous id) and the person it stands for."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="+")
    value = models.TextField()
    person = models.ForeignKey(Person, models.CASCADE, related_name="identities")
    known = models.BooleanField(help_text="It was sent as a user id.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "value"], name="identity_once")]

    def __str__(self) -> str:
        return self.value


class PersonDay(models.Model):
    """How much a person did on one day of the project's time zone."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="+")
    day = models.DateField()
    person = models.ForeignKey(Person, models.CASCADE, related_name="days", db_index=False)
    events = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "day", "person"], name="person_day_once")]
        indexes = [models.Index(fields=["person", "day"], name="days_of_person")]

    def __str__(self) -> str:
        return f"{self.person} {self.day}"


class DayCount(models.Model):
    """How many events of one name happened on one day of the project's time zone."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="+")
    day = models.DateField()
    type = models.CharField(max_length=10)
    name = models.TextField()
    events = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "day", "type", "name"], name="day_count_once")]

    def __str__(self) -> str:
        return f"{self.name or self.type} {self.day}"


class Consumer(models.Model):
    """How far a reader of the log has come: every position below `position` is dealt with."""

    name = models.CharField(max_length=40, primary_key=True)
    position = models.BigIntegerField(default=0)
    caught_up_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class Seal(models.Model):
    """How much of a project's log is in segments: every event with a position below `position`, and no other."""

    project = models.OneToOneField("customers.Project", models.CASCADE, related_name="seal", primary_key=True)
    position = models.BigIntegerField(default=0)
    sealed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.project_id} below {self.position}"


class Segment(models.Model):
    """A Parquet file of a project's events, committed by this row. It never changes; another one replaces it."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="segments")
    path = models.CharField(max_length=200, unique=True, help_text="Below the store's address.")
    level = models.PositiveSmallIntegerField(default=0, help_text="0 as sealed, 1 a day, 2 a month.")
    first_day = models.DateField(help_text="Days of `ts` in UTC that the rows lie in.")
    last_day = models.DateField()
    first_ts = models.DateTimeField()
    last_ts = models.DateTimeField()
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()
    digest = models.CharField(max_length=64, help_text="BLAKE2b of the file, in hexadecimal.")
    made_at = models.DateTimeField(default=timezone.now)
    merged_at = models.DateTimeField(help_text="Merges of people before this moment are in the rows.")
    replaced_at = models.DateTimeField(null=True, help_text="Another segment has its rows; the file goes soon.")

    class Meta:
        indexes = [
            models.Index(fields=["project", "first_day"], name="segment_live", condition=models.Q(replaced_at=None)),
            models.Index(
                fields=["replaced_at"], name="segment_replaced", condition=models.Q(replaced_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.path


class PersonMerge(models.Model):
    """A person that turned out to be another one; kept until no segment has rows under the former number."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="+")
    person_id = models.BigIntegerField(help_text="Gone.")
    survivor_id = models.BigIntegerField()
    merged_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "person_id"], name="person_merged_once")]

    def __str__(self) -> str:
        return f"{self.person_id} is {self.survivor_id}"


class PersonErasure(models.Model):
    """A person whose events a member had erased; until it is finished, no answer counts them."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="person_erasures")
    person_id = models.BigIntegerField()
    asked_at = models.DateTimeField(default=timezone.now)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    rows = models.BigIntegerField(default=0, help_text="Erased so far.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "person_id"], name="person_erased_once")]

    def __str__(self) -> str:
        return f"p_{self.person_id}"


class VendorApp(models.Model):
    """An app as another vendor knows it: what comes in that vendor's format for it belongs to the project."""

    class Dialect(models.TextChoices):
        APPSFLYER = "appsflyer", "AppsFlyer"
        ADJUST = "adjust", "Adjust"
        BRANCH = "branch", "Branch"
        SINGULAR = "singular", "Singular"
        KOCHAVA = "kochava", "Kochava"
        POSTHOG = "posthog", "PostHog"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="vendor_apps")
    dialect = models.CharField(max_length=12, choices=Dialect.choices)
    app_id = models.CharField(max_length=155, help_text="The vendor's id of the app, as its clients send it.")
    key_hash = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the vendor's key, where its clients send one."
    )
    key_hint = models.CharField(max_length=20, blank=True)
    os_name = models.CharField(max_length=10, blank=True, help_text="ios or android, where one app is one system.")
    forward = models.BooleanField(default=False, help_text="What comes is sent on to the vendor too.")
    forward_url = models.CharField(max_length=300, blank=True, help_text="Empty: the vendor's own host.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    last_used_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dialect", "app_id", "key_hash"],
                name="vendor_app_once",
                condition=models.Q(archived_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_dialect_display()} {self.app_id}"


class EventName(models.Model):
    """What a project calls an event that a vendor's format has another name for."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="event_names")
    dialect = models.CharField(max_length=12, choices=VendorApp.Dialect.choices)
    theirs = models.CharField(max_length=256)
    ours = models.CharField(max_length=256)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "dialect", "theirs"], name="event_name_once")]

    def __str__(self) -> str:
        return f"{self.theirs} is {self.ours}"


class VendorCopy(models.Model):
    """A request in a vendor's format that is to be sent on to the vendor, as it came."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="vendor_copies", db_index=False)
    app = models.ForeignKey(VendorApp, models.CASCADE, related_name="copies", db_index=False)
    method = models.CharField(max_length=4)
    path = models.CharField(max_length=300)
    query = models.TextField(blank=True)
    content_type = models.CharField(max_length=100, blank=True)
    authorization = models.TextField(blank=True, help_text="Encrypted: the header that the vendor knows its caller by.")
    agent = models.CharField(max_length=300, blank=True)
    body = models.BinaryField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)
    problem = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], name="vendor_copy_due", condition=models.Q(state="waiting")),
            models.Index(fields=["project", "-id"], name="vendor_copy_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class OptOut(models.Model):
    """A device whose owner wants nothing of it to be taken any more; only a digest of its id is known."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="opt_outs", db_index=False)
    id_hash = models.CharField(max_length=64, help_text="SHA-256 of the id in lower case.")
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "id_hash"], name="opt_out_once")]

    def __str__(self) -> str:
        return self.id_hash[:12]


class RepairRule(models.Model):
    """How refused events of one kind are repaired: now all that are open, and from then on those to come."""

    class Action(models.TextChoices):
        PREFIX = "prefix", "Put before it"
        SET = "set", "Set it to"
        REPLACE = "replace", "Replace in it"
        RENAME = "rename", "Rename it to"
        REMOVE = "remove", "Remove it"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="repair_rules")
    name = models.CharField(max_length=100)
    code = models.CharField(max_length=40, help_text="Of the refusals that it repairs.")
    path = models.CharField(max_length=100, blank=True, help_text="How their address begins; empty: any.")
    field = models.CharField(max_length=100, help_text='What is changed: a member of the body, or "path".')
    action = models.CharField(max_length=10, choices=Action.choices)
    value = models.CharField(max_length=300, blank=True)
    old = models.CharField(max_length=300, blank=True, help_text="Of replace: what is replaced.")
    repaired = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(
        default=timezone.now, help_text="Refusals that were tried before are tried again after this."
    )
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    paused_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
