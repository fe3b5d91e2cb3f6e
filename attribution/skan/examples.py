"""Postbacks to try the console with: those that Apple publishes with valid signatures, and tampered ones."""

import json
from dataclasses import dataclass
from typing import Any

# The name under which the example project's made-up postbacks say that Apple signed none of them.
KEY = "example data"


@dataclass(frozen=True, slots=True)
class Example:
    """A postback, what is special about it, and how the check must end."""

    name: str
    says: str
    text: str
    valid: bool


SKAN_4: dict[str, Any] = {
    "version": "4.0",
    "ad-network-id": "com.example",
    "source-identifier": "5239",
    "app-id": 525463029,
    "transaction-id": "6aafb7a5-0170-41b5-bbe4-fe71dedf1e30",
    "redownload": False,
    "source-domain": "example.com",
    "fidelity-type": 1,
    "did-win": True,
    "conversion-value": 63,
    "postback-sequence-index": 0,
    "attribution-signature": (
        "MEUCIGRmSMrqedNu6uaHyhVcifs118R5z/AB6cvRaKrRRHWRAiEAv96ne3dKQ5kJpbsfk4eYiePmrZUU6sQmo+7zfP/1Bxo="
    ),
}
SKAN_3: dict[str, Any] = {
    "version": "3.0",
    "ad-network-id": "example123.skadnetwork",
    "campaign-id": 42,
    "transaction-id": "6aafb7a5-0170-41b5-bbe4-fe71dedf1e28",
    "app-id": 525463029,
    "redownload": True,
    "source-app-id": 1234567891,
    "fidelity-type": 1,
    "conversion-value": 20,
    "did-win": True,
    "attribution-signature": (
        "MEYCIQD5eq3AUlamORiGovqFiHWI4RZT/PrM3VEiXUrsC+M51wIhAPMANZA9c07raZJ64gVaXhB9+9yZj/X6DcNxONdccQij"
    ),
}
AAK: dict[str, Any] = {
    "jws-string": (
        "eyJraWQiOiJhcHBsZS1kZXZlbG9wbWVudC1pZGVudGlmaWVyXC8xIiwiYWxnIjoiRVMyNTYifQ.eyJwb3N0YmFjay1pZGVudGlmaWVyIjoiODU"
        "1NDZFQjctRkQzOS00NEJDLTg5OTAtQzk4QTRBQzM2QTQ5IiwicHVibGlzaGVyLWl0ZW0taWRlbnRpZmllciI6MCwibWFya2V0cGxhY2UtaWRlb"
        "nRpZmllciI6ImNvbS5hcHBsZS5BcHBTdG9yZSIsImltcHJlc3Npb24tdHlwZSI6ImFwcC1pbXByZXNzaW9uIiwiYWQtbmV0d29yay1pZGVudGl"
        "maWVyIjoiZGV2ZWxvcG1lbnQuYWRhdHRyaWJ1dGlvbmtpdCIsImRpZC13aW4iOnRydWUsInBvc3RiYWNrLXNlcXVlbmNlLWluZGV4IjowLCJjb"
        "252ZXJzaW9uLXR5cGUiOiJyZS1lbmdhZ2VtZW50Iiwic291cmNlLWlkZW50aWZpZXIiOiIxMjM0IiwiYWR2ZXJ0aXNlZC1pdGVtLWlkZW50aWZ"
        "pZXIiOjEwNzM4MDI3NzU2fQ.bAdNwKd6OfHK9tofvjjua4X_JPcFTxXPQSspD9gZkinw97pY7R1aI-LSjl-oxZZF3_K2H5JK5TSEBee4_1U4oQ"
    ),
    "conversion-value": 24,
    "ad-interaction-type": "click",
    "country-code": "US",
}


def _text(fields: dict[str, Any], **changes: Any) -> str:
    changed = {**fields, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return json.dumps(changed, indent=2)


ALL = {
    "v4": Example("Version 4, from the web", "As Apple publishes it.", _text(SKAN_4), valid=True),
    "v3": Example("Version 3, won", "As Apple publishes it.", _text(SKAN_3), valid=True),
    "aak": Example("AdAttributionKit", "Signed with a key for development.", _text(AAK), valid=True),
    "app": Example("Another app", "app-id was changed.", _text(SKAN_4, app_id=999), valid=False),
    "repeat": Example(
        "Made new", "The id was changed, to be counted twice.", _text(SKAN_3, transaction_id="00000000-0000"),
        valid=False,
    ),
    "value": Example(
        "Another value", "conversion-value was changed, and nothing shows it: Apple does not sign it.",
        _text(SKAN_4, conversion_value=5), valid=True,
    ),
}  # fmt: skip
