"""Days, amounts and names as files of ad networks write them. Plain Python: no Django, clock or network."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache

from growthplatform.core import countries
from growthplatform.core.currencies import CURRENCIES

YMD, DMY, MDY = "ymd", "dmy", "mdy"
POINT, COMMA = ".", ","
KNOWN_CURRENCIES = frozenset(CURRENCIES)
SMALLEST = Decimal("0.0001")
MOST = Decimal(10) ** 12
MOST_COUNT = 10**15
ONE_DAY = timedelta(days=1)
# What a network writes where it has nothing to say.
NOTHING = frozenset({"-", "--", "—", "–", "n/a", "na", "none", "null", "(not set)", "unknown", "unbekannt"})
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan", "feb", "mar|mär|mrz", "apr", "may|mai", "jun", "jul", "aug", "sep", "oct|okt", "nov", "dec|dez",
        ),
        start=1,
    )
    for name in names.split("|")
}  # fmt: skip
YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})[-/.](\d{4}|\d{2})(?:[T, ].*)?")
MONTH_FIRST = re.compile(r"(?:[a-zä]{2,9}\.?, )?([a-zä]{3,9})\.? (\d{1,2}),? (\d{4})", re.IGNORECASE)
DAY_FIRST = re.compile(r"(?:[a-zä]{2,9}\.?, )?(\d{1,2})\.?[ -]([a-zä]{3,9})\.?[ -](\d{4})", re.IGNORECASE)
FIGURE = re.compile(r"[0-9][0-9.,'’_ ]*")
# Euro, dollar and the like, or a code before or behind.
SIGNS = "$€£¥₹₩₽₺₫฿₴₪₦₱"
AROUND = re.compile(rf"^(?:[^\W\d_]{{1,3}}\.?)?[{SIGNS}]?\s*|\s*[{SIGNS}]?(?:[^\W\d_]{{1,3}}\.?)?$")
PLAIN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,4})?")
SPACES = re.compile(r"[\s\u00a0\u202f\u2009]+")
PLATFORMS = {
    "ios": "ios", "iphone": "ios", "ipad": "ios", "ipados": "ios", "apple": "ios", "android": "android",
    "google play": "android", "googleplay": "android", "macos": "macos", "windows": "windows", "linux": "linux",
    "web": "web", "desktop": "web",
}  # fmt: skip


def order_of_days(values: Iterable[str], *, today: date) -> str:
    """Return whether days are written year, day or month first; "" where both of the last two can be meant.

    What would lie in the future is not meant; of two ways that remain, the one by which the days lie closer together.
    """
    written = [match for value in set(values) if (match := YEAR_LAST.fullmatch(value.strip()))]
    if not written:
        return YMD
    if any(match[2] == "." for match in written):
        return DMY
    spans: dict[str, timedelta] = {}
    for order in (DMY, MDY):
        days = [_placed(match, order) for match in written]
        known = [day for day in days if day is not None]
        if len(known) == len(days) and max(known) <= today + ONE_DAY:
            spans[order] = max(known) - min(known)
    if len(spans) == 2 and spans[DMY] == spans[MDY]:
        return ""
    return min(spans, key=lambda order: spans[order], default=DMY)


@lru_cache(maxsize=5_000)
def read_day(text: str, order: str) -> date | None:
    """Read a day; None for what is none. `order` says how one with the year at its end is meant."""
    text = SPACES.sub(" ", text.strip())
    if match := YEAR_FIRST.fullmatch(text) or COMPACT.fullmatch(text):
        return _day(int(match[1]), int(match[2]), int(match[3]))
    if match := YEAR_LAST.fullmatch(text):
        return _placed(match, DMY if match[2] == "." else order)
    if match := MONTH_FIRST.fullmatch(text):
        return _day(int(match[3]), MONTHS.get(match[1].lower()[:3], 0), int(match[2]))
    if match := DAY_FIRST.fullmatch(text):
        return _day(int(match[3]), MONTHS.get(match[2].lower()[:3], 0), int(match[1]))
    return None


def _placed(match: re.Match[str], order: str) -> date | None:
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    year += 2000 if year < 100 else 0
    if order == DMY:
        return _day(year, second, first)
    return _day(year, first, second) if order == MDY else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found if 2000 <= year < 2100 else None


def mark_of(values: Iterable[str], *, usual: str = POINT) -> str:
    """Return whether a column of amounts has decimal points or decimal commas.

    One value that can be read only one way decides for all; `usual` where each can be read both ways.
    """
    for value in values:
        figures = "".join(FIGURE.findall(value)).strip()
        point, comma = figures.rfind(POINT), figures.rfind(COMMA)
        if point >= 0 and comma >= 0:
            return POINT if point > comma else COMMA
        mark = POINT if point >= 0 else COMMA
        found = figures.count(mark)
        if found > 1:  # only thousands are marked more than once
            return COMMA if mark == POINT else POINT
        if found == 1 and len(figures) - figures.index(mark) - 1 != 3:
            return mark
        if found == 1 and figures.startswith("0"):
            return mark
    return usual


def read_amount(text: str, mark: str) -> Decimal | None:
    """Read an amount with `mark` before its decimals, rounded to four of them; None for what is none.

    A dash is nothing, which is 0. Thousands may be marked by the other mark, spaces, apostrophes; a sign or a code of
    a currency may stand around it. What has thousands in the wrong places is none: 1,23 is not 123.
    """
    if mark == POINT and PLAIN.fullmatch(text):  # as most are
        return Decimal(text)
    plain = SPACES.sub(" ", text.strip())
    if plain.lower() in NOTHING:
        return Decimal(0)
    negative = "-" in plain or "−" in plain or (plain.startswith("(") and plain.endswith(")"))
    plain = AROUND.sub("", plain.strip("-−+() ")).strip("-−+ ")
    whole, _, rest = plain.partition(mark)
    other = COMMA if mark == POINT else POINT
    parts = re.split(rf"[{re.escape(other)}'’_ ]", whole)
    if not all(part.isascii() and part.isdigit() for part in parts if part) or not (whole or rest):
        return None
    if len(parts) > 1 and (not 1 <= len(parts[0]) <= 3 or not _grouped(parts)):
        return None
    if rest and not (rest.isascii() and rest.isdigit()):
        return None
    try:
        amount = Decimal(f"{''.join(parts) or '0'}.{rest or '0'}")
        amount = amount.quantize(SMALLEST, ROUND_HALF_EVEN)
    except InvalidOperation:
        return None
    return None if amount >= MOST else (-amount if negative else amount)


def _grouped(parts: Sequence[str]) -> bool:
    """Say whether figures stand in groups as people mark them: by thousands, or as in India 12,34,567."""
    return len(parts[-1]) == 3 and all(len(part) in {2, 3} for part in parts[1:-1])


def read_count(text: str, mark: str) -> int | None:
    """Read a whole number; None for what is none."""
    amount = read_amount(text, mark)
    if amount is None or amount < 0 or amount != int(amount) or amount > MOST_COUNT:
        return None
    return int(amount)


def read_currency(text: str) -> str | None:
    """Read the code of a currency; None for one that there is not."""
    code = text.strip().upper()
    return code if code in KNOWN_CURRENCIES else None


@lru_cache(maxsize=5_000)
def read_country(text: str) -> str | None:
    """Read a country by its code or its English name; "" for one that the network does not know, None for none."""
    plain = SPACES.sub(" ", text.strip())
    if not plain or plain.lower() in NOTHING:
        return ""
    if len(plain) == 2 and plain.isascii() and plain.isalpha():
        code = plain.upper()
        code = "GB" if code == "UK" else code
        return code if countries.name_of(code) != code else None
    return countries.code_of(plain)


def read_platform(text: str) -> str:
    """Read a platform: ios, android …; another one as it is written, in small letters."""
    plain = SPACES.sub(" ", text.strip().lower())
    return "" if plain in NOTHING else PLATFORMS.get(plain, plain)
