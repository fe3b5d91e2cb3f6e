"""Tenants are walls: whatever page or API there is, another organization's project is not there."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from customers.models import ApiKey, Project
from tests.customers.conftest import signed_in
from tests.customers.test_erasing import fill
from tests.factories import ApiKeyFactory, MemberFactory, ProjectFactory

pytestmark = pytest.mark.django_db


def patterns(found: list[URLPattern | URLResolver], names: tuple[str, ...] = ()) -> Iterator[tuple[str, URLPattern]]:
    """Yield every named address of the product's own apps with its whole name."""
    for one in found:
        if isinstance(one, URLResolver):
            yield from patterns(one.url_patterns, (*names, *filter(None, [one.namespace])))
        elif one.name:
            yield ":".join((*names, one.name)), one


PAGES = {
    name: list(one.pattern.converters)
    for name, one in patterns(get_resolver().url_patterns)
    if "project_slug" in one.pattern.converters
}


def address(name: str, arguments: list[str], project: Project) -> str:
    """Fill the address of a page with ids of the project's own rows, by the argument's name ("link_id")."""
    ids = {argument: row_of(argument, project) for argument in arguments if argument != "project_slug"}
    return reverse(name, kwargs={"project_slug": project.slug, **ids})


def row_of(argument: str, project: Project) -> str:
    for model in apps.get_models():
        if model.__name__.lower() == argument.removesuffix("_id").replace("_", "") and hasattr(model, "project"):
            row = model._default_manager.filter(project=project).first()
            return str(row.pk) if row else "1"
    return "1"


def test_there_are_pages_to_try() -> None:
    assert len(PAGES) > 30


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_page_of_another_organization_is_not_there(name: str, method: str) -> None:
    theirs = ProjectFactory()
    fill(theirs)
    stranger = signed_in(MemberFactory(role="owner").user)

    answer = getattr(stranger, method)(address(name, PAGES[name], theirs))

    # A page that knows only the other method may say so before it looks who asks.
    assert answer.status_code in {404, 405}, answer.status_code
    if answer.status_code == 405:
        other = {"get": "post", "post": "get"}[method]
        assert getattr(stranger, other)(address(name, PAGES[name], theirs)).status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_a_page_sends_somebody_without_an_account_to_sign_in(name: str) -> None:
    project = ProjectFactory()

    answer = Client().get(address(name, PAGES[name], project))

    assert answer.status_code in {302, 405}
    if answer.status_code == 302:
        assert "/accounts/login/" in answer["Location"]


APIS = sorted(
    {
        (name, tuple(one.pattern.converters))
        for name, one in patterns(get_resolver().url_patterns)
        if str(one.pattern).startswith("v1/") and "project_slug" not in one.pattern.converters
    }
)


@pytest.mark.parametrize(("name", "arguments"), APIS)
def test_an_api_asked_without_a_key_or_with_a_wrong_one_says_nothing(name: str, arguments: tuple[str, ...]) -> None:
    path = reverse(name, kwargs=dict.fromkeys(arguments, "1"))

    for headers in ({}, {"HTTP_AUTHORIZATION": "Bearer sk_wrong"}):
        answer = Client().get(path, **headers)

        assert answer.status_code in {401, 404, 405}, path


@pytest.mark.parametrize(("name", "arguments"), [one for one in APIS if one[1]])
def test_a_row_of_another_project_is_not_found_by_api(name: str, arguments: tuple[str, ...]) -> None:
    theirs = ProjectFactory()
    fill(theirs)
    key = ApiKeyFactory(project=ProjectFactory(), kind=ApiKey.Kind.SECRET)
    ids = [dict.fromkeys(arguments, str(row.pk)) for row in theirs.decisions.all()]
    ids += [dict.fromkeys(arguments, "1"), {argument: row_of(argument, theirs) for argument in arguments}]

    for kwargs in ids:
        path = reverse(name, kwargs=kwargs)

        assert Client().get(path, HTTP_AUTHORIZATION=f"Bearer {key.text}").status_code in {401, 404, 405}, path
