"""What raw data there is, column by column: how it is called, what it means, where it comes from. Plain values."""

from dataclasses import dataclass
from typing import NamedTuple

TEXT, INTEGER, DECIMAL, NUMBER, TIME, YES_NO, JSON = "text", "integer", "decimal", "number", "time", "yes/no", "JSON"


class Column(NamedTuple):
    """A column: its name in the file, its type, the expression that makes it, and what it says."""

    name: str
    type: str
    sql: str
    means: str


@dataclass(frozen=True)
class Kind:
    """One kind of rows. `source` is what follows FROM; `time` is when it happened, `arrival` when it came or changed.

    `of_source` is the expression for a filter by source, "" where there is none. Events have no SQL: they lie in files.
    """

    name: str
    label: str
    means: str
    columns: tuple[Column, ...]
    source: str = ""
    project: str = ""
    time: str = ""
    arrival: str = ""
    time_name: str = ""
    arrival_name: str = ""
    of_source: str = ""


def _column(name: str, type_: str, means: str, sql: str = "", *, of: str = "") -> Column:
    return Column(name, type_, sql or f"{of}{name}", means)


def _texts(of: str, **names: str) -> tuple[Column, ...]:
    return tuple(_column(name, TEXT, means, of=of) for name, means in names.items())


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
        _column("touch_id", TEXT, "Ours (tch_…) or the sender's; also the click id", of="t."),
        _column("type", TEXT, "click or impression", of="t."),
        _column("ts", TIME, "When it happened", of="t."),
        _column("received_at", TIME, "When it came", of="t."),
        _column("clamped", YES_NO, "It claimed the future, so ts is its arrival", of="t."),
        _column("link", TEXT, "Slug of the tapped link", "l.slug"),
        *_texts(
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
        _column("params", JSON, "Sub-ids and other parameters of the address", "t.params::text"),
        *_texts("t.", deep_link="Place inside the app", network_click_id="The network's own id of the click"),
        *_texts("t.", device_id="Id of the device", advertising_id="GAID or IDFA, in lower case"),
        _column("ip", TEXT, IP, "host(t.ip)"),
        *_texts("t.", app="Bundle id or package"),
        *_texts("t.", **SIGNALS),
        *_texts("t.", user_agent="User agent; blank after SIGNAL_DAYS"),
        *_texts("t.", **WHO),
        *_texts("t.", origin="meta_referrer or apple_ads where the network told us after the install"),
        *_texts("t.", signature="valid, invalid or expired where the click was signed"),
        _column("flags", TEXT, "Fraud codes seen at the touch, with commas", "array_to_string(t.flags, ',')"),
        _column("bot", YES_NO, "A machine: never counted, never credited", of="t."),
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
        _column("message_id", TEXT, "Id of the event that told of it", of="i."),
        _column("kind", TEXT, "install, or open for a possible return", of="i."),
        _column("distinct_id", TEXT, "User id or anonymous id of the event", of="i."),
        _column("installed_at", TIME, "First open", of="i."),
        _column("received_at", TIME, "When the event came", of="i."),
        _column("decision_id", TEXT, "dec_… of its decision", "'dec_' || d.id"),
        _column("attributed_kind", TEXT, "install, reinstall or reattribution", "d.kind"),
        _column("source", TEXT, "Who is credited, or organic", "d.source"),
        _column("campaign", TEXT, "Credited campaign", "d.campaign"),
        _column("tier", TEXT, "How it was matched", "d.tier"),
        _column("state", TEXT, "provisional or final", "d.state"),
        _column("rejected", YES_NO, "Struck by a fraud rule that blocks", "d.rejected"),
        _column("touch_id", TEXT, "Touch that is credited", "t.touch_id"),
        *_texts(
            "i.",
            click_id="Click id that the app sent",
            referrer_click_id="click_id inside the install referrer",
            install_referrer="The store's referrer as it came",
        ),
        _column("referrer_click_at", TIME, "Click by the store's clock", of="i."),
        _column("install_begin_at", TIME, "Begin of the download by the store's clock", of="i."),
        *_texts("i.", device_id="Id of the device", advertising_id="GAID or IDFA, in lower case"),
        _column("ip", TEXT, IP, "host(i.ip)"),
        *_texts("i.", app="Bundle id or package"),
        *_texts("i.", **SIGNALS),
        *_texts("i.", **WHO),
        _column("emulator", YES_NO, "The app says it runs on one", of="i."),
        *_texts("i.", signature="valid, invalid or expired where the install was signed"),
        _column("ad_tracking", YES_NO, "Consent to tracking, as the app says", of="i."),
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
        _column("decision_id", TEXT, "dec_…", "'dec_' || d.id"),
        _column("revision", INTEGER, "Rises each time the decision changes", of="d."),
        _column("kind", TEXT, "install, reinstall or reattribution", of="d."),
        _column("state", TEXT, "provisional or final", of="d."),
        _column("installed_at", TIME, "First open", of="d."),
        _column("decided_at", TIME, "When this revision was decided", of="d."),
        _column("install_message_id", TEXT, "Id of the event of the install", "i.message_id"),
        _column("distinct_id", TEXT, "Whose install it is", "i.distinct_id"),
        _column("tier", TEXT, "How it was matched", of="d."),
        _column("probability", NUMBER, "Of a match by network, 0 to 1", of="d."),
        _column("touch_id", TEXT, "Touch that is credited; blank for organic or forgotten ones", "t.touch_id"),
        *_texts(
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
        _column("original_id", TEXT, "Of a reinstall: the decision before", "'dec_' || d.original_id"),
        _column("rejected", YES_NO, "Struck by a fraud rule that blocks", of="d."),
        _column("considered", INTEGER, "Touches that were found", of="d."),
        _column("rules_version", INTEGER, "Version of the rules", "r.version"),
        _column("fraud", JSON, "What speaks against the install", "d.fraud::text"),
        _column("notes", JSON, "Reason codes about the install", "d.notes::text"),
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
        _column("message_id", TEXT, "Id of the event", of="c."),
        _column("name", TEXT, "Name of the event", of="c."),
        _column("distinct_id", TEXT, "Who did it", of="c."),
        _column("ts", TIME, "When it happened", of="c."),
        _column("received_at", TIME, "When it came", of="c."),
        _column("revenue", DECIMAL, "As sent", "c.revenue::text"),
        _column("currency", TEXT, "Of the revenue", of="c."),
        _column("order_id", TEXT, "Id of the order", of="c."),
        _column("counted", YES_NO, "No where it repeats an order or was struck", of="c."),
        _column("install_message_id", TEXT, "Event of the install it belongs to", "i.message_id"),
        _column("decision_id", TEXT, "Decision of that install", "'dec_' || d.id"),
        _column("source", TEXT, "Who is credited, or organic", "d.source"),
        _column("campaign", TEXT, "Credited campaign", "d.campaign"),
        _column("fraud", JSON, "What speaks against it", "c.fraud::text"),
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
        _column("about", TEXT, "install, touch or source", of="x."),
        _column("at", TIME, "Of an install or touch the first open; of a source since when", of="x."),
        _column("noted_at", TIME, "When it was found or last changed", of="x."),
        _column("code", TEXT, "The rule", "x.f->>'code'"),
        _column("action", TEXT, "block, flag or dismissed", "x.f->>'action'"),
        _column("value", TEXT, "What was measured", "x.f->>'value'"),
        _column("threshold", TEXT, "What it was held against", "x.f->>'threshold'"),
        _column("decision_id", TEXT, "dec_… of the install", of="x."),
        _column("touch_id", TEXT, "The touch", of="x."),
        _column("source", TEXT, "Credited source of an install; of a touch its own", of="x."),
        _column("publisher", TEXT, "Publisher or site", of="x."),
        _column("evidence", JSON, "All of it", "x.f::text"),
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
        _column("postback_id", TEXT, "pb_…", "'pb_' || p.id"),
        _column("destination", TEXT, "Where to", "s.name"),
        _column("kind", TEXT, "network or webhook", "s.kind"),
        _column("news", TEXT, "install, …, or the name of an event", of="p."),
        _column("idempotency_key", TEXT, "The same at each try", of="p."),
        _column("decision_id", TEXT, "dec_… it tells of", "'dec_' || p.decision_id"),
        _column("revision", INTEGER, "Of the decision", of="p."),
        _column("conversion_message_id", TEXT, "Event it tells of", "c.message_id"),
        _column("corrects_id", TEXT, "Postback that it corrects", "'pb_' || p.corrects_id"),
        _column("replay_of_id", TEXT, "Postback that was sent again by hand", "'pb_' || p.replay_of_id"),
        _column("method", TEXT, "GET or POST", of="p."),
        _column("url", TEXT, "As sent", of="p."),
        _column("body", TEXT, "As sent", of="p."),
        _column("state", TEXT, "waiting, delivered, failed or canceled", of="p."),
        _column("tries", INTEGER, "So far", of="p."),
        _column("status", INTEGER, "Of the last answer", of="p."),
        _column("problem", TEXT, "Of the last try", of="p."),
        _column("created_at", TIME, "When it was made", of="p."),
        _column("delivered_at", TIME, "When it was taken", of="p."),
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
        _column("received_at", TIME, "When it first came", of="a."),
        _column("kind", TEXT, "skan or aak", of="a."),
        _column("origin", TEXT, "device, or network that passed it on", of="a."),
        _column("state", TEXT, "valid, invalid or unverifiable", of="a."),
        _column("problem", TEXT, "Why it is not valid", of="a."),
        _column("version", TEXT, "Of the format", of="a."),
        _column("app_id", INTEGER, "The App Store's number", of="a."),
        _column("network_id", TEXT, "Ad network", of="a."),
        _column("transaction_id", TEXT, "Or the postback identifier of AdAttributionKit", of="a."),
        _column("sequence", INTEGER, "0 to 2", of="a."),
        _column("campaign_id", INTEGER, "Before version 4", of="a."),
        _column("source_identifier", TEXT, "Two to four digits", of="a."),
        _column("source_app_id", INTEGER, "App that showed the ad", of="a."),
        _column("source_domain", TEXT, "Site that showed the ad", of="a."),
        _column("fidelity_type", INTEGER, "1 clicked, 0 seen", of="a."),
        _column("conversion_type", TEXT, "download, redownload or re-engagement", of="a."),
        _column("did_win", YES_NO, "The network won", of="a."),
        _column("conversion_value", INTEGER, "0 to 63; Apple does not sign it", of="a."),
        _column("coarse_value", TEXT, "low, medium or high; not signed", of="a."),
        _column("interaction", TEXT, "click or view; not signed", of="a."),
        _column("country", TEXT, "Not signed", of="a."),
        _column("sandbox", YES_NO, "A test", of="a."),
        _column("counted", YES_NO, "Valid, no test, and the first of its id and sequence", of="a."),
        _column("conflict", YES_NO, "Repeats another one with other unsigned values", of="a."),
        _column("seen", INTEGER, "How often it came", of="a."),
        _column("raw", TEXT, "What was sent", of="a."),
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
        _column("rejected_id", INTEGER, "Number of the row", "e.id"),
        _column("code", TEXT, "The reason", of="e."),
        _column("message", TEXT, "The reason in words", of="e."),
        _column("field", TEXT, "What was wrong", of="e."),
        _column("path", TEXT, "Address it was sent to", of="e."),
        _column("body", TEXT, "What was sent, at most 64 KB of it", of="e."),
        _column("cut", YES_NO, "The body was longer", of="e."),
        _column("state", TEXT, "open, replayed or discarded", of="e."),
        _column("seen", INTEGER, "How often it came", of="e."),
        _column("sent_at", TIME, "By the sender's clock", of="e."),
        _column("received_at", TIME, "When it first came", of="e."),
        _column("last_at", TIME, "When it last came", of="e."),
        _column("replayed_at", TIME, "When it was replayed", of="e."),
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
