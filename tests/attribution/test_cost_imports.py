"""Spend that is told again: it replaces what was told before, never adds to it, and can be undone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution.costs import drafts, importing
from attribution.costs.csv_rows import SpendRow, combine
from attribution.models import Spend, SpendFormer, SpendImport
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = date(2026, 11, 19)
HEAD = "day,source,campaign,amount,currency\n"


def row(amount: str = "5", *, day: int = 0, source: str = "tiktok", campaign: str = "Winter", **more: str) -> SpendRow:
    given = {"ad_set": "", "ad": "", "country": "", "platform": "", "currency": "EUR", **more}
    return SpendRow(
        1, DAY + timedelta(days=day), source, campaign, given["ad_set"], given["ad"], given["country"],
        given["platform"], Decimal(amount), given["currency"],
    )  # fmt: skip


def take(project: Project, *rows: SpendRow, complete: bool = False) -> SpendImport:
    done, _ = importing.take(project, rows, now=NOW, complete=complete, name="A file")
    return done


def outcome(done: SpendImport) -> tuple[int, int, int, int]:
    return done.added, done.replaced, done.unchanged, done.removed


def there(project: Project) -> dict[tuple[str, str], Decimal]:
    return {(f"{one.day:%d}", one.campaign): one.amount for one in Spend.objects.filter(project=project)}


def test_an_import_twice_is_the_import_once(project: Project) -> None:
    first = take(project, row("5"), row("7", day=1))
    again = take(project, row("5"), row("7", day=1))

    assert (outcome(first), outcome(again)) == ((2, 0, 0, 0), (0, 0, 2, 0))
    assert there(project) == {("19", "Winter"): 5, ("20", "Winter"): 7}
    assert not SpendFormer.objects.exists()


def test_a_restatement_replaces_and_never_adds(project: Project) -> None:
    take(project, row("5"), row("7", day=1))

    done = take(project, row("4.50"), row("7", day=1), row("1", day=1, campaign="Other"))

    assert outcome(done) == (1, 1, 1, 0)
    assert there(project) == {("19", "Winter"): Decimal("4.5"), ("20", "Winter"): 7, ("20", "Other"): 1}


def test_another_currency_is_a_restatement_too(project: Project) -> None:
    take(project, row("5"))

    assert outcome(take(project, row("5", currency="USD"))) == (0, 1, 0, 0)
    assert Spend.objects.get(project=project).currency == "USD"


def test_a_complete_import_removes_what_it_leaves_out_of_its_sources_and_days(project: Project) -> None:
    take(project, row(day=0), row(day=1), row(day=2), row(day=2, campaign="Old"), row(day=3), row(day=1, source="meta"))

    done = take(project, row(day=0), row(day=2), complete=True)

    assert outcome(done) == (0, 0, 2, 2)
    kept = {(one.source, one.day.day, one.campaign) for one in Spend.objects.filter(project=project)}
    assert kept == {
        ("tiktok", 19, "Winter"), ("tiktok", 21, "Winter"), ("tiktok", 22, "Winter"), ("meta", 20, "Winter")
    }  # fmt: skip


def test_other_projects_spend_is_left_alone(project: Project) -> None:
    theirs = ProjectFactory()
    take(theirs, row("9"))

    take(project, row("5", day=1), complete=True)

    assert there(theirs) == {("19", "Winter"): 9}


def test_undone_an_import_leaves_what_was_before(project: Project) -> None:
    take(project, row("5"), row("6", day=1))
    done = take(project, row("4"), row("1", day=2), complete=True)

    importing.undo(done, now=NOW)
    importing.undo(done, now=NOW)

    assert there(project) == {("19", "Winter"): 5, ("20", "Winter"): 6}
    done.refresh_from_db()
    assert (done.state, done.undone_at, SpendFormer.objects.count()) == ("undone", NOW, 0)


def test_an_import_that_a_later_one_built_on_is_undone_after_it(project: Project) -> None:
    first = take(project, row("5"))
    second = take(project, row("6"))

    with pytest.raises(importing.CantUndo, match="A file"):
        importing.undo(first, now=NOW)
    importing.undo(second, now=NOW)
    importing.undo(first, now=NOW)

    assert there(project) == {}


def test_what_was_removed_and_told_again_is_not_brought_back_twice(project: Project) -> None:
    take(project, row("5"))
    removal = importing.remove(project, Spend.objects.get(project=project), now=NOW, user=None)
    take(project, row("6"))

    with pytest.raises(importing.CantUndo):
        importing.undo(removal, now=NOW)

    assert there(project) == {("19", "Winter"): 6}


STATEMENTS = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ABC"), st.integers(0, 9)), max_size=6),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statements=STATEMENTS)
def test_after_any_restatements_the_last_word_on_each_day_and_campaign_holds(
    db: None, statements: list[list[tuple[int, str, int]]]
) -> None:
    project, told = ProjectFactory(), {}
    states = [{}]
    done = []
    for statement in statements:
        rows, _ = combine(row(str(amount), day=day, campaign=name) for day, name, amount in statement)
        done.append(take(project, *rows))
        told |= {(f"{one.day:%d}", one.campaign): one.amount for one in rows}
        states.append(dict(told))

        assert there(project) == told

    for one, before in zip(reversed(done), reversed(states[:-1]), strict=True):
        importing.undo(one, now=NOW)
        assert there(project) == before


def test_lines_of_one_key_in_a_file_are_added_up_and_two_currencies_are_not() -> None:
    rows, refused = combine([row("5"), row("7"), row("1", currency="USD")])

    assert [one.amount for one in rows] == [12]
    assert [one.code for one in refused] == ["two_currencies"]


def begun(project: Project, text: str, name: str = "spend.csv") -> SpendImport:
    return drafts.begin(project, name, text.encode(), today=DAY + timedelta(days=2), user=None)


def test_a_draft_says_what_would_happen_and_changes_nothing(project: Project) -> None:
    take(project, row("5"))
    draft = begun(project, HEAD + "2026-11-19,tiktok,Winter,4,EUR\n2026-11-20,tiktok,Winter,x,EUR\n")

    found = drafts.preview(draft, today=DAY + timedelta(days=2))

    assert found.judged.outcomes == {"replaced": 1}
    assert found.judged.change() == {"EUR": (5, 4)}
    assert [one.code for one in found.refused] == ["invalid_amount"]
    assert there(project) == {("19", "Winter"): 5}


def test_a_draft_that_is_taken_keeps_its_refused_lines_and_no_text(project: Project) -> None:
    draft = begun(project, HEAD + "2026-11-19,tiktok,Winter,4,EUR\n2026-11-20,tiktok,Winter,x,EUR\n")

    done = drafts.take(drafts.take(draft, now=NOW), now=NOW)

    assert (outcome(done), done.refused_rows, done.text) == ((1, 0, 0, 0), 1, "")
    assert done.refused[0]["line"] == "2026-11-20,tiktok,Winter,x,EUR"


def test_a_draft_without_a_column_for_the_day_waits_for_one(project: Project) -> None:
    draft = begun(project, "when,source,amount\n20.11.2026,tiktok,5\n")
    with pytest.raises(InvalidField):
        drafts.take(draft, now=NOW)

    drafts.change(
        draft, {"column-day": "when", "column-source": "source", "column-amount": "amount", "fixed-currency": "EUR"},
        complete=False, today=NOW.date(),
    )  # fmt: skip

    assert drafts.take(draft, now=NOW).added == 1
    assert Spend.objects.get(project=project).day == date(2026, 11, 20)


def test_a_file_with_the_same_head_is_read_as_the_last_one_was(project: Project) -> None:
    draft = begun(project, "when,who,amount\n2026-11-20,tiktok,5\n")
    drafts.change(
        draft, {"column-day": "when", "column-source": "who", "column-amount": "amount", "fixed-currency": "USD"},
        complete=False, today=NOW.date(),
    )  # fmt: skip
    drafts.take(draft, now=NOW)

    again = begun(project, "when,who,amount\n2026-11-20,tiktok,6\n")

    assert drafts.take(again, now=NOW).replaced == 1


def test_a_draft_that_nobody_comes_back_to_goes(project: Project) -> None:
    begun(project, HEAD + "2026-11-19,tiktok,Winter,4,EUR\n")

    assert drafts.forget_drafts(timezone.now()) == 0
    assert drafts.forget_drafts(timezone.now() + timedelta(days=3)) == 1
