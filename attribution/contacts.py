"""E-mail addresses and phone numbers, of which only digests are kept. Plain values: no Django, clock or network."""

import hashlib
import re

HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
DRESSING = str.maketrans("", "", " \t-–().\u00a0/")


def email_sha256(address: str) -> str:
    """Return the SHA-256 of an address, trimmed and in lower case; "" for what is no address."""
    plain = address.strip().lower()
    name, at, host = plain.rpartition("@")
    if not at or not name or "." not in host or " " in plain:
        return ""
    return hashlib.sha256(plain.encode()).hexdigest()


def phone_sha256(number: str) -> str:
    """Return the SHA-256 of a number in E.164 ("+491701234567"); "" where the country is not said.

    Spaces, dashes, dots and brackets don't matter, and 00 is +. A number without its country code would match
    people of different countries, so it is left out.
    """
    plain = number.strip().replace("(0)", "").translate(DRESSING)
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    return hashlib.sha256(plain.encode()).hexdigest() if NUMBER.fullmatch(plain) else ""


def digest(text: str) -> str:
    """Return a SHA-256 in hexadecimal as it is kept, in lower case; "" for anything else."""
    plain = text.strip().lower()
    return plain if HEX_DIGEST.fullmatch(plain) else ""
