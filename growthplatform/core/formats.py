"""How the product writes numbers, shares, money and times for people."""

import math
from datetime import datetime, timedelta
from decimal import Decimal
from typing import SupportsFloat

from django.utils import timezone

NONE = "–"
MINUS = "−"
SYMBOLS = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
    "KRW": "₩",
    "BRL": "R$",
    "CHF": "CHF ",
    "PLN": "zł ",
}
WITHOUT_CENTS = {"JPY", "KRW", "VND", "CLP", "ISK", "HUF"}
Number = float | Decimal
UNITS = ((86_400, "day"), (3_600, "h"), (60, "min"), (1, "s"))


def _signed(text: str) -> str:
    return text.replace("-", MINUS)


def count(value: Number | None) -> str:
    """Write a whole number with thousands: 48,552."""
    return NONE if value is None else _signed(f"{round(value):,}")


def decimal(value: Number | None) -> str:
    """Write a number that may have a fraction, in four figures where it needs them: 1,204, 12.53, 0.0342."""
    if value is None:
        return NONE
    size = abs(float(value))
    places = 0 if size >= 1_000 or size == int(size) else min(6, 3 - math.floor(math.log10(size)))
    text = f"{float(value):,.{places}f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text else text)


def compact(value: Number | None) -> str:
    """Write a number in at most four figures: 184.2k, 1.3M."""
    if value is None:
        return NONE
    size = abs(float(value))
    for limit, divisor, letter in ((999_950_000, 1e9, "B"), (999_950, 1e6, "M"), (1_000, 1e3, "k")):
        if size >= limit:
            return _signed(f"{float(value) / divisor:.1f}".removesuffix(".0") + letter)
    return _signed(f"{float(value):.1f}".removesuffix(".0"))


def money(amount: Number | None, currency: str = "USD") -> str:
    """Write an amount in its currency; from 1,000 on without cents."""
    if amount is None:
        return NONE
    size: Number = -amount if amount < 0 else amount
    whole = currency in WITHOUT_CENTS or size >= 1_000
    figure = f"{size:,.0f}" if whole else f"{size:,.2f}"
    return f"{MINUS if amount < 0 else ''}{SYMBOLS.get(currency, currency + ' ')}{figure}"


def share(value: SupportsFloat | None, places: int = 1) -> str:
    """Write a share of 0 to 1 in per cent: 9.6%."""
    return NONE if value is None else _signed(f"{float(value) * 100:.{places}f}%")


def chance(probability: SupportsFloat | None) -> str:
    """Write a probability in whole per cent; what is not certain is never 100%: over 99%."""
    return "over 99%" if probability is not None and 0.995 <= float(probability) < 1 else share(probability, 0)


def span(length: timedelta | Number | None) -> str:
    """Write a length of time in its two largest units: 3 min 18 s, 1 day 11 h."""
    if length is None:
        return NONE
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if abs(seconds) < 10 and seconds != int(seconds):
        return _signed(f"{seconds:.1f} s")
    rest, parts = abs(round(seconds)), []
    for size, unit in UNITS:
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number:,} {unit}{'s' if unit == 'day' and number > 1 else ''}")
        elif parts:
            break
    return (MINUS if seconds < 0 else "") + (" ".join(parts[:2]) or "0 s")


def ago(at: datetime, now: datetime) -> str:
    """Write how long ago something was, in one unit; a future time as "in 3 h"."""
    seconds = (now - at).total_seconds()
    size, unit = next(((size, unit) for size, unit in UNITS if abs(seconds) >= size), (1, "s"))
    number = int(abs(seconds) // size)
    if number == 0:
        return "just now"
    words = f"{number:,} {unit}{'s' if unit == 'day' and number > 1 else ''}"
    return f"in {words}" if seconds < 0 else f"{words} ago"


def local(at: datetime, style: str = "") -> str:
    """Write a time in the current time zone; style: "" (date and minute), "second", "time", "day" or "short"."""
    here = timezone.localtime(at)
    day = f"{here:%a} {here.day} {here:%b %Y}"
    return {
        "": f"{day}, {here:%H:%M}",
        "second": f"{day}, {here:%H:%M:%S}",
        "time": f"{here:%H:%M:%S}",
        "day": f"{here.day} {here:%b %Y}",
        "short": f"{here.day} {here:%b}, {here:%H:%M}",
    }[style]
