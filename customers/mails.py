"""Mails of customers: plain text from a template whose first line is the subject."""

import smtplib
from typing import Any

import structlog
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string

log = structlog.get_logger(__name__)
PATIENCE_S = 10


def send(template: str, to: str, context: dict[str, Any]) -> bool:
    """Send the mail `templates/customers/mail/<template>.txt` and say whether the mail server took it."""
    text = render_to_string(f"customers/mail/{template}.txt", context)
    subject, _, body = text.partition("\n")
    try:
        connection = get_connection(timeout=PATIENCE_S)
        return bool(EmailMessage(subject.strip(), body.strip() + "\n", to=[to], connection=connection).send())
    except (smtplib.SMTPException, OSError) as refused:
        log.warning("mail_not_sent", template=template, reason=str(refused))
        return False
