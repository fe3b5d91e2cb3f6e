from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("attribution", "0012_names_of_vendors"),
        ("customers", "0002_deletions_and_sign_ups"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="conversion",
            name="conversion_unposted",
        ),
        migrations.RemoveIndex(
            model_name="decision",
            name="decision_unposted",
        ),
        migrations.AddField(
            model_name="postback",
            name="facts",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="The values of the macros it was made with.",
            ),
        ),
        migrations.AddIndex(
            model_name="conversion",
            index=models.Index(
                condition=models.Q(("posted", False)), fields=["project", "id"], name="conversion_unposted"
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                condition=models.Q(("posted__lt", models.F("revision")), ("state", "final")),
                fields=["project", "id"],
                name="decision_unposted",
            ),
        ),
    ]
