from django.db import migrations, models

# Of the /24 (of IPv6 the /48) that an install came from: a model's index can't say that.
SUBNET = """
CREATE INDEX install_by_subnet ON attribution_install (
    project_id, (network(set_masklen(ip, CASE family(ip) WHEN 4 THEN 24 ELSE 48 END))), installed_at
) WHERE ip IS NOT NULL
"""


class Migration(migrations.Migration):
    """Let the clicks of an address be counted up to a deadline, and the installs of a part of a network by time."""

    dependencies = [
        ("attribution", "0006_prove_domain_once"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="touch", name="touch_by_network"),
        migrations.AddIndex(
            model_name="touch",
            index=models.Index(
                fields=["project", "ip", "ts"],
                include=["received_at"],
                name="touch_by_network",
                condition=models.Q(bot=False, type="click", ip__isnull=False),
            ),
        ),
        migrations.RunSQL(SUBNET, "DROP INDEX install_by_subnet"),
    ]
