"""Every reason a decision can give, with its sentence: the one table that the API, the pages and the docs read."""

from attribution.claims import META_NOT_DECRYPTED
from attribution.fraud.catalogue import RULES

SENTENCES = {
    # What ties the touch to the install.
    "same_click_id": "The app sent the click id of this touch.",
    "same_referrer_click_id": "Google Play handed the app the click id of this touch in its install referrer.",
    "same_advertising_id": "Touch and install carry the same advertising id.",
    "same_device_id": "Touch and install carry the same device id.",
    "said_by_meta": "Meta’s encrypted install referrer names this ad.",
    "said_by_apple": "Apple says that this ad brought the install.",
    "same_user_id": "Touch and install carry the same id of the person, your own.",
    "same_email": "Touch and install carry the same hashed e-mail address.",
    "same_phone": "Touch and install carry the same hashed phone number.",
    "same_network_and_device": "It came from the same IP address and the same kind of device.",
    "same_network": "It came from the same IP address.",
    # Why it won.
    "latest_click": "It is the latest click of the strongest kind of match.",
    "latest_view": "It is the latest view, and no click matched.",
    "likeliest_click": "Of the clicks of its network it is the likeliest, and likely enough.",
    # Why it lost to another touch.
    "stronger_tier_won": "Another touch is tied to the install by a stronger kind of match.",
    "click_outranks_view": "A click counts before a view.",
    "later_click_won": "A later click matched in the same way.",
    "later_view_won": "A later view matched in the same way.",
    "likelier_click_won": "Another click of the network is likelier.",
    # Why it could not win at all.
    "below_threshold": "It is not likely enough: the rules credit a click of the network only above their threshold.",
    "credited_elsewhere": "Another install holds this click already.",
    "other_device_id": "It carries another device or advertising id, so it is another device.",
    "referrer_says_organic": "Google Play says that nobody sent the person, so the network is not asked.",
    "fraud": "A fraud rule that blocks has struck it.",
    "tier_off": "The rules do not ask for this kind of match.",
    "outside_window": "It happened longer before the install than this kind of match allows.",
    "after_install": "It happened after the install.",
    "click_after_download_began": "It happened after the download had begun, so it can't have caused it.",
    "zeroed_id": "Its id is a placeholder that many devices share, so it was not compared.",
    "bot": "A bot or a link preview made it.",
    "other_app": "It advertised another app.",
    "other_os": "It came from another operating system.",
    "other_os_version": "It came from another version of the operating system.",
    "other_device": "It came from another model of device.",
    "unknown_device": "The operating system of touch or install is unknown, so they can't be compared.",
    "no_consent": "Matching by network is off on iOS unless the person has allowed tracking.",
    "truncated_address": "This project keeps only the network part of addresses, which is too little to match by.",
    "view_by_network": "A view is matched by an id only, never by network and device.",
    "clock_in_future": "Its time lay in the future when it was received, so the time of its arrival counts.",
}

# Of the install rather than of a touch.
NOTE_SENTENCES = {
    "referrer_not_ours": "The install referrer names no click of this project.",
    "referrer_organic": "Google Play says that nobody sent the person: its referrer is organic.",
    META_NOT_DECRYPTED: "The install referrer holds a message of Meta that no key of this project opens.",
    "abstained": "A click of the network came near, but was not likely enough to be named.",
}

FRAUD_SENTENCES = {rule.code: rule.sentence for rule in RULES}


def sentence(code: str) -> str:
    """Return the sentence for a reason or a fraud code; an unknown code, of an older version, is its own."""
    return SENTENCES.get(code) or NOTE_SENTENCES.get(code) or FRAUD_SENTENCES.get(code) or code
