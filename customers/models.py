"""Who pays (Organization), who works there (Member), their apps and sites (Project), and the keys of those."""

import zoneinfo
from functools import cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


@cache
def known_zones() -> frozenset[str]:
    """Return the names of the IANA database; finding them reads some hundred files, so once."""
    return frozenset(zoneinfo.available_timezones())


def check_time_zone(name: str) -> None:
    """Refuse a name that the IANA database lacks."""
    if name not in known_zones():
        raise ValidationError("%(name)s is not a time zone, for example Europe/Berlin.", params={"name": name})


class Organization(models.Model):
    """A company that uses the product; it owns projects."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    house = models.BooleanField(default=False, help_text="The platform's own organization.")
    demo = models.BooleanField(default=False, help_text="Made, and removed, by `manage.py demo`.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint("house", condition=models.Q(house=True), name="one_house_organization"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_additional_data(self) -> dict[str, int]:
        """Name the organization in each row of the activity log; django-auditlog calls it by this name."""
        return {"organization": self.pk}


class Member(models.Model):
    """A person who works for an organization, with a role."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        ADMIN = "admin", "Admin"
        EDITOR = "editor", "Editor"
        VIEWER = "viewer", "Viewer"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="member_once")]

    def __str__(self) -> str:
        return self.user.email or self.user.get_username()

    def get_additional_data(self) -> dict[str, int]:
        return {"organization": self.organization_id}

    @property
    def can_edit(self) -> bool:
        """Links, rejected events: everything that does not open doors to others."""
        return self.role != self.Role.VIEWER

    @property
    def can_manage(self) -> bool:
        """Keys, members, settings."""
        return self.role in {self.Role.OWNER, self.Role.ADMIN}


class Invitation(models.Model):
    """A mail that lets its reader join an organization."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Member.Role.choices, default=Member.Role.EDITOR)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=models.Q(accepted_at=None),
                name="one_open_invitation_per_mail",
            )
        ]

    def __str__(self) -> str:
        return self.email

    def get_additional_data(self) -> dict[str, int]:
        return {"organization": self.organization_id}

    @property
    def expired(self) -> bool:
        return self.expires_at <= timezone.now()


class ProjectQuerySet(models.QuerySet["Project"]):
    def live(self) -> "ProjectQuerySet":
        """Not deleted by their owner; a deleted one lives on until its events are gone."""
        return self.filter(deleted_at=None)


class Project(models.Model):
    """An app or a site of an organization; everything that is measured belongs to one."""

    class Platform(models.TextChoices):
        WEB = "web", "Web"
        IOS = "ios", "iOS"
        ANDROID = "android", "Android"
        MULTI = "multi", "Several platforms"

    class IpPolicy(models.TextChoices):
        FULL = "full", "Keep the full address"
        TRUNCATED = "truncated", "Keep the network only (/24, /48)"
        NONE = "none", "Keep no address"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="projects")
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    platform = models.CharField(max_length=10, choices=Platform.choices, default=Platform.MULTI)
    bundle_id = models.CharField("iOS bundle id", max_length=155, blank=True)
    package_name = models.CharField("Android package", max_length=155, blank=True)
    domain = models.CharField(max_length=253, blank=True)
    time_zone = models.CharField(max_length=50, default="UTC", validators=[check_time_zone])
    currency = models.CharField(max_length=3, default="USD")
    ip_policy = models.CharField(max_length=10, choices=IpPolicy.choices, default=IpPolicy.FULL)
    retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Events older than this are deleted; empty keeps them for good."
    )
    house = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="Gone for its members; its rows are erased.")

    objects = ProjectQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint("house", condition=models.Q(house=True), name="one_house_project")]

    def __str__(self) -> str:
        return self.name

    def get_additional_data(self) -> dict[str, int]:
        return {"organization": self.organization_id}

    @property
    def tz(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self) -> "ApiKeyQuerySet":
        """Neither revoked nor run out."""
        now = timezone.now()
        return self.filter(revoked_at=None).exclude(expires_at__lte=now)


class ApiKey(models.Model):
    """A key of a project: write keys are public and only send, secret keys read and manage."""

    class Kind(models.TextChoices):
        WRITE = "write", "Write key"
        SECRET = "secret", "Secret key"

    project = models.ForeignKey(Project, models.CASCADE, related_name="keys")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=60, blank=True)
    hint = models.CharField(max_length=40, help_text="A write key whole; of a secret key its beginning.")
    key_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the key, in hexadecimal.")
    events_per_second = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: the installation's limit.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Set by a rotation: the old key's last moment.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name or self.hint

    @property
    def live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    def get_additional_data(self) -> dict[str, int]:
        return {"organization": self.project.organization_id}


class Deletion(models.Model):
    """A project on its way out: how far the erasing of its rows has come. Outlives the project."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Erasing"
        DONE = "done", "Erased"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="deletions")
    project = models.OneToOneField(Project, models.SET_NULL, null=True, related_name="deletion")
    project_name = models.CharField(max_length=100)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    rows = models.BigIntegerField(default=0, help_text="Erased so far.")
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.project_name


class SignUp(models.Model):
    """A new account that the house project has yet to hear of, or has."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="sign_up")
    anonymous_id = models.CharField(max_length=100, blank=True, help_text="Of the page views before the sign-up.")
    invited = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    recorded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="sign_up_unrecorded", condition=models.Q(recorded_at=None)),
        ]

    def __str__(self) -> str:
        return str(self.user)
