"""What raw data there is, column by column: how it is called, what it means, where it comes from. Plain values."""

from attribution.exports.columns import DECIMAL, INTEGER, JSON, NUMBER, TEXT, TIME, YES_NO, Column, Kind, column, texts

WHO = {
    "user_id": "The project's own id of the person",
    "email_sha256": "SHA-256 of the trimmed address in lower case",
    "phone_sha256": "SHA-256 of the number in E.164",
}
SIGNALS = {
    "os_name": "Operating system, in lower case",
    "os_version": "Its version",
    "device_model": "Model of the device",
    "locale": "Language; blank after SIGNAL_DAYS",
    "time_zone": "Time zone of the device; blank after SIGNAL_DAYS",
    "screen": "Size of the screen in pixels; blank after SIGNAL_DAYS",
    "country": "ISO 3166-1, in capitals",
}
IP = "As the project keeps it: whole, its network, or blank; blank after SIGNAL_DAYS"

TOUCHES = Kind(
    "touches",
    "Touches",
    "Clicks on ads and views of them, also those of machines.",
    (
        column("touch_id", TEXT, "Ours (tch_…) or the sender's; also the click id", of="t."),
        column("type", TEXT, "click or impression", of="t."),
        column("ts", TIME, "When it happened", of="t."),
        column("received_at", TIME, "When it came", of="t."),
        column("clamped", YES_NO, "It claimed the future, so ts is its arrival", of="t."),
        column("link", TEXT, "Slug of the tapped link", "l.slug"),
        *texts(
            "t.",
            source="Who showed the ad",
            medium="utm_medium",
            campaign="Campaign",
            campaign_id="The network's id of it",
            ad_set="Ad set",
            ad="Ad",
            creative="Creative",
            publisher="Publisher or site",
            content="utm_content",
            term="utm_term",
        ),
        column("params", JSON, "Sub-ids and other parameters of the address", "t.params::text"),
        *texts("t.", deep_link="Place inside the app", network_click_id="The network's own id of the click"),
        *texts("t.", device_id="Id of the device", advertising_id="GAID or IDFA, in lower case"),
        column("ip", TEXT, IP, "host(t.ip)"),
        *texts("t.", app="Bundle id or package"),
        *texts("t.", **SIGNALS),
        *texts("t.", user_agent="User agent; blank after SIGNAL_DAYS"),
        *texts("t.", **WHO),
        *texts("t.", origin="meta_referrer or apple_ads where the network told us after the install"),
        *texts("t.", signature="valid, invalid or expired where the click was signed"),
        column("flags", TEXT, "Fraud codes seen at the touch, with commas", "array_to_string(t.flags, ',')"),
        column("bot", YES_NO, "A machine: never counted, never credited", of="t."),
    ),
    source="attribution_touch t LEFT JOIN attribution_link l ON l.id = t.link_id",
    project="t.project_id",
    time="t.ts",
    arrival="t.received_at",
    time_name="ts",
    arrival_name="received_at",
    of_source="t.source",
)

INSTALLS = Kind(
    "installs",
    "Installs",
    "First opens of an app, and opens that may be returns, each with its decision.",
    (
        column("message_id", TEXT, "Id of the event that told of it", of="i."),
        column("kind", TEXT, "install, or open for a possible return", of="i."),
        column("distinct_id", TEXT, "User id or anonymous id of the event", of="i."),
        column("installed_at", TIME, "First open", of="i."),
        column("received_at", TIME, "When the event came", of="i."),
        column("decision_id", TEXT, "dec_… of its decision", "'dec_' || d.id"),
        column("attributed_kind", TEXT, "install, reinstall or reattribution", "d.kind"),
        column("source", TEXT, "Who is credited, or organic", "d.source"),
        column("campaign", TEXT, "Credited campaign", "d.campaign"),
        column("tier", TEXT, "How it was matched", "d.tier"),
        column("state", TEXT, "provisional or final", "d.state"),
        column("rejected", YES_NO, "Struck by a fraud rule that blocks", "d.rejected"),
        column("touch_id", TEXT, "Touch that is credited", "t.touch_id"),
        *texts(
            "i.",
            click_id="Click id that the app sent",
            referrer_click_id="click_id inside the install referrer",
            install_referrer="The store's referrer as it came",
        ),
        column("referrer_click_at", TIME, "Click by the store's clock", of="i."),
        column("install_begin_at", TIME, "Begin of the download by the store's clock", of="i."),
        *texts("i.", device_id="Id of the device", advertising_id="GAID or IDFA, in lower case"),
        column("ip", TEXT, IP, "host(i.ip)"),
        *texts("i.", app="Bundle id or package"),
        *texts("i.", **SIGNALS),
        *texts("i.", **WHO),
        column("emulator", YES_NO, "The app says it runs on one", of="i."),
        *texts("i.", signature="valid, invalid or expired where the install was signed"),
        column("ad_tracking", YES_NO, "Consent to tracking, as the app says", of="i."),
    ),
    source=(
        "attribution_install i LEFT JOIN attribution_decision d ON d.install_id = i.id"
        " LEFT JOIN attribution_touch t ON t.id = d.touch_id"
    ),
    project="i.project_id",
    time="i.installed_at",
    arrival="i.received_at",
    time_name="installed_at",
    arrival_name="received_at",
    of_source="d.source",
)

DECISIONS = Kind(
    "decisions",
    "Decisions",
    "Why an install was credited to whom, as it stands now.",
    (
        column("decision_id", TEXT, "dec_…", "'dec_' || d.id"),
        column("revision", INTEGER, "Rises each time the decision changes", of="d."),
        column("kind", TEXT, "install, reinstall or reattribution", of="d."),
        column("state", TEXT, "provisional or final", of="d."),
        column("installed_at", TIME, "First open", of="d."),
        column("decided_at", TIME, "When this revision was decided", of="d."),
        column("install_message_id", TEXT, "Id of the event of the install", "i.message_id"),
        column("distinct_id", TEXT, "Whose install it is", "i.distinct_id"),
        column("tier", TEXT, "How it was matched", of="d."),
        column("probability", NUMBER, "Of a match by network, 0 to 1", of="d."),
        column("touch_id", TEXT, "Touch that is credited; blank for organic or forgotten ones", "t.touch_id"),
        *texts(
            "d.",
            source="Who is credited, or organic",
            campaign="Credited campaign",
            ad_set="Ad set",
            ad="Ad",
            creative="Creative",
            publisher="Publisher or site",
            country="Of the install",
            os_name="Of the install",
        ),
        column("original_id", TEXT, "Of a reinstall: the decision before", "'dec_' || d.original_id"),
        column("rejected", YES_NO, "Struck by a fraud rule that blocks", of="d."),
        column("considered", INTEGER, "Touches that were found", of="d."),
        column("rules_version", INTEGER, "Version of the rules", "r.version"),
        column("fraud", JSON, "What speaks against the install", "d.fraud::text"),
        column("notes", JSON, "Reason codes about the install", "d.notes::text"),
    ),
    source=(
        "attribution_decision d JOIN attribution_install i ON i.id = d.install_id"
        " JOIN attribution_ruleset r ON r.id = d.rule_set_id LEFT JOIN attribution_touch t ON t.id = d.touch_id"
    ),
    project="d.project_id",
    time="d.installed_at",
    arrival="d.decided_at",
    time_name="installed_at",
    arrival_name="decided_at",
    of_source="d.source",
)

CONVERSIONS = Kind(
    "conversions",
    "Conversions",
    "Events worth counting, with revenue and the install they belong to.",
    (
        column("message_id", TEXT, "Id of the event", of="c."),
        column("name", TEXT, "Name of the event", of="c."),
        column("distinct_id", TEXT, "Who did it", of="c."),
        column("ts", TIME, "When it happened", of="c."),
        column("received_at", TIME, "When it came", of="c."),
        column("revenue", DECIMAL, "As sent", "c.revenue::text"),
        column("currency", TEXT, "Of the revenue", of="c."),
        column("order_id", TEXT, "Id of the order", of="c."),
        column("counted", YES_NO, "No where it repeats an order or was struck", of="c."),
        column("install_message_id", TEXT, "Event of the install it belongs to", "i.message_id"),
        column("decision_id", TEXT, "Decision of that install", "'dec_' || d.id"),
        column("source", TEXT, "Who is credited, or organic", "d.source"),
        column("campaign", TEXT, "Credited campaign", "d.campaign"),
        column("fraud", JSON, "What speaks against it", "c.fraud::text"),
    ),
    source=(
        "attribution_conversion c LEFT JOIN attribution_install i ON i.id = c.install_id"
        " LEFT JOIN attribution_decision d ON d.install_id = c.install_id"
    ),
    project="c.project_id",
    time="c.ts",
    arrival="c.received_at",
    time_name="ts",
    arrival_name="received_at",
    of_source="d.source",
)

EVENTS = Kind(
    "events",
    "Events",
    "Every accepted call, as it is kept.",
    (
        Column("id", INTEGER, "id", "Number of the row"),
        Column("message_id", TEXT, "message_id", "The sender's id of the call; each once"),
        Column("type", TEXT, "type", "track, page, screen, identify, group or alias"),
        Column("event", TEXT, "event", "How people call it: the name, or “Page: …”"),
        Column("name", TEXT, "name", "Name of the event, page or screen; the group's id; the former id of an alias"),
        Column("person", INTEGER, "person", "Number of the person, p_… on pages"),
        Column("user_id", TEXT, "user_id", "Known id"),
        Column("anonymous_id", TEXT, "anonymous_id", "Id of the device"),
        Column("ts", TIME, "ts", "When it happened, by our clock"),
        Column("claimed_at", TIME, "claimed_at", "When the sender said it happened"),
        Column("received_at", TIME, "received_at", "When it came"),
        Column("clamped", YES_NO, "clamped", "It claimed the future, so ts is its arrival"),
        Column("ip", TEXT, "ip", "As the project keeps it: whole, its network, or blank"),
        Column("properties", JSON, "properties", "Properties, or traits"),
        Column("context", JSON, "context", "Library, device, page, campaign"),
    ),
    time_name="ts",
    arrival_name="received_at",
)

# Of installs and of the touches they weighed, by rows; then whole sources.
FINDINGS = """(
    SELECT d.project_id, 'install' AS about, d.installed_at AS at, d.decided_at AS noted_at, 'dec_' || d.id AS decision_id,
        NULL AS touch_id, d.source, d.publisher, f
    FROM attribution_decision d CROSS JOIN jsonb_array_elements(d.fraud) f WHERE d.fraud <> '[]'
    UNION ALL
    SELECT d.project_id, 'touch', d.installed_at, d.decided_at, 'dec_' || d.id, t.touch_id, t.source, t.publisher, f
    FROM attribution_candidate c JOIN attribution_decision d ON d.id = c.decision_id
    JOIN attribution_touch t ON t.id = c.touch_id CROSS JOIN jsonb_array_elements(c.fraud) f WHERE c.fraud <> '[]'
    UNION ALL
    SELECT project_id, 'source', since, updated_at, NULL, NULL, source, publisher,
        evidence || jsonb_build_object('code', code, 'action', CASE WHEN dismissed_at IS NULL THEN '' ELSE 'dismissed' END)
    FROM attribution_fraudflag
) x"""  # noqa: E501
FRAUD = Kind(
    "fraud",
    "Fraud",
    "What rules found against installs, touches and whole sources.",
    (
        column("about", TEXT, "install, touch or source", of="x."),
        column("at", TIME, "Of an install or touch the first open; of a source since when", of="x."),
        column("noted_at", TIME, "When it was found or last changed", of="x."),
        column("code", TEXT, "The rule", "x.f->>'code'"),
        column("action", TEXT, "block, flag or dismissed", "x.f->>'action'"),
        column("value", TEXT, "What was measured", "x.f->>'value'"),
        column("threshold", TEXT, "What it was held against", "x.f->>'threshold'"),
        column("decision_id", TEXT, "dec_… of the install", of="x."),
        column("touch_id", TEXT, "The touch", of="x."),
        column("source", TEXT, "Credited source of an install; of a touch its own", of="x."),
        column("publisher", TEXT, "Publisher or site", of="x."),
        column("evidence", JSON, "All of it", "x.f::text"),
    ),
    source=FINDINGS,
    project="x.project_id",
    time="x.at",
    arrival="x.noted_at",
    time_name="at",
    arrival_name="noted_at",
    of_source="x.source",
)

POSTBACKS = Kind(
    "postbacks",
    "Postbacks",
    "What networks and webhooks were told, and how it fared. Headers, which may hold keys, are left out.",
    (
        column("postback_id", TEXT, "pb_…", "'pb_' || p.id"),
        column("destination", TEXT, "Where to", "s.name"),
        column("kind", TEXT, "network or webhook", "s.kind"),
        column("news", TEXT, "install, …, or the name of an event", of="p."),
        column("idempotency_key", TEXT, "The same at each try", of="p."),
        column("decision_id", TEXT, "dec_… it tells of", "'dec_' || p.decision_id"),
        column("revision", INTEGER, "Of the decision", of="p."),
        column("conversion_message_id", TEXT, "Event it tells of", "c.message_id"),
        column("corrects_id", TEXT, "Postback that it corrects", "'pb_' || p.corrects_id"),
        column("replay_of_id", TEXT, "Postback that was sent again by hand", "'pb_' || p.replay_of_id"),
        column("method", TEXT, "GET or POST", of="p."),
        column("url", TEXT, "As sent", of="p."),
        column("body", TEXT, "As sent", of="p."),
        column("state", TEXT, "waiting, delivered, failed or canceled", of="p."),
        column("tries", INTEGER, "So far", of="p."),
        column("status", INTEGER, "Of the last answer", of="p."),
        column("problem", TEXT, "Of the last try", of="p."),
        column("created_at", TIME, "When it was made", of="p."),
        column("delivered_at", TIME, "When it was taken", of="p."),
    ),
    source=(
        "attribution_postback p JOIN attribution_destination s ON s.id = p.destination_id"
        " LEFT JOIN attribution_conversion c ON c.id = p.conversion_id"
    ),
    project="p.project_id",
    time="p.created_at",
    arrival="p.created_at",
    time_name="created_at",
    arrival_name="created_at",
)

APPLE = Kind(
    "apple_postbacks",
    "Apple postbacks",
    "Postbacks of SKAdNetwork and AdAttributionKit as they came, and what their signature proves.",
    (
        column("received_at", TIME, "When it first came", of="a."),
        column("kind", TEXT, "skan or aak", of="a."),
        column("origin", TEXT, "device, or network that passed it on", of="a."),
        column("state", TEXT, "valid, invalid or unverifiable", of="a."),
        column("problem", TEXT, "Why it is not valid", of="a."),
        column("version", TEXT, "Of the format", of="a."),
        column("app_id", INTEGER, "The App Store's number", of="a."),
        column("network_id", TEXT, "Ad network", of="a."),
        column("transaction_id", TEXT, "Or the postback identifier of AdAttributionKit", of="a."),
        column("sequence", INTEGER, "0 to 2", of="a."),
        column("campaign_id", INTEGER, "Before version 4", of="a."),
        column("source_identifier", TEXT, "Two to four digits", of="a."),
        column("source_app_id", INTEGER, "App that showed the ad", of="a."),
        column("source_domain", TEXT, "Site that showed the ad", of="a."),
        column("fidelity_type", INTEGER, "1 clicked, 0 seen", of="a."),
        column("conversion_type", TEXT, "download, redownload or re-engagement", of="a."),
        column("did_win", YES_NO, "The network won", of="a."),
        column("conversion_value", INTEGER, "0 to 63; Apple does not sign it", of="a."),
        column("coarse_value", TEXT, "low, medium or high; not signed", of="a."),
        column("interaction", TEXT, "click or view; not signed", of="a."),
        column("country", TEXT, "Not signed", of="a."),
        column("sandbox", YES_NO, "A test", of="a."),
        column("counted", YES_NO, "Valid, no test, and the first of its id and sequence", of="a."),
        column("conflict", YES_NO, "Repeats another one with other unsigned values", of="a."),
        column("seen", INTEGER, "How often it came", of="a."),
        column("raw", TEXT, "What was sent", of="a."),
    ),
    source="attribution_applepostback a",
    project="a.project_id",
    time="a.received_at",
    arrival="a.received_at",
    time_name="received_at",
    arrival_name="received_at",
)

# The rows are the events app's; `{rejected}` is filled with its relation.
REJECTED = Kind(
    "rejected",
    "Rejected events",
    "What was refused, with the reason, as long as it is kept (30 days).",
    (
        column("rejected_id", INTEGER, "Number of the row", "e.id"),
        column("code", TEXT, "The reason", of="e."),
        column("message", TEXT, "The reason in words", of="e."),
        column("field", TEXT, "What was wrong", of="e."),
        column("path", TEXT, "Address it was sent to", of="e."),
        column("body", TEXT, "What was sent, at most 64 KB of it", of="e."),
        column("cut", YES_NO, "The body was longer", of="e."),
        column("state", TEXT, "open, replayed or discarded", of="e."),
        column("seen", INTEGER, "How often it came", of="e."),
        column("sent_at", TIME, "By the sender's clock", of="e."),
        column("received_at", TIME, "When it first came", of="e."),
        column("last_at", TIME, "When it last came", of="e."),
        column("replayed_at", TIME, "When it was replayed", of="e."),
    ),
    source="{rejected} e",
    project="e.project_id",
    time="e.received_at",
    arrival="e.last_at",
    time_name="received_at",
    arrival_name="last_at",
)

KINDS = {
    one.name: one for one in (TOUCHES, INSTALLS, DECISIONS, EVENTS, CONVERSIONS, FRAUD, POSTBACKS, APPLE, REJECTED)
}
OWN, APPSFLYER = "own", "appsflyer"
# What can be written under AppsFlyer's column names.
AS_APPSFLYER = ("installs", "events")
