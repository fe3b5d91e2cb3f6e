"""How each refusal is repaired, in words."""

HINTS = {
    "invalid_json": "The body is not JSON: often a quote or a bracket is missing, or it was encoded twice.",
    "invalid_utf8": "Send UTF-8. A text in another encoding (Latin-1, UTF-16) got into the body.",
    "invalid_gzip": "The body begins like gzip but can't be unpacked: send the whole stream, or no gzip.",
    "invalid_batch": 'A batch is {"batch": [ … ]} with one object for each event.',
    "invalid_type": "type is one of track, identify, page, screen, group, alias.",
    "invalid_field": "The field has another type than the call allows, for example a list where a text is meant.",
    "invalid_message_id": "messageId is a text of at most 100 characters; leave it out and it is made for you.",
    "invalid_name": "A name has at most 256 characters; put what varies into properties.",
    "invalid_timestamp": "Write times in ISO 8601 with a zone, like 2026-11-20T10:38:42Z, or leave the field out.",
    "missing_id": "Add a userId, or an anonymousId for somebody who is not signed in.",
    "missing_event": 'A track call needs event, the name of what happened, like "Order Completed".',
    "missing_group": "A group call needs groupId.",
    "not_an_object": 'properties, traits and context are objects: {} and not [], "" or a number.',
    "nul_character": "Take out the character \\u0000: no database stores it in text.",
    "too_deep": "Flatten the object: at most 64 levels.",
    "event_too_large": "An event may have 32 KB. Leave out large texts, base64 pictures and whole responses.",
    "body_too_large": "Send smaller batches: 500 KB at most. SDKs have a setting for it (flushAt, maxBatchSize).",
    "too_many_events": "At most 2,500 events in a batch.",
    "id_prefix_missing": "AppsFlyer’s iOS ids begin with “id”. A rule repairs them all, and those to come.",
    "unknown_app": "Connect the app under Connections, Vendor formats, as the sender writes it; then replay them all.",
    "wrong_key": "The app is connected with another key. Change its key under Vendor formats; then replay them all.",
    "inactive_app": "The app was disconnected. Connect it again under Vendor formats; then replay them all.",
    "opted_out": "This device asked not to be followed. Nothing of it is taken, and there is nothing to repair.",
    "missing_argument": "Add the parameter that is named above; the others are right.",
    "invalid_argument": "The parameter that is named above has another form than the vendor’s clients send.",
    "missing_app_id": "Add the app’s id: kochava_app_id.",
    "invalid_app_token": "An app token of Adjust has twelve letters and digits. Look it up in its dashboard.",
    "invalid_event_token": "An event token of Adjust has six letters and digits, and the case of letters matters.",
    "invalid_revenue": "Send revenue as a number with a decimal point, and without a currency sign.",
    "missing_currency": "Add currency, in three letters, beside the revenue.",
    "invalid_callback_params": "callback_params and partner_params are JSON objects, encoded for the address.",
    "invalid_platform": "The platform is none that the vendor has.",
    "other_platforms_id": "The id of the device belongs to another platform than the one that is named.",
    "unknown_action": "Kochava’s actions event, install, session and identityLink are taken.",
    "invalid_uuid": "uuid is a UUID; leave it out and it is made for you.",
    "empty_batch": "The batch held no event. Nothing is lost.",
    "unsupported_compression": "Set the client to gzip, or update it: lz-string has not been sent since 2021.",
    "unknown_link": "No link of the project has this slug. Create it, or leave link empty.",
}
USUAL = "Change the field that is named above, then replay the event."


def hint_for(code: str) -> str:
    return HINTS.get(code, USUAL)
