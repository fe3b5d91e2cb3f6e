"""Keep a saved cohort's people by one of their ids, so that it holds when two people turn out to be one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial"), ("events", "0003_segments")]

    operations = [
        migrations.RemoveConstraint(model_name="cohortperson", name="cohort_person_once"),
        migrations.RemoveField(model_name="cohortperson", name="person"),
        migrations.AddField(
            model_name="cohortperson",
            name="identity",
            field=models.ForeignKey(
                db_constraint=False,
                default=0,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="events.identity",
            ),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="cohortperson",
            constraint=models.UniqueConstraint(fields=("cohort", "identity"), name="cohort_person_once"),
        ),
    ]
