from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("attribution", "0003_decides")]

    operations = [
        migrations.AddIndex(
            model_name="touch",
            index=models.Index(
                condition=models.Q(("origin", ""), _negated=True), fields=["project", "ts"], name="touch_told"
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                condition=models.Q(("kind", "reinstall")), fields=["project"], name="decision_reinstall"
            ),
        ),
    ]
