"""What the big ad networks put into an address, and by which of our parameters it is kept. Plain values."""

# Their own macros, as their help pages write them. What a network does not know is left out.
FILLED_BY = {
    "tiktok": {
        "campaign": "__CAMPAIGN_NAME__",
        "campaign_id": "__CAMPAIGN_ID__",
        "adset": "__AID_NAME__",
        "ad": "__CID_NAME__",
        "clickid": "__CALLBACK_PARAM__",
        "idfa": "__IDFA__",
        "gaid": "__GAID__",
    },
    "meta": {
        "campaign": "{{campaign.name}}",
        "campaign_id": "{{campaign.id}}",
        "adset": "{{adset.name}}",
        "ad": "{{ad.name}}",
        "publisher": "{{placement}}",
    },
    "google": {
        "campaign_id": "{campaignid}",
        "adset": "{adgroupid}",
        "creative": "{creative}",
        "publisher": "{placement}",
        "clickid": "{gclid}",
    },
}
# For every other network: its own macros go where these stand.
USUAL = {
    "campaign": "{campaign_name}",
    "adset": "{adset_name}",
    "ad": "{ad_name}",
    "creative": "{creative_name}",
    "publisher": "{site_id}",
    "clickid": "{click_id}",
    "gaid": "{gaid}",
    "idfa": "{idfa}",
    "sub1": "{sub_id}",
}


def with_macros(address: str, source: str) -> str:
    """Return an address with the parameters that a network fills."""
    asked = FILLED_BY.get(source, USUAL)
    return f"{address}?{'&'.join(f'{name}={macro}' for name, macro in asked.items())}"


def is_known(source: str) -> bool:
    return source in FILLED_BY
