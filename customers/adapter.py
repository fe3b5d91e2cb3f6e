"""What happens around sign-up and sign-in."""

import smtplib
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.auth.models import User
from django.forms import Form
from django.http import HttpRequest
from django.urls import reverse

from customers import services as customers
from growthplatform.config import config
from growthplatform.core.http import client_ip

log = structlog.get_logger(__name__)
# Where an invitation's link leaves its token while its reader makes an account.
INVITATION = "invitation"
# A cookie of the product's own page views, see static/src/app/pageview.js.
ANONYMOUS_ID = "anonymous_id"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """The product's rules for accounts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Let everybody in, or only who follows an invitation (SIGN_UP=invited)."""
        return config.sign_up == "open" or self._invited(request)

    def _invited(self, request: HttpRequest) -> bool:
        invitation = customers.find_open(request.session.get(INVITATION, ""))
        return invitation is not None and not invitation.expired

    def save_user(self, request: HttpRequest, user: User, form: Form, commit: bool = True) -> User:
        saved: User = super().save_user(request, user, form, commit)
        if commit:
            customers.note_sign_up(
                saved,
                anonymous_id=request.COOKIES.get(ANONYMOUS_ID, "").replace("\0", ""),
                invited=self._invited(request),
            )
        return saved

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return self._next(request)

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return self._next(request)

    def _next(self, request: HttpRequest) -> str:
        token = request.session.get(INVITATION)
        return reverse("customers:invitation-accept", args=[token]) if token else reverse("customers:start")

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_ip(request, settings.TRUSTED_PROXIES) or "127.0.0.1"

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **more: Any
    ) -> None:
        """Say what happened, except that somebody is in or out: they see that."""
        if message_template not in {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}:
            super().add_message(request, level, message_template, *args, **more)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail of the account pages; a mail server that is away does not spoil the sign-up."""
        try:
            super().send_mail(template_prefix, email, context)
        except (smtplib.SMTPException, OSError) as refused:
            log.warning("mail_not_sent", template=template_prefix, reason=str(refused))
