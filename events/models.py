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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "fingerprint"], name="refusal_once")]
        indexes = [
            models.Index(fields=["project", "-last_at", "-id"], name="rejected_newest"),
            models.Index(fields=["last_at"], name="rejected_age"),
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
