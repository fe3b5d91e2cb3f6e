"""The event log, what was refused, and the people who did the events."""

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
    person = models.ForeignKey(Person, models.CASCADE, related_name="days")
    events = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "day", "person"], name="person_day_once")]

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
