"""Erase one person from everything that the product keeps of them."""

from django.contrib.auth.models import User
from django.db import transaction

from attribution import services as attribution
from customers.models import Project
from events import services as events
from events.models import PersonErasure


def erase_person(project: Project, person_id: int, *, asked_by: User | None = None) -> PersonErasure:
    """Erase a person for good: they are in no answer once this returns; sealed files are written anew by a task.

    Raises UnknownPerson.
    """
    with transaction.atomic():
        begun = events.begin_person_erasure(project, person_id, asked_by)
        attribution.forget_person(project.pk, begun.ids)
    return begun.erasure
