"""The addresses of links in the API's description: plain views, which the framework does not describe by itself."""

from typing import Any

PARAMETERS = {
    "utm_source": "Goes before the link's source; so do utm_medium, utm_campaign, utm_content and utm_term.",
    "pid": "AppsFlyer's name of the source; c, af_siteid, af_adset, af_ad, af_c_id, af_dp, af_sub1 … af_sub5 too.",
    "adset": "The ad set; so do ad, creative and publisher.",
    "sub1": "Sub-ids 1 to 5; they and other parameters are kept with the touch and told to the app.",
    "deep_link": "A place inside the app, told to it after its first open.",
    "em": "SHA-256 of the person's e-mail address, trimmed and in lower case; ph: of the number in E.164.",
    "click_id": "The ad network's own id of the click; also clickid, gclid, fbclid, ttclid.",
    "gaid": "The device's advertising id; also advertising_id, idfa, gps_adid.",
}
SLUG = {"name": "slug", "in": "path", "required": True, "schema": {"type": "string"}, "example": "winter"}


def describe_links(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add /c/{slug} and /i/{slug} to the description."""
    named = [
        {"name": name, "in": "query", "schema": {"type": "string"}, "description": text}
        for name, text in PARAMETERS.items()
    ]
    gone = {"description": "There is no such link; a page that says so."}
    ended = {"description": "The link has ended; a page that says since when. Nothing is counted."}
    landing = "https://play.google.com/store/apps/details?id=com.techstart.mobile&referrer=click_id%3Dtch_0f5c2b7a"
    sent_on = {
        "description": "The tap is stored; Location is the place for this kind of device, with the click id.",
        "headers": {"Location": {"schema": {"type": "string"}, "example": landing}},
    }
    seen = {"description": "The view is stored; an invisible picture.", "content": {"image/gif": {}}}
    result["paths"]["/c/{slug}"] = {
        "get": _operation("tap_link", "Tap a link", named, {"302": sent_on, "404": gone, "410": ended})
    }
    result["paths"]["/i/{slug}"] = {"get": _operation("view_link", "See an ad", named, {"200": seen, "404": gone})}
    return result


def _operation(name: str, summary: str, named: list[dict[str, Any]], answers: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["Attribution"],
        "security": [],
        "parameters": [SLUG, *named],
        "responses": answers,
    }
