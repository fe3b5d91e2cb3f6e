"""A host belongs to who has verified it, not to who named it first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("attribution", "0005_replays_in_parts")]

    operations = [
        migrations.AlterField(
            model_name="domain",
            name="host",
            field=models.CharField(max_length=253, help_text="In lower case, without a port."),
        ),
        migrations.AddConstraint(
            model_name="domain",
            constraint=models.UniqueConstraint(fields=("project", "host"), name="domain_claimed_once"),
        ),
        migrations.AddConstraint(
            model_name="domain",
            constraint=models.UniqueConstraint(
                condition=models.Q(("verified_at__isnull", False)), fields=("host",), name="domain_verified_once"
            ),
        ),
    ]
