"""Ready-made destinations: how the large networks want to be told. Plain values: no Django, clock or network.

Written after the networks' public documentation (state of November 2026); none was tried against a live account from
here. UPPER_CASE stands for what only the customer's account knows.
"""

from dataclasses import dataclass

from attribution.postbacks.rendering import Shape

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Template:
    """A destination to begin with. `token` says in words which access token it needs, "" for none."""

    code: str
    name: str
    kind: str
    about: str
    shape: Shape
    sources: tuple[str, ...] = ()
    news: tuple[str, ...] = ("install",)
    token: str = ""
    note: str = ""
    documents: str = ""
    places: tuple[str, ...] = ()


TIKTOK = """{
  "event_source": "app",
  "event_source_id": "TIKTOK_APP_ID",
  "data": [{
    "event": "{event|install=InstallApp;reinstall=InstallApp;reattribution=LaunchAPP;Order Completed=Purchase;Signed Up=Registration}",
    "event_time": {event_time|0},
    "event_id": "{id}",
    "user": {"ttclid": "{network_click_id}", "idfa": "{idfa}", "gaid": "{gaid}", "ip": "{ip}", "user_agent": "{user_agent}", "email": "{email_sha256}", "phone": "{phone_sha256}"},
    "properties": {"value": {revenue|0}, "currency": "{currency|USD}", "order_id": "{order_id}"},
    "app": {"app_id": "{app}"}
  }]
}"""  # noqa: E501 -- as the network's own examples lay it out
META = """{
  "data": [{
    "event_name": "{event|install=MobileAppInstall;reinstall=MobileAppInstall;reattribution=ActivateApp;Order Completed=Purchase;Signed Up=CompleteRegistration}",
    "event_time": {event_time|0},
    "event_id": "{id}",
    "action_source": "app",
    "user_data": {"madid": "{advertising_id}", "client_ip_address": "{ip}", "em": ["{email_sha256}"], "ph": ["{phone_sha256}"]},
    "app_data": {
      "advertiser_tracking_enabled": {tracking|0},
      "application_tracking_enabled": {tracking|0},
      "extinfo": ["{os|ios=i2;a2}", "{app}", "", "", "{os_version}", "{device_model}", "{locale}", "", "", "", "", "", "", "", "", ""]
    },
    "custom_data": {"value": {revenue|0}, "currency": "{currency|USD}", "order_id": "{order_id}"}
  }]
}"""  # noqa: E501
SNAPCHAT = """{
  "data": [{
    "event_name": "{event|install=APP_INSTALL;reinstall=APP_INSTALL;reattribution=APP_OPEN;Order Completed=PURCHASE;Signed Up=SIGN_UP;CUSTOM_EVENT_1}",
    "event_time": {event_time|0},
    "event_id": "{id}",
    "action_source": "MOBILE_APP",
    "user_data": {"madid": "{advertising_id}", "sc_click_id": "{network_click_id}", "client_ip_address": "{ip}", "em": ["{email_sha256}"], "ph": ["{phone_sha256}"]},
    "app_data": {
      "app_id": "{app}",
      "advertiser_tracking_enabled": {tracking|0},
      "extinfo": ["{os|ios=i2;a2}", "{app}", "", "", "{os_version}", "{device_model}", "{locale}", "", "", "", "", "", "", "", "", ""]
    },
    "custom_data": {"value": {revenue|0}, "currency": "{currency|USD}", "order_id": "{order_id}"}
  }]
}"""  # noqa: E501
GOOGLE = (
    "https://www.googleadservices.com/pagead/conversion/app/1.0?dev_token={token}&link_id=LINK_ID"
    "&app_event_type={event|install=first_open;reinstall=first_open;reattribution=session_start;"
    "Order Completed=in_app_purchase;custom}&rdid={advertising_id}&id_type={os|ios=idfa;advertisingid}"
    "&lat={tracking|0=1;0}&app_version=1.0&os_version={os_version|0}&sdk_version=1.0&timestamp={event_time_us}"
    "&value={revenue|0}&currency_code={currency|USD}&gclid={network_click_id}"
)
ANY_NETWORK = (
    "https://postback.network.example/conversion?click_id={network_click_id}&goal={event}&payout={revenue|0}"
    "&currency={currency}&idfa={idfa}&gaid={gaid}&txn={id}"
)

TEMPLATES = (
    Template(
        "webhook",
        "Webhook",
        "webhook",
        "Your own server is told of every install, return, rejection and conversion, as signed JSON.",
        Shape("POST", "https://hooks.example.com/attribution", {}, own=True),
        news=("install", "reinstall", "reattribution", "rejected", "*"),
        places=("the address",),
    ),
    Template(
        "network",
        "Any ad network",
        "network",
        "One GET with the network’s click id, as most networks, affiliates and trackers take it.",
        Shape("GET", ANY_NETWORK, {}),
        places=("the address, with the parameters your network names",),
    ),
    Template(
        "tiktok",
        "TikTok",
        "network",
        "Events API 1.3, app events.",
        Shape(
            "POST",
            "https://business-api.tiktok.com/open_api/v1.3/event/track/",
            {**JSON, "Access-Token": "{token}"},
            TIKTOK,
        ),
        sources=("tiktok",),
        token="The access token of the app’s event source, from TikTok Events Manager.",  # noqa: S106 -- words
        note="TikTok answers 200 also where it refuses an event: look at the first answers in the log for “code”.",
        documents="https://business-api.tiktok.com/portal/docs",
        places=("TIKTOK_APP_ID",),
    ),
    Template(
        "meta",
        "Meta",
        "network",
        "Conversions API, app events.",
        Shape("POST", "https://graph.facebook.com/v23.0/DATASET_ID/events?access_token={token}", JSON, META),
        sources=("meta", "facebook", "instagram"),
        token="An access token of the dataset, from Meta Events Manager.",  # noqa: S106
        note="Meta matches by the ids in user_data; without an advertising id an install may not be matched.",
        documents="https://developers.facebook.com/docs/marketing-api/conversions-api/app-events",
        places=("DATASET_ID",),
    ),
    Template(
        "google",
        "Google Ads",
        "network",
        "App conversion tracking API 1.0.",
        Shape("POST", GOOGLE, {"X-Forwarded-For": "{ip}", "User-Agent": "{user_agent|GrowthPlatform}"}, ""),
        sources=("google", "google_ads"),
        token="A developer token with access to the app conversion API.",  # noqa: S106
        note="Google asks for the app’s real version in app_version and sdk_version: put yours there.",
        documents="https://developers.google.com/app-conversion-tracking/api/request-response-specs",
        places=("LINK_ID",),
    ),
    Template(
        "snapchat",
        "Snapchat",
        "network",
        "Conversions API 3, app events.",
        Shape("POST", "https://tr.snapchat.com/v3/SNAP_APP_ID/events?access_token={token}", JSON, SNAPCHAT),
        sources=("snapchat",),
        token="A Conversions API token, from Snapchat’s business details.",  # noqa: S106
        documents="https://developers.snap.com/api/marketing-api/Conversions-API/Introduction",
        places=("SNAP_APP_ID",),
    ),
)
BY_CODE = {template.code: template for template in TEMPLATES}
