from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("attribution", "0014_postback_health")]

    operations = [
        migrations.AddField(
            model_name="link",
            name="vendor_data",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="What another vendor's client said when it made the link, as it wants it back.",
            ),
        ),
    ]
