"""The form of a key that attribution checks or decrypts with."""

import base64
import secrets as random
from typing import Any

from cryptography.hazmat.primitives.serialization import load_der_public_key
from django import forms

from attribution import meta
from attribution.models import Secret
from attribution.secrets import LONGEST, SHORTEST

SIGNING = (Secret.Kind.CLICK_SIGNATURE, Secret.Kind.SDK_SIGNATURE)


class SecretForm(forms.Form):
    """What a new key is for and the key itself; a signing key that is left empty is made here."""

    kind = forms.ChoiceField(label="What it is for", choices=Secret.Kind.choices)
    name = forms.CharField(max_length=60, required=False, help_text="Which app or partner it belongs to.")
    source = forms.CharField(
        max_length=60,
        required=False,
        help_text="Only for a click signing key: whose clicks it signs, as the links name the source.",
    )
    key = forms.CharField(
        max_length=LONGEST,
        required=False,
        widget=forms.Textarea({"rows": 3, "class": "g-mono", "autocomplete": "off", "spellcheck": "false"}),
        help_text="From Meta’s App Dashboard or the Play Console. Leave it empty for a signing key, and we make one.",
    )

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        kind, key = found.get("kind"), "".join(str(found.get("key", "")).split())
        found["key"], found["made"] = key, ""
        if kind == Secret.Kind.CLICK_SIGNATURE and not found.get("source"):
            self.add_error("source", "Name the source whose clicks this key signs.")
        if kind != Secret.Kind.CLICK_SIGNATURE and found.get("source"):
            self.add_error("source", "Only a click signing key belongs to a source. Leave this empty.")
        if kind in SIGNING and not key:
            found["key"] = found["made"] = random.token_urlsafe(32)
        elif wrong := _wrong(str(kind), key):
            self.add_error("key", wrong)
        return found


def _wrong(kind: str, key: str) -> str:
    if kind == Secret.Kind.META_REFERRER and not meta.is_key(key):
        return "Meta’s key has 64 digits from 0 to f. It stands in the App Dashboard under Settings, Basic, Android."
    if kind == Secret.Kind.PLAY_LICENCE and not _is_public_key(key):
        return "The Play Console shows this key as one long text in Base64, under Monetization setup, Licensing."
    if kind in SIGNING and (len(key) < SHORTEST or not key.isprintable()):
        return f"A signing key has at least {SHORTEST} characters that can be printed."
    return ""


def _is_public_key(text: str) -> bool:
    try:
        load_der_public_key(base64.b64decode(text, validate=True))
    except ValueError:
        return False
    return True
