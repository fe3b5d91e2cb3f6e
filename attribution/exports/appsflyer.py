"""AppsFlyer's 81 columns of raw data, in their order, and where each comes from. Plain values.

What we do not have stays blank; docs/raw-data.md says which. Times are UTC, as AppsFlyer writes them.
"""

from attribution.exports.columns import TEXT, Column, Kind
from attribution.exports.kinds import INSTALLS

COLUMNS = (
    "Attributed Touch Type", "Attributed Touch Time", "Install Time", "Event Time", "Event Name", "Event Value",
    "Event Revenue", "Event Revenue Currency", "Event Revenue USD", "Event Source", "Is Receipt Validated", "Partner",
    "Media Source", "Channel", "Keywords", "Campaign", "Campaign ID", "Adset", "Adset ID", "Ad", "Ad ID", "Ad Type",
    "Site ID", "Sub Site ID", "Sub Param 1", "Sub Param 2", "Sub Param 3", "Sub Param 4", "Sub Param 5", "Cost Model",
    "Cost Value", "Cost Currency", "Contributor 1 Partner", "Contributor 1 Media Source", "Contributor 1 Campaign",
    "Contributor 1 Touch Type", "Contributor 1 Touch Time", "Contributor 2 Partner", "Contributor 2 Media Source",
    "Contributor 2 Campaign", "Contributor 2 Touch Type", "Contributor 2 Touch Time", "Contributor 3 Partner",
    "Contributor 3 Media Source", "Contributor 3 Campaign", "Contributor 3 Touch Type", "Contributor 3 Touch Time",
    "Region", "Country Code", "State", "City", "Postal Code", "DMA", "IP", "WIFI", "Operator", "Carrier", "Language",
    "AppsFlyer ID", "Advertising ID", "IDFA", "Android ID", "Customer User ID", "IMEI", "IDFV", "Platform",
    "Device Type", "OS Version", "App Version", "SDK Version", "App ID", "App Name", "Bundle ID", "Is Retargeting",
    "Retargeting Conversion Type", "Attribution Lookback", "Reengagement Window", "Is Primary Attribution",
    "User Agent", "HTTP Referrer", "Original URL",
)  # fmt: skip
WRITTEN = "'YYYY-MM-DD HH24:MI:SS'"


def _time(of: str) -> str:
    return f"to_char({of} AT TIME ZONE 'UTC', {WRITTEN})"


def _contributor(number: int) -> dict[str, str]:
    return {
        f"Contributor {number} Media Source": f"o.sources[{number}]",
        f"Contributor {number} Campaign": f"o.campaigns[{number}]",
        f"Contributor {number} Touch Type": f"o.types[{number}]",
        f"Contributor {number} Touch Time": f"o.times[{number}]",
    }


IOS = "i.os_name = 'ios'"
# Of an install and its decision: what events after it carry too.
CREDIT = {
    "Attributed Touch Type": "t.type",
    "Attributed Touch Time": _time("t.ts"),
    "Install Time": _time("i.installed_at"),
    "Media Source": "COALESCE(d.source, 'organic')",
    "Channel": "t.medium",
    "Keywords": "t.term",
    "Campaign": "d.campaign",
    "Campaign ID": "t.campaign_id",
    "Adset": "d.ad_set",
    "Ad": "d.ad",
    "Site ID": "d.publisher",
    **{f"Sub Param {number}": f"t.params->>'sub{number}'" for number in range(1, 6)},
    **_contributor(1),
    **_contributor(2),
    **_contributor(3),
    "AppsFlyer ID": "COALESCE(NULLIF(i.device_id, ''), i.distinct_id)",
    "Advertising ID": f"CASE WHEN {IOS} THEN NULL ELSE i.advertising_id END",
    "IDFA": f"CASE WHEN {IOS} THEN i.advertising_id END",
    "IDFV": f"CASE WHEN {IOS} THEN i.device_id END",
    "Is Retargeting": "CASE WHEN d.kind = 'reattribution' THEN 'true' ELSE 'false' END",
    "Retargeting Conversion Type": "CASE WHEN d.kind = 'reattribution' THEN 're-attribution' END",
    "Is Primary Attribution": "'true'",
}
# Of the opening itself; an event has its own.
DEVICE = {
    "Country Code": "i.country",
    "IP": "host(i.ip)",
    "Language": "i.locale",
    "Customer User ID": "i.user_id",
    "Platform": "i.os_name",
    "Device Type": "i.device_model",
    "OS Version": "i.os_version",
    "App ID": "i.app",
    "Bundle ID": "i.app",
    "User Agent": "t.user_agent",
}
OF_INSTALL = {
    **CREDIT,
    **DEVICE,
    "Event Time": _time("i.installed_at"),
    "Event Name": "CASE d.kind WHEN 'reinstall' THEN 'reinstall' WHEN 'reattribution' THEN 're-attribution'"
    " ELSE 'install' END",
}
# Opens that were no return are no row of AppsFlyer's.
# Up to three touches that could have been credited and were not, the latest first.
SOURCE = f"""(
    SELECT * FROM attribution_install b WHERE b.kind = 'install' OR EXISTS (
        SELECT FROM attribution_decision x WHERE x.install_id = b.id AND x.touch_id IS NOT NULL
    )
) i
LEFT JOIN attribution_decision d ON d.install_id = i.id
LEFT JOIN attribution_touch t ON t.id = d.touch_id
LEFT JOIN LATERAL (
    SELECT array_agg(b.source ORDER BY b.ts DESC) AS sources, array_agg(b.campaign ORDER BY b.ts DESC) AS campaigns,
        array_agg(b.type ORDER BY b.ts DESC) AS types, array_agg({_time("b.ts")} ORDER BY b.ts DESC) AS times
    FROM (SELECT b.* FROM attribution_candidate c JOIN attribution_touch b ON b.id = c.touch_id
          WHERE c.decision_id = d.id AND c.eligible AND NOT c.credited ORDER BY b.ts DESC LIMIT 3) b
) o ON true"""  # noqa: S608 -- our own names

KIND = Kind(
    "installs",
    "Installs",
    INSTALLS.means,
    tuple(Column(name, TEXT, OF_INSTALL.get(name, "NULL::text"), "") for name in COLUMNS),
    source=SOURCE,
    project="i.project_id",
    time="i.installed_at",
    arrival="i.received_at",
    time_name="installed_at",
    arrival_name="received_at",
    of_source="d.source",
)

# What a project's installs give to the events of the same person that follow them. `{people}` is the relation of ids.
OPENINGS = f"""
SELECT p.person_id AS person, i.installed_at AT TIME ZONE 'UTC' AS since,
    lead(i.installed_at) OVER (PARTITION BY p.person_id ORDER BY i.installed_at, i.id) AT TIME ZONE 'UTC' AS until,
    {", ".join(f'{sql} AS "{name}"' for name, sql in {**CREDIT, "App ID": "i.app"}.items())}
FROM {KIND.source}
JOIN {{people}} p ON p.project_id = i.project_id AND p.distinct_id = i.distinct_id
WHERE i.project_id = {{project}}
"""  # noqa: S608 -- our own names
# Of each event, in DuckDB: `e` is the event, `o` the opening before it. Our own telling of a decision is left out.
OF_EVENT = {
    **{name: f'o."{name}"' for name in CREDIT},
    "Event Time": "strftime(e.ts, '%Y-%m-%d %H:%M:%S')",
    "Event Name": "COALESCE(json_extract_string(e.context, '$.vendor.event'), e.event)",
    "Event Value": "e.properties",
    "Event Revenue": "json_extract_string(e.properties, '$.revenue')",
    "Event Revenue Currency": "json_extract_string(e.properties, '$.currency')",
    "Event Revenue USD": "CASE WHEN json_extract_string(e.properties, '$.currency') = 'USD'"
    " THEN json_extract_string(e.properties, '$.revenue') END",
    "Event Source": "CASE WHEN json_exists(e.context, '$.vendor') THEN 'S2S' END",
    "Country Code": "json_extract_string(e.context, '$.location.country')",
    "IP": "e.ip",
    "Carrier": "json_extract_string(e.context, '$.network.carrier')",
    "WIFI": "json_extract_string(e.context, '$.network.wifi')",
    "Language": "json_extract_string(e.context, '$.locale')",
    "AppsFlyer ID": 'COALESCE(o."AppsFlyer ID", e.anonymous_id)',
    "Customer User ID": "e.user_id",
    "Platform": "lower(json_extract_string(e.context, '$.os.name'))",
    "Device Type": "json_extract_string(e.context, '$.device.model')",
    "OS Version": "json_extract_string(e.context, '$.os.version')",
    "App Version": "json_extract_string(e.context, '$.app.version')",
    "SDK Version": "json_extract_string(e.context, '$.library.version')",
    "App ID": "COALESCE(json_extract_string(e.context, '$.app.namespace'), o.\"App ID\")",
    "App Name": "json_extract_string(e.context, '$.app.name')",
    "Bundle ID": "json_extract_string(e.context, '$.app.namespace')",
    "User Agent": "json_extract_string(e.context, '$.userAgent')",
}
LEFT_OUT = ("Application Installed", "Install Attributed")
EVENT_ROWS = f"""
SELECT {", ".join(f'CAST({OF_EVENT.get(name, "NULL")} AS VARCHAR) AS "{name}"' for name in COLUMNS)}
FROM events e LEFT JOIN openings o ON o.person = e.person AND e.ts >= o.since AND (o.until IS NULL OR e.ts < o.until)
WHERE e.type = 'track' AND e.event NOT IN ({", ".join(f"'{name}'" for name in LEFT_OUT)})
"""  # noqa: S608 -- our own names
