"""A deleted project leaves nothing behind."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection, models
from django.test import Client
from django.utils import timezone

from analytics import erasure as analytics_erasure
from analytics.models import Annotation, Cohort, CohortPerson, Dashboard, SavedView, Share, Tile
from attribution import erasure as attribution_erasure
from attribution.models import (
    AppleApp,
    ApplePostback,
    AppleToken,
    Candidate,
    Conversion,
    ConversionSchema,
    CreditModel,
    Decision,
    Destination,
    Domain,
    EvidenceShare,
    ExchangeRate,
    Export,
    ExportSchedule,
    FraudFlag,
    Install,
    Link,
    MatchModel,
    NetworkRange,
    Postback,
    PostbackTry,
    Replay,
    ReplayChange,
    RuleSet,
    Secret,
    Spend,
    SpendFormer,
    SpendImport,
    SpendName,
    Touch,
    VendorImport,
    VendorName,
    VendorNumber,
)
from customers import services as customers
from customers.models import ApiKey, Deletion, Project
from events import erasure as events_erasure
from events import services as events
from events.models import (
    DayCount,
    Event,
    EventName,
    Identity,
    OptOut,
    Person,
    PersonDay,
    PersonErasure,
    PersonMerge,
    RepairRule,
    Seal,
    Segment,
    VendorApp,
    VendorCopy,
)
from growthplatform import tasks
from tests.factories import ApiKeyFactory, ProjectFactory

pytestmark = pytest.mark.django_db


def rows_of(project_id: int) -> dict[str, int]:
    """Count what any table says of a project, whichever app it belongs to."""
    found = {}
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey) and field.related_model is Project and model is not Deletion:
                found[model.__name__] = model._default_manager.filter(**{field.attname: project_id}).count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_message WHERE project_id = %s", [project_id])
        found["messages"] = cursor.fetchone()[0]
    return {name: count for name, count in found.items() if count}


def test_every_table_that_names_a_project_is_erased() -> None:
    listed = {
        *events_erasure.TABLES,
        *("events_event", "events_seal", "events_segment"),
        *(f"attribution_{name}" for name in attribution_erasure.TABLES),
        *(f"analytics_{name}" for name in analytics_erasure.TABLES),
    }

    naming = {
        model._meta.db_table
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model is Project
    }

    assert naming == {*listed, "customers_apikey", "customers_deletion"}


def fill(project: Project) -> None:
    now = timezone.now()
    calls = [
        {"type": "track", "event": "Opened", "userId": f"u{n}", "anonymousId": f"a{n}", "messageId": f"m{n}"}
        for n in range(30)
    ]
    events.record(project.pk, [*calls, {"type": "track"}])
    person = Person.objects.create(project=project, first_seen_at=now, last_seen_at=now)
    identity = Identity.objects.create(project=project, value="u1", person=person, known=True)
    PersonDay.objects.create(project=project, day=now.date(), person=person, events=1)
    DayCount.objects.create(project=project, day=now.date(), type="track", name="Opened", events=30)
    link = Link.objects.create(
        project=project, slug=f"s{project.pk}", name="n", source="s", fallback_url="https://x.example"
    )
    touch = Touch.objects.create(project=project, touch_id="t", type="click", link=link, ts=now, source="s")
    install = Install.objects.create(
        project=project, message_id="i", distinct_id="u1", installed_at=now, received_at=now, pending=False
    )
    rules = RuleSet.objects.create(project=project, version=1, rules={})
    decision = Decision.objects.create(
        project=project, install=install, state="final", tier="click_id", touch=touch, source="s",
        installed_at=now, rule_set=rules,
    )  # fmt: skip
    Candidate.objects.create(decision=decision, touch=touch, tier="click_id", eligible=True, age_s=1)
    again = Install.objects.create(
        project=project, message_id="again", distinct_id="u1", installed_at=now, received_at=now, pending=False
    )
    Decision.objects.create(
        project=project, install=again, state="final", tier="organic", source="organic", installed_at=now,
        rule_set=rules, kind="reinstall", original=decision,
        match_model=MatchModel.objects.create(project=project, model={}),
    )  # fmt: skip
    Conversion.objects.create(
        project=project, message_id="c", distinct_id="u1", name="Order Completed", ts=now, received_at=now,
        install=install, revenue=5, currency="USD",
    )  # fmt: skip
    AppleToken.objects.create(project=project, install=install, token="t")
    fill_settings(project, rules, decision, touch)
    fill_store(project)
    fill_saved(project, identity)
    fill_connections(project, decision)


def fill_store(project: Project) -> None:
    now = timezone.now()
    Seal.objects.create(project=project, position=7, sealed_at=now)
    Segment.objects.create(
        project=project, path=f"{project.pk}/gone.parquet", first_day=now.date(), last_day=now.date(), first_ts=now,
        last_ts=now, rows=1, bytes=1, digest="0" * 32, merged_at=now,
    )  # fmt: skip
    PersonMerge.objects.create(project=project, person_id=8, survivor_id=9)
    PersonErasure.objects.create(project=project, person_id=10)


def fill_connections(project: Project, decision: Decision) -> None:
    today, number = timezone.now().date(), project.pk
    app = VendorApp.objects.create(project=project, dialect="adjust", app_id=f"app{number}")
    VendorCopy.objects.create(project=project, app=app, method="POST", path="/event", body=b"x")
    EventName.objects.create(project=project, dialect="adjust", theirs="abc123", ours="Signed Up")
    OptOut.objects.create(project=project, id_hash=f"{number:064}")
    RepairRule.objects.create(project=project, name="Prefix", code="unknown_app", field="path", action="prefix")
    apple = AppleApp.objects.create(project=project, app_id=number)
    ApplePostback.objects.create(project=project, kind="skan", state="valid", digest=f"{number:064}", raw="{}")
    ConversionSchema.objects.create(project=project, app=apple, valid_from=today)
    target = Destination.objects.create(project=project, kind="webhook", name="Ours", url="https://x.example")
    first = Postback.objects.create(
        project=project, destination=target, idempotency_key="1", news="install", decision=decision, method="POST",
        url="https://x.example",
    )  # fmt: skip
    Postback.objects.create(
        project=project, destination=target, idempotency_key="2", news="install", corrects=first, method="POST",
        url="https://x.example",
    )  # fmt: skip
    PostbackTry.objects.create(postback=first, status=500)
    brought = SpendImport.objects.create(project=project, name="spend.csv")
    Spend.objects.create(project=project, day=today, source="s", amount=5, currency="USD", brought_by=brought)
    SpendFormer.objects.create(
        project=project, replaced_by=brought, day=today, source="s", amount=4, currency="USD", brought_by=brought
    )
    SpendName.objects.create(project=project, source="s", campaign="C", to_source="s", to_campaign="c")
    ExchangeRate.objects.create(project=project, currency="EUR", day=today, rate=1)
    schedule = ExportSchedule.objects.create(project=project, address="daily", next_day=today)
    Export.objects.create(project=project, schedule=schedule, kind="touches", format="csv")
    numbers = VendorImport.objects.create(project=project, kind="numbers", vendor="appsflyer", name="numbers.csv")
    VendorNumber.objects.create(
        project=project, vendor="appsflyer", day=today, source="s", installs=3, brought_by=numbers
    )
    VendorName.objects.create(project=project, vendor="appsflyer", source="s", to_source="t")


def fill_saved(project: Project, identity: Identity) -> None:
    view = SavedView.objects.create(project=project, name="Acme view", kind="trend", query="event=Opened")
    board = Dashboard.objects.create(project=project, name="Acme board")
    Tile.objects.create(dashboard=board, view=view, place=0)
    Annotation.objects.create(project=project, text="4.12.0", at=timezone.now())
    cohort = Cohort.objects.create(project=project, name="Keen", kind="trend", size=1)
    CohortPerson.objects.create(cohort=cohort, identity=identity)
    Share.objects.create(project=project, view=view, token_hash=f"v{project.pk:063}")
    Share.objects.create(project=project, dashboard=board, token_hash=f"d{project.pk:063}")


def fill_settings(project: Project, rules: RuleSet, decision: Decision, touch: Touch) -> None:
    now = timezone.now()
    Domain.objects.create(project=project, host=f"go{project.pk}.example", token="t")
    Secret.objects.create(project=project, kind="click_signature", encrypted="x")
    NetworkRange.objects.get_or_create(kind="datacenter", first="198.51.100.0", last="198.51.100.255")
    FraudFlag.objects.create(project=project, code="ctit_flat", source="s", since=now)
    EvidenceShare.objects.create(
        project=project, source="s", since=now, until=now, token_hash=f"{project.pk:064}", expires_at=now
    )
    CreditModel.objects.create(project=project, name="Ours", settings={})
    replay = Replay.objects.create(project=project, base=rules, rules={}, since=now, until=now, rule_set=rules)
    ReplayChange.objects.create(
        replay=replay, decision=decision, old_tier="click_id", old_source="s", new_tier="organic",
        new_source="organic", new_touch=touch,
    )  # fmt: skip


@pytest.fixture
def deletion(project: Project) -> Deletion:
    ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE)
    fill(project)
    made = customers.delete_project(project, asked_by=None)
    Deletion.objects.update(asked_at=timezone.now() - timedelta(minutes=1))
    return made


def test_everything_of_a_deleted_project_is_erased_and_of_no_other(deletion: Deletion) -> None:
    other = ProjectFactory()
    fill(other)
    before, of_other = rows_of(deletion.project_id), rows_of(other.pk)
    assert {
        "Event",
        "Person",
        "Identity",
        "Touch",
        "Decision",
        "Conversion",
        "Replay",
        "RuleSet",
        "Rejected",
        "Segment",
        "SavedView",
        "Share",
        "messages",
    } <= before.keys()

    tasks.erase_projects()

    assert rows_of(deletion.project_id) == {}
    assert rows_of(other.pk) == of_other
    for inside in (Candidate, Tile, CohortPerson, PostbackTry):
        assert inside._default_manager.count() == 1


def test_a_deletion_tells_how_far_it_is_and_outlives_the_project(deletion: Deletion) -> None:
    tasks.erase_projects()

    deletion.refresh_from_db()
    assert (deletion.state, deletion.project_id, deletion.project_name) == ("done", None, "Acme app")
    assert deletion.rows > 60
    assert deletion.finished_at
    assert not Project.objects.filter(name="Acme app").exists()


def test_erasing_breaks_off_when_its_time_is_over_and_goes_on_later(
    deletion: Deletion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "ERASING_S", -1)
    tasks.erase_projects()
    deletion.refresh_from_db()
    assert deletion.state == "running"
    assert Event.objects.exists()

    monkeypatch.undo()
    tasks.erase_projects()

    deletion.refresh_from_db()
    assert deletion.state == "done"


def test_nothing_is_erased_while_requests_of_before_may_be_under_way(project: Project) -> None:
    customers.delete_project(project, asked_by=None)

    tasks.erase_projects()

    assert Deletion.objects.get().state == "waiting"


def test_events_sent_after_the_deletion_are_refused(project: Project, client: Client) -> None:
    key = ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE)
    customers.delete_project(project, asked_by=None)

    answer = client.post(
        "/v1/track", {"writeKey": key.text, "event": "Opened", "userId": "u"}, content_type="application/json"
    )

    assert answer.status_code == 401
