"""The difference that a replay would make, added up: what moves from where to where, with how much revenue."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from attribution.models import Replay

# Revenue goes by the decision of the install, of a reinstall by that of the first one it leads back to.
REVENUE = """
WITH RECURSIVE chain AS (
    SELECT id, original_id AS first FROM attribution_decision
    WHERE project_id = %(project)s AND kind = 'reinstall' AND original_id IS NOT NULL
    UNION
    SELECT c.id, o.original_id FROM chain c JOIN attribution_decision o ON o.id = c.first
    WHERE o.kind = 'reinstall' AND o.original_id IS NOT NULL
), moved AS MATERIALIZED (
    SELECT r.id, r.decision_id, d.install_id FROM attribution_replaychange r
    JOIN attribution_decision d ON d.id = r.decision_id
    WHERE r.replay_id = %(replay)s AND (d.kind <> 'reinstall' OR d.original_id IS NULL)
), family AS (
    SELECT id, install_id FROM moved
    UNION ALL
    SELECT m.id, d.install_id FROM chain c JOIN moved m ON m.decision_id = c.first
    JOIN attribution_decision d ON d.id = c.id
), sums AS (
    SELECT f.id, sum(c.revenue) AS revenue FROM family f CROSS JOIN LATERAL (
        SELECT revenue FROM attribution_conversion c
        WHERE c.install_id = f.install_id AND c.counted AND c.revenue IS NOT NULL AND c.currency = %(currency)s
    ) c GROUP BY f.id
)
UPDATE attribution_replaychange r SET revenue = s.revenue FROM sums s WHERE r.id = s.id
"""
# Only what is counted as an install moves; reinstalls and returns that change are told beside it.
ROUTES = """
SELECT old_source, old_rejected, new_source, new_rejected, count(*),
       COALESCE(sum(revenue) FILTER (WHERE old_source <> new_source), 0)
FROM attribution_replaychange
WHERE replay_id = %s AND kind = 'install' AND (old_source, old_rejected) <> (new_source, new_rejected)
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 3
"""
CAMPAIGNS = """
WITH moved AS (
    SELECT old_source AS source, old_campaign AS campaign, -(NOT old_rejected)::int AS installs, -revenue AS revenue
    FROM attribution_replaychange WHERE replay_id = %(replay)s AND kind = 'install'
    UNION ALL
    SELECT new_source, new_campaign, (NOT new_rejected)::int, revenue
    FROM attribution_replaychange WHERE replay_id = %(replay)s AND kind = 'install'
), sums AS (
    SELECT source, campaign, sum(installs) AS installs, sum(revenue) AS revenue,
           sum(installs) FILTER (WHERE installs > 0) AS gained, sum(-installs) FILTER (WHERE installs < 0) AS lost
    FROM moved GROUP BY source, campaign
), counted AS (
    SELECT source, campaign, count(*) AS installs FROM attribution_decision d
    WHERE project_id = %(project)s AND installed_at >= %(since)s AND installed_at < %(until)s AND kind = 'install'
      AND NOT rejected AND (source, campaign) IN (SELECT source, campaign FROM sums) GROUP BY source, campaign
)
SELECT s.source, s.campaign, COALESCE(c.installs, 0), COALESCE(s.gained, 0), COALESCE(s.lost, 0), s.revenue
FROM sums s LEFT JOIN counted c USING (source, campaign)
WHERE s.gained > 0 OR s.lost > 0 OR s.revenue <> 0
ORDER BY abs(s.installs) DESC, COALESCE(s.gained, 0) + COALESCE(s.lost, 0) DESC, s.source, s.campaign LIMIT 500
"""
TIERS = """
SELECT old_tier, new_tier, count(*) FROM attribution_replaychange WHERE replay_id = %s AND old_tier <> new_tier
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
KINDS = "SELECT kind, count(*) FROM attribution_replaychange WHERE replay_id = %s GROUP BY kind"


def finish(replay: Replay, *, now: datetime) -> None:
    """Add up what would move and make the replay ready for approval, unless it was canceled."""
    with transaction.atomic():
        summary = _summary(replay)
        Replay.objects.filter(pk=replay.pk, state=Replay.State.RUNNING).update(
            state=Replay.State.DONE, summary=summary, finished_at=now
        )


def _summary(replay: Replay) -> dict[str, Any]:
    values: dict[str, int | str | datetime] = {
        "replay": replay.pk,
        "project": replay.project_id,
        "currency": replay.project.currency,
        "since": replay.since,
        "until": replay.until,
    }
    with connection.cursor() as cursor:
        # The changes were written this minute, and the planner takes the table for what it was before.
        cursor.execute("ANALYZE attribution_replaychange")
        cursor.execute(REVENUE, values)
        cursor.execute(ROUTES, [replay.pk])
        routes = [
            {
                "from": source,
                "fromRejected": was_rejected,
                "to": new_source,
                "toRejected": rejected,
                "installs": number,
                "revenue": str(revenue),
            }
            for source, was_rejected, new_source, rejected, number, revenue in cursor.fetchall()
        ]
        cursor.execute(CAMPAIGNS, values)
        campaigns = [
            {
                "source": source,
                "campaign": campaign,
                "before": before,
                "after": before + int(gained) - int(lost),
                "gained": int(gained),
                "lost": int(lost),
                "revenue": str(revenue),
            }
            for source, campaign, before, gained, lost, revenue in cursor.fetchall()
        ]
        cursor.execute(TIERS, [replay.pk])
        tiers = [{"from": old, "to": new, "installs": number} for old, new, number in cursor.fetchall()]
        cursor.execute(KINDS, [replay.pk])
        kinds = dict(cursor.fetchall())
    return {
        "changed": sum(kinds.values()),
        "moved": sum(route["installs"] for route in routes),
        "kinds": kinds,
        "gone": sum(part.get("gone", 0) for part in replay.parts),
        "currency": replay.project.currency,
        "routes": routes,
        "campaigns": campaigns,
        "tiers": tiers,
    }
