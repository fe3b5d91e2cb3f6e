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
    "unknown_link": "No link of the project has this slug. Create it, or leave link empty.",
}
USUAL = "Change the field that is named above, then replay the event."


def hint_for(code: str) -> str:
    return HINTS.get(code, USUAL)
