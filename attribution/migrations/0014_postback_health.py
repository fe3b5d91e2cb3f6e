from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("attribution", "0013_posts_by_project"),
        ("customers", "0002_deletions_and_sign_ups"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="postback",
            index=models.Index(fields=["destination", "created_at"], include=("state",), name="postback_health"),
        ),
    ]
