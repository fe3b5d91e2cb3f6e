"""Rows of customers for the tests of every app."""

import factory
from django.contrib.auth.models import User

from customers import keys
from customers.models import ApiKey, Invitation, Member, Organization, Project


class OrganizationFactory(factory.django.DjangoModelFactory[Organization]):
    class Meta:
        model = Organization

    name = factory.Sequence(lambda n: f"Organization {n}")
    slug = factory.Sequence(lambda n: f"organization-{n}")


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}@example.com")
    email = factory.SelfAttribute("username")


class MemberFactory(factory.django.DjangoModelFactory[Member]):
    class Meta:
        model = Member

    organization = factory.SubFactory(OrganizationFactory)
    user = factory.SubFactory(UserFactory)
    role = Member.Role.OWNER


class ProjectFactory(factory.django.DjangoModelFactory[Project]):
    class Meta:
        model = Project

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"Project {n}")
    slug = factory.Sequence(lambda n: f"project-{n}")


class ApiKeyFactory(factory.django.DjangoModelFactory[ApiKey]):
    """A key with its text, which no database row has, as the attribute `text`. A secret key unless said otherwise."""

    class Meta:
        model = ApiKey

    project = factory.SubFactory(ProjectFactory)
    kind = ApiKey.Kind.SECRET

    @classmethod
    def _create(cls, model_class: type[ApiKey], *args: object, **fields: object) -> ApiKey:
        project, kind = fields.pop("project"), fields.pop("kind")
        key, text = keys.make(project, kind)  # type: ignore[arg-type]
        ApiKey.objects.filter(pk=key.pk).update(**fields)
        key.refresh_from_db()
        key.text = text  # type: ignore[attr-defined]
        return key


class InvitationFactory(factory.django.DjangoModelFactory[Invitation]):
    class Meta:
        model = Invitation

    organization = factory.SubFactory(OrganizationFactory)
    email = factory.Sequence(lambda n: f"invited{n}@example.com")
