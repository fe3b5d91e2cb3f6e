"""The days of a person are found by person and day: who came in a period is counted by it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0002_deletions_and_sign_ups"),
        ("events", "0003_segments"),
    ]

    operations = [
        migrations.AlterField(
            model_name="personday",
            name="person",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="days", to="events.person"
            ),
        ),
        migrations.AddIndex(
            model_name="personday",
            index=models.Index(fields=["person", "day"], name="days_of_person"),
        ),
    ]
