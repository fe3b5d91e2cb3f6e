"""Accounts: the people who sign in, whether they came by themselves, were invited or were set up by staff."""

import secrets

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from customers.locks import hold
from customers.models import Member, Organization, SignUp
from growthplatform.core.errors import InvalidField

DEMO_EMAIL = "demo@example.com"


def clean_email(email: str) -> str:
    """Return `email` in lower case. Raises InvalidField."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidField.named("email", f"{email!r} is not a mail address.") from None
    return email


def find_user(email: str) -> User | None:
    """Return the account that signs in with `email`."""
    return User.objects.filter(email__iexact=email, is_active=True).order_by("pk").first()


@transaction.atomic
def create_account(email: str, password: str = "", *, staff: bool = False) -> tuple[User, bool]:
    """Return the account of `email` and whether it is new; a new one has `password`, or one that nobody knows.

    Safe to repeat: an account that exists stays as it is. Raises InvalidField.
    """
    email = clean_email(email)
    hold("accounts")
    known = find_user(email)
    if known:
        return known, False
    # The username is never shown or asked for; it must be free, and a mail address of an inactive account is not.
    username = (
        email if len(email) <= 150 and not User.objects.filter(username=email).exists() else secrets.token_hex(12)
    )
    user = User.objects.create_user(username, email, password or secrets.token_urlsafe(24), is_staff=staff)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    return user, True


def demo_password() -> str:
    """Return the password of the demo's account: the same at each start, another one for each SECRET_KEY."""
    return f"demo-{salted_hmac('customers.demo', DEMO_EMAIL).hexdigest()[:8]}"


def staff_the_house(email: str = "") -> int:
    """Let the account of `email` into the staff admin, and all staff into the house organization as owners.

    Safe to repeat; returns how many are of staff. An address without an account yet changes nothing, and neither does
    one that its account has not confirmed: anybody can sign up with a name that is not theirs.
    """
    if email:
        confirmed = EmailAddress.objects.filter(email__iexact=email, verified=True).values("user")
        User.objects.filter(pk__in=confirmed, is_active=True).update(is_staff=True, is_superuser=True)
    house = Organization.objects.get(house=True)
    staff = User.objects.filter(is_staff=True, is_active=True)
    for user in staff.exclude(memberships__organization=house):
        Member.objects.get_or_create(organization=house, user=user, defaults={"role": Member.Role.OWNER})
    return staff.count()


def password_address(user: User) -> str:
    """Return the address where `user` chooses a password; it works once, for three days."""
    key = default_token_generator.make_token(user)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
    return f"{settings.BASE_URL}{path}"


def note_sign_up(user: User, *, anonymous_id: str = "", invited: bool = False) -> None:
    """Leave word of a new account for the house project. Safe to repeat."""
    SignUp.objects.get_or_create(user=user, defaults={"anonymous_id": anonymous_id[:100], "invited": invited})


def unrecorded_sign_ups(limit: int = 500) -> list[SignUp]:
    """Return the sign-ups the house project has not heard of, oldest first."""
    return list(SignUp.objects.filter(recorded_at=None).select_related("user").order_by("pk")[:limit])


def note_recorded(sign_ups: list[SignUp]) -> None:
    """Mark sign-ups as told to the house project. Safe to repeat."""
    SignUp.objects.filter(pk__in=[sign_up.pk for sign_up in sign_ups]).update(recorded_at=timezone.now())
