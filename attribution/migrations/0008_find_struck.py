from django.db import migrations

# Most candidates strike nothing, so what struck is a small part of a large table.
STRUCK = "CREATE INDEX candidate_struck ON attribution_candidate (decision_id) WHERE fraud <> '[]'"


class Migration(migrations.Migration):
    """Let the candidates be found that a fraud rule struck."""

    dependencies = [
        ("attribution", "0007_count_networks"),
    ]

    operations = [migrations.RunSQL(STRUCK, "DROP INDEX candidate_struck")]
