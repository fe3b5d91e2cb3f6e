"""What members keep of their questions: views, dashboards, cohorts, notes on the time line, links to show them."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class SavedView(models.Model):
    """A question under a name: the kind of analysis and its address."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    query = models.TextField(blank=True, help_text="As in the address of the page, without the question mark.")
    template = models.CharField(max_length=40, blank=True, help_text="The ready-made view that it was made from.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "-updated_at", "-id"], name="saved_view_newest")]

    def __str__(self) -> str:
        return self.name


class Dashboard(models.Model):
    """Saved views on one page."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="dashboards")
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "-updated_at", "-id"], name="dashboard_newest")]

    def __str__(self) -> str:
        return self.name


class Tile(models.Model):
    """A saved view's place on a dashboard."""

    dashboard = models.ForeignKey(Dashboard, models.CASCADE, related_name="tiles")
    view = models.ForeignKey(SavedView, models.CASCADE, related_name="tiles")
    place = models.PositiveIntegerField(help_text="Order on the page, from the top left.")
    width = models.PositiveSmallIntegerField(default=1, help_text="Of two columns.")

    class Meta:
        ordering = ["place", "pk"]

    def __str__(self) -> str:
        return f"{self.view} on {self.dashboard}"


class Annotation(models.Model):
    """Something that happened and may explain a curve."""

    class Kind(models.TextChoices):
        DEPLOY = "deploy", "Deploy"
        INCIDENT = "incident", "Incident"
        EXPERIMENT = "experiment", "Experiment"
        NOTE = "note", "Note"

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="annotations")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.NOTE)
    text = models.CharField(max_length=200)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["project", "-at", "-id"], name="annotation_newest")]

    def __str__(self) -> str:
        return self.text


class Cohort(models.Model):
    """People kept by name: those behind a bar at the moment it was saved."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="cohorts")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, help_text="The analysis that it came from.")
    query = models.TextField(blank=True, help_text="The question, and the place in its result.")
    size = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "-created_at", "-id"], name="cohort_newest")]

    def __str__(self) -> str:
        return self.name


class CohortPerson(models.Model):
    """One person of a saved cohort, by one of their ids: that stays when two people turn out to be one."""

    cohort = models.ForeignKey(Cohort, models.CASCADE, related_name="members")
    # Whoever reads the stream knows nothing of cohorts; an id that is erased leaves a number that leads nowhere.
    identity = models.ForeignKey("events.Identity", models.DO_NOTHING, db_constraint=False, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cohort", "identity"], name="cohort_person_once")]

    def __str__(self) -> str:
        return f"{self.identity_id} in {self.cohort_id}"


class Share(models.Model):
    """A link that shows a view or a dashboard to whoever has it, until it is revoked."""

    project = models.ForeignKey("customers.Project", models.CASCADE, related_name="shares")
    view = models.ForeignKey(SavedView, models.CASCADE, null=True, blank=True, related_name="shares")
    dashboard = models.ForeignKey(Dashboard, models.CASCADE, null=True, blank=True, related_name="shares")
    token_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, in hexadecimal.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"share {self.pk}"
