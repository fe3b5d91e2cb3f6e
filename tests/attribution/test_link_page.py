"""The pages of links: list, detail, form, import; and who may not."""

import csv
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from attribution.models import Link
from customers.models import Project
from tests.attribution.factories import LinkFactory, TouchFactory

LIST = "/dashboard/acme/links/"
FIELDS = {"name": "Winter sale", "source": "tiktok", "slug": "winter", "fallback_url": "https://shop.example"}


def rows_of(answer: object) -> list[dict[str, str]]:
    return list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))  # type: ignore[attr-defined]


def test_a_project_without_links_gets_a_working_command(editor: Client, project: Project) -> None:
    answer = editor.get(LIST)

    assert answer.status_code == 200
    assert b"Make your first link" in answer.content
    assert b"curl http://testserver/v1/links" in answer.content


def test_the_list_shows_links_with_their_taps(editor: Client, project: Project) -> None:
    link = LinkFactory(project=project, name="Winter sale")
    TouchFactory.create_batch(3, project=project, link=link, ts=timezone.now() - timedelta(hours=1))
    LinkFactory(name="Theirs")

    answer = editor.get(LIST)

    assert b"Winter sale" in answer.content
    assert b"Theirs" not in answer.content
    assert answer.context["sums"].taps == 3


def test_the_file_holds_what_the_list_shows(editor: Client, project: Project) -> None:
    link = LinkFactory(project=project, name="=HYPERLINK(1)")
    TouchFactory.create_batch(2, project=project, link=link, ts=timezone.now() - timedelta(hours=1))
    LinkFactory(project=project, name="Poster")

    page = editor.get(LIST)
    rows = rows_of(editor.get(LIST, {"format": "csv"}))

    shown = {(link.slug, str(link.taps), str(link.installs)) for link, _ in page.context["links"]}
    assert {(row["slug"], row["taps"], row["installs"]) for row in rows} == shown
    assert sum(int(row["taps"]) for row in rows) == page.context["sums"].taps
    assert rows[-1]["name"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize("sort", ["name", "-taps", "installs", "-share", "source", "created", "nonsense"])
def test_every_order_pages_through_all_links_once(
    editor: Client, project: Project, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr("attribution.views.shared.PAGE_ROWS", 2)
    for number in range(5):
        link = LinkFactory(project=project, name=f"Link {number % 2}")
        TouchFactory.create_batch(number % 3, project=project, link=link, ts=timezone.now() - timedelta(hours=1))

    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = editor.get(LIST, {"sort": sort, "cursor": cursor})
        seen += [link.pk for link, _ in answer.context["links"]]
        cursor = answer.context["next"]

    assert sorted(seen) == sorted(Link.objects.values_list("pk", flat=True))


def test_a_search_answers_only_the_rows(editor: Client, project: Project) -> None:
    LinkFactory(project=project, name="Winter sale")

    answer = editor.get(LIST, {"q": "nothing"}, HTTP_HX_REQUEST="true")

    assert b"No link" in answer.content
    assert b"<html" not in answer.content


def test_one_link_shows_its_address_code_and_touches(editor: Client, project: Project) -> None:
    link = LinkFactory(project=project, slug="winter")
    TouchFactory(project=project, link=link, ts=timezone.now() - timedelta(minutes=5), bot=True)

    answer = editor.get(f"{LIST}{link.pk}/")

    assert answer.status_code == 200
    assert b"http://testserver/c/winter" in answer.content
    assert b"<svg" in answer.content
    assert b"Bot, not counted" in answer.content


@pytest.mark.parametrize(
    ("source", "part"), [("tiktok", "adset=__AID_NAME__"), ("meta", "ad={{ad.name}}"), ("somebody", "sub1={sub_id}")]
)
def test_one_link_shows_the_addresses_for_its_network(editor: Client, project: Project, source: str, part: str) -> None:
    link = LinkFactory(project=project, slug="winter", source=source)

    answer = editor.get(f"{LIST}{link.pk}/")

    for kind in ("c", "i"):
        assert f"http://testserver/{kind}/winter?".encode() in answer.content
    assert part.encode() in answer.content


def test_a_link_is_made_by_the_form(editor: Client, project: Project) -> None:
    answer = editor.post(f"{LIST}create/", {**FIELDS, "android_url": "com.techstart.mobile"})

    link = Link.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"{LIST}{link.pk}/"
    assert link.android_url == "https://play.google.com/store/apps/details?id=com.techstart.mobile"


def test_a_wrong_form_keeps_what_was_typed(editor: Client, project: Project) -> None:
    answer = editor.post(f"{LIST}create/", {**FIELDS, "name": "", "fallback_url": "shop"})

    assert answer.status_code == 422
    assert b'value="shop"' in answer.content
    assert set(answer.context["form"].errors) == {"name", "fallback_url"}


def test_leaving_a_field_says_what_is_wrong_with_it_alone(editor: Client, project: Project) -> None:
    LinkFactory(slug="taken")

    answer = editor.post(f"{LIST}check/", {"slug": "taken", "name": ""}, HTTP_HX_REQUEST="true")

    assert b"Another link has this slug already" in answer.content
    assert list(answer.context["form"].errors) == ["slug"]
    assert Link.objects.count() == 1


def test_the_preview_shows_where_each_phone_lands(editor: Client, project: Project) -> None:
    answer = editor.post(
        f"{LIST}check/?part=preview", {**FIELDS, "android_url": "com.techstart"}, HTTP_HX_REQUEST="true"
    )

    assert b"http://testserver/c/winter" in answer.content
    assert b"play.google.com/store/apps/details?id=com.techstart&amp;referrer=click_id=TOUCH_ID" in answer.content


def test_a_link_is_changed_but_not_its_slug(editor: Client, project: Project) -> None:
    link = LinkFactory(project=project, slug="winter")

    answer = editor.post(f"{LIST}{link.pk}/edit/", {**FIELDS, "slug": "other", "name": "Spring sale"})

    link.refresh_from_db()
    assert answer.status_code == 302
    assert (link.slug, link.name) == ("winter", "Spring sale")


def test_archiving_can_be_undone(editor: Client, project: Project) -> None:
    link = LinkFactory(project=project)

    archived = editor.post(f"{LIST}{link.pk}/archive/", follow=True)
    link.refresh_from_db()
    assert link.archived_at is not None
    undo = f"{LIST}{link.pk}/restore/"
    assert f"undo:{undo}".encode() in archived.content
    editor.post(undo)

    link.refresh_from_db()
    assert link.archived_at is None


def test_an_exported_file_can_be_imported_again(editor: Client, project: Project) -> None:
    noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
    LinkFactory(project=project, slug="winter", medium="cpc", expires_at=noon, deep_link="/sale")
    body = b"".join(editor.get(LIST, {"format": "csv"}).streaming_content)  # type: ignore[attr-defined]
    Link.objects.all().delete()

    shown = editor.post(f"{LIST}import/", {"file": SimpleUploadedFile("links.csv", body)})
    answer = editor.post(f"{LIST}import/", {"text": shown.context["text"]})

    assert answer.status_code == 302
    link = Link.objects.get()
    assert (link.slug, link.expires_at, link.deep_link) == ("winter", noon, "/sale")


def test_an_import_takes_the_good_rows_and_names_the_others(editor: Client, project: Project) -> None:
    body = b"name,source,slug,fallback_url\nA,tiktok,a,https://a.example\nB,tiktok,b,nonsense\nC,meta,a,https://c.example\n"

    shown = editor.post(f"{LIST}import/", {"file": SimpleUploadedFile("links.csv", body)})

    assert not Link.objects.exists()
    assert [(row["line"], [one["field"] for one in row["problems"]]) for row in shown.context["judged"]] == [
        (3, ["fallback_url"]),
        (4, ["slug"]),
        (2, []),
    ]
    assert b"1 row can become a link, 2 can" in shown.content

    made = editor.post(f"{LIST}import/", {"text": shown.context["text"]})

    assert made.status_code == 302
    assert Link.objects.get().name == "A"


def test_a_file_without_a_good_row_makes_nothing(editor: Client, project: Project) -> None:
    text = "name,source,fallback_url\nA,tiktok,nonsense\n"

    answer = editor.post(f"{LIST}import/", {"text": text})

    assert answer.status_code == 422
    assert not Link.objects.exists()


def test_a_macro_that_is_none_of_ours_is_warned_of_and_kept(editor: Client, project: Project) -> None:
    answer = editor.post(
        f"{LIST}create/", {**FIELDS, "fallback_url": "https://shop.example/{campain}/{sub1"}, follow=True
    )

    assert Link.objects.get().fallback_url == "https://shop.example/{campain}/{sub1"
    assert "“{campain}” is no macro of ours".encode() in answer.content
    assert b"A brace stands alone" in answer.content


def test_the_end_of_a_link_is_in_the_projects_zone(editor: Client, project: Project) -> None:
    editor.post(f"{LIST}create/", {**FIELDS, "expires_at": "2027-01-01T12:00"})

    link = Link.objects.get()
    assert link.expires_at == datetime(2027, 1, 1, 11, tzinfo=UTC)
    form = editor.get(f"{LIST}{link.pk}/edit/")
    assert b'value="2027-01-01T12:00"' in form.content


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("deep_link", "javascript:alert(1)"),
        ("deep_link", "sale"),
        ("expires_at", "tomorrow"),
        ("expires_at", "9999-12-31T23:59"),
        ("expired_url", "ftp://shop.example"),
        ("fallback_url", "https://{sub1}/x"),
        ("domain", "go.shop.example"),
    ],
)
def test_what_a_link_cannot_be_is_said_beside_its_field(
    editor: Client, project: Project, field: str, value: str
) -> None:
    answer = editor.post(f"{LIST}create/", {**FIELDS, field: value})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not Link.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"a,b\n1,2\n", b"\xff\xfe", b"name,source,fallback_url\n", b'name,source,fallback_url\n"']
)
def test_a_file_that_cannot_be_read_says_why(editor: Client, project: Project, body: bytes) -> None:
    answer = editor.post(f"{LIST}import/", {"file": SimpleUploadedFile("links.csv", body)})

    assert answer.status_code == 422
    assert answer.context["form"].errors["file"]


def test_a_viewer_sees_links_but_cannot_change_them(viewer: Client, project: Project) -> None:
    link = LinkFactory(project=project)

    assert viewer.get(LIST).status_code == 200
    assert viewer.get(f"{LIST}create/").status_code == 403
    assert viewer.post(f"{LIST}create/", FIELDS).status_code == 403
    assert viewer.post(f"{LIST}{link.pk}/edit/", FIELDS).status_code == 403
    assert viewer.post(f"{LIST}{link.pk}/archive/").status_code == 403
    assert viewer.get(f"{LIST}import/").status_code == 403
    assert Link.objects.get().archived_at is None


def test_a_stranger_finds_no_page(stranger: Client, project: Project) -> None:
    link = LinkFactory(project=project)

    for path in ("", "create/", "import/", f"{link.pk}/", f"{link.pk}/edit/"):
        assert stranger.get(f"{LIST}{path}").status_code == 404
    assert stranger.post(f"{LIST}{link.pk}/archive/").status_code == 404


def test_another_projects_link_is_not_found(editor: Client, project: Project) -> None:
    theirs = LinkFactory()

    assert editor.get(f"{LIST}{theirs.pk}/").status_code == 404
    assert editor.post(f"{LIST}{theirs.pk}/archive/").status_code == 404


def test_who_is_not_signed_in_is_asked_to(client: Client, project: Project) -> None:
    answer = client.get(LIST)

    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]
