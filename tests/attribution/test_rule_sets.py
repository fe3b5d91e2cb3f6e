import threading

import pytest
from auditlog.models import LogEntry
from django.db import connection

from attribution import rule_sets
from attribution.models import RuleSet
from attribution.rules import VIEW, WINDOWS_S, Rules
from customers.models import Project
from tests.factories import MemberFactory, ProjectFactory

SHORT = Rules(windows_s={**WINDOWS_S, VIEW: 3600})


def test_publishing_writes_the_next_version_with_its_author_and_note(project: Project) -> None:
    user = MemberFactory(organization=project.organization).user

    made = rule_sets.publish(project, SHORT, "Views count for an hour", user)

    assert (made.version, made.note, made.created_by) == (2, "Views count for an hour", user)
    assert rule_sets.current([project.pk])[project.pk].rules == SHORT


def test_publishing_takes_rules_as_json_too(project: Project) -> None:
    made = rule_sets.publish(project, SHORT.to_json(), "", None)

    assert Rules.from_json(made.rules) == SHORT


def test_publishing_the_same_rules_again_makes_no_new_version(project: Project) -> None:
    first = rule_sets.publish(project, SHORT, "once", None)

    again = rule_sets.publish(project, SHORT.to_json(), "twice", None)

    assert again == first
    assert RuleSet.objects.filter(project=project).count() == 2


def test_publishing_on_top_of_an_older_version_is_refused(project: Project) -> None:
    rule_sets.publish(project, SHORT, "", None, base=1)

    with pytest.raises(rule_sets.RulesOvertaken) as refused:
        rule_sets.publish(project, Rules(accept=0.5), "", None, base=1)

    assert refused.value.status == 409
    assert refused.value.detail == {"version": 2}


def test_publishing_is_written_into_the_activity_of_the_organization(project: Project) -> None:
    user = MemberFactory(organization=project.organization).user

    rule_sets.publish(project, SHORT, "Shorter", user)

    entry = LogEntry.objects.filter(additional_data__organization=project.organization_id).latest("timestamp")
    assert (entry.object_repr, entry.actor) == ("rule set 2", user)


@pytest.mark.django_db(transaction=True)
def test_two_who_publish_at_once_get_two_versions() -> None:
    project = ProjectFactory()
    rule_sets.current([project.pk])

    def publish(accept: float) -> None:
        rule_sets.publish(project, Rules(accept=accept), "", None)
        connection.close()

    threads = [threading.Thread(target=publish, args=[accept]) for accept in (0.6, 0.7, 0.8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(RuleSet.objects.filter(project=project).values_list("version", flat=True)) == [1, 2, 3, 4]
