"""What people have to know of each vendor's format to connect an app: words, examples, addresses. Plain Python."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from re import Pattern


@dataclass(frozen=True)
class Format:
    """One vendor's format, as its customers know it."""

    dialect: str
    name: str
    host: str
    """Where their servers and apps send now."""
    sample: str
    """An address as they write it, below the host."""
    app_word: str
    app_example: str
    app_help: str
    app_form: Pattern[str]
    app_wrong: str
    """What to say of an id that has another form."""
    key_word: str = ""
    """Empty where clients send no key besides the app's id."""
    key_help: str = ""
    key_needed: bool = False
    """The app's id is public, so only the key proves whose it is."""
    os_asked: bool = False
    """The id does not tell the system of the app."""
    event_word: str = "event name"
    example: str = ""
    """A call by curl, with {base}, {app} and {key}."""
    answer: str = "200"
    hides: str = ""
    """What the vendor answers with success although it does not count it."""


ANY = re.compile(r"[!-~]{1,155}")

APPSFLYER = Format(
    dialect="appsflyer",
    name="AppsFlyer",
    host="https://api3.appsflyer.com",
    sample="/inappevent/id123456789",
    app_word="App ID",
    app_example="id123456789",
    app_help="As in the address: id and the App Store’s number, Android’s package name, or a website’s bundle.",
    app_form=re.compile(
        r"id\d{5,15}(-.{1,40})?|[A-Za-z]\w*(\.\w+)+(-.{1,60})?|(?=[^.]*[A-Za-z])[A-Za-z0-9][\w\-]{2,79}"
    ),
    app_wrong=(
        "AppsFlyer’s ids are id and the App Store’s number (id123456789), or a package name (com.example.app)."
        " A number alone is what AppsFlyer answers with OK and drops: its clients’ events are repaired by a rule."
    ),
    key_word="S2S key or dev key",
    key_help="What your servers send in the header “authentication”. We keep its fingerprint only.",
    key_needed=True,
    example=(
        "curl {base}/inappevent/{app} \\\n"
        "  -H 'authentication: {key}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        '  -d \'{{"appsflyer_id": "1700000000000-1234567", "customer_user_id": "user-1",\n'
        '       "eventName": "af_purchase", "eventCurrency": "USD",\n'
        '       "eventValue": "{{\\"af_revenue\\": 39.95, \\"af_order_id\\": \\"A-1042\\"}}"}}\''
    ),
    answer="200 OK",
    hides="An iOS app written without “id” is answered with OK and dropped. Here it waits under Rejected events.",
)
ADJUST = Format(
    dialect="adjust",
    name="Adjust",
    host="https://s2s.adjust.com",
    sample="/event",
    app_word="App token",
    app_example="abc123def456",
    app_help="The twelve characters that Adjust knows the app by: app_token of each call.",
    app_form=re.compile(r"[A-Za-z0-9]{12}"),
    app_wrong="An app token of Adjust has twelve letters and digits.",
    key_word="S2S security token",
    key_help="Only if S2S security is on at Adjust: the token that your servers send as Bearer.",
    os_asked=True,
    event_word="event token",
    example=(
        "curl {base}/event \\\n"
        "  -d 's2s=1&app_token={app}&event_token=f0ob4r&environment=production' \\\n"
        "  -d 'gps_adid=5f2b1c1e-6a3d-4b5e-9c7d-0123456789ab&revenue=39.95&currency=USD'"
    ),
    answer="200 OK",
    hides="",
)
BRANCH = Format(
    dialect="branch",
    name="Branch",
    host="https://api2.branch.io",
    sample="/v2/event/standard",
    app_word="Branch key",
    app_example="key_live_hkDytPACtipny3N9XmnbZlapBDdj4WIL",
    app_help="branch_key of each call, with key_live_ or key_test_ before it.",
    app_form=re.compile(r"key_(live|test)_\w{8,100}"),
    app_wrong="A Branch key begins with key_live_ or key_test_.",
    key_word="Branch secret",
    key_help="Only if your servers change links: branch_secret of PUT /v1/url. We keep its fingerprint only.",
    example=(
        "curl {base}/v2/event/standard \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        '  -d \'{{"branch_key": "{app}", "name": "PURCHASE",\n'
        '       "user_data": {{"os": "Android", "developer_identity": "user-1"}},\n'
        '       "event_data": {{"revenue": 39.95, "currency": "USD", "transaction_id": "A-1042"}}}}\''
    ),
    answer='200 {"branch_view_enabled": false}',
)
SINGULAR = Format(
    dialect="singular",
    name="Singular",
    host="https://s2s.singular.net",
    sample="/api/v1/evt",
    app_word="App",
    app_example="com.example.app",
    app_help="i of each call: bundle id or package name.",
    app_form=ANY,
    app_wrong="An app of Singular is a bundle id or a package name, without spaces.",
    key_word="SDK key",
    key_help="a of each call. We keep its fingerprint only.",
    key_needed=True,
    example=(
        "curl -G {base}/api/v1/evt \\\n"
        "  -d a={key} -d i={app} -d p=Android -d n=purchase \\\n"
        "  -d aifa=5f2b1c1e-6a3d-4b5e-9c7d-0123456789ab -d ip=203.0.113.7"
    ),
    answer='200 {"status": "ok"}',
    hides="Singular answers each mistake with 200 and names it in the body. Here it also waits under Rejected events.",
)
KOCHAVA = Format(
    dialect="kochava",
    name="Kochava",
    host="https://control.kochava.com",
    sample="/track/json",
    app_word="App GUID",
    app_example="koexample-android-a1b2c3",
    app_help="kochava_app_id of each call.",
    app_form=ANY,
    app_wrong="An app GUID of Kochava has no spaces.",
    os_asked=True,
    example=(
        "curl {base}/track/json \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        '  -d \'{{"action": "event", "kochava_app_id": "{app}", "kochava_device_id": "KD-1",\n'
        '       "data": {{"event_name": "Purchase", "currency": "USD", "event_data": {{"sum": 39.95}},\n'
        '                "device_ids": {{"adid": "5f2b1c1e-6a3d-4b5e-9c7d-0123456789ab"}},\n'
        '                "device_ver": "Pixel 9-Android-16", "origination_ip": "203.0.113.7"}}}}\''
    ),
    answer='200 {"success": "1"}',
)
POSTHOG = Format(
    dialect="posthog",
    name="PostHog",
    host="https://us.i.posthog.com",
    sample="/batch/",
    app_word="Project API key",
    app_example="phc_Zr0x4wYkq5QkJp2Vt8mBv7sLc1nD3eF",
    app_help="api_key of each call, with phc_ before it. A write key of this project works in its place.",
    app_form=ANY,
    app_wrong="A project API key of PostHog has no spaces.",
    example=(
        "curl {base}/capture/ \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        '  -d \'{{"api_key": "{app}", "event": "user signed up", "distinct_id": "user-1",\n'
        '       "properties": {{"plan": "pro"}}}}\''
    ),
    answer='200 {"status": "Ok"}',
)
FORMATS: Mapping[str, Format] = {one.dialect: one for one in (APPSFLYER, ADJUST, BRANCH, SINGULAR, KOCHAVA, POSTHOG)}


def os_of(dialect: str, app_id: str) -> str:
    """Return the system that an app's id tells, else ""."""
    if dialect == "appsflyer":
        return "ios" if re.match(r"id\d", app_id) else "android"
    return ""
