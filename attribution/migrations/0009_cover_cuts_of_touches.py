from django.db import migrations, models

COVERED = ("type", "bot", "link", "source", "campaign", "ad_set", "ad", "creative", "publisher", "country", "os_name")


class Migration(migrations.Migration):
    dependencies = [("attribution", "0008_find_struck")]

    operations = [
        migrations.RemoveIndex(model_name="touch", name="touch_newest"),
        migrations.AddIndex(
            model_name="touch",
            index=models.Index(fields=["project", "-ts", "-id"], include=COVERED, name="touch_newest"),
        ),
    ]
