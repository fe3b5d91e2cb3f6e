"""Apple Ads: tokens of AdServices are taken to Apple, which says whether one of its ads brought the install.

Format: https://developer.apple.com/documentation/adservices/aaattribution/attributiontoken(). An answer is often not
there yet when the app opens first (404), so Apple is asked again.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from redis.exceptions import RedisError

from attribution import network_claims
from attribution.candidates import PROVISIONAL
from attribution.models import AppleToken, Install, Touch

TIMEOUT_S = 3.0
ANSWER_BYTES = 64 * 1024
# 404 right after an install is usual: three tries five seconds apart, then one each hour.
SOON = timedelta(seconds=5)
SOON_TRIES = 3
LATER = timedelta(hours=1)
# A token lives for a day, as does the time in which a decision may change.
GIVE_UP = PROVISIONAL
AT_ONCE = 24
THREADS = 8
# A run that died leaves its tokens to the next one after this long.
LEASE = timedelta(minutes=2)
ONE_RUN = "apple-ads-run"

TAKE = """
UPDATE attribution_appletoken SET tries = tries + 1, next_at = %s WHERE id IN (
    SELECT id FROM attribution_appletoken WHERE state = 'waiting' AND next_at <= %s
    ORDER BY next_at, id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING id, token, tries
"""
INSTALL = f"SELECT {network_claims.FIELDS} FROM attribution_install WHERE id = %s FOR UPDATE"  # noqa: S608


class Answer(NamedTuple):
    """What came of asking: Apple's answer, or what was wrong and whether asking again may help."""

    said: Mapping[str, Any] | None = None
    problem: str = ""
    final: bool = False


def ask(token: str, *, url: str, timeout_s: float = TIMEOUT_S) -> Answer:
    """Ask Apple about one token. Whatever goes wrong is an answer with a problem, never an exception."""
    request = urllib.request.Request(  # noqa: S310 -- the operator's own setting
        url, token.encode(), {"Content-Type": "text/plain", "Accept": "application/json"}, method="POST"
    )
    until = time.monotonic() + timeout_s
    try:
        with _opener.open(request, timeout=timeout_s) as answer:
            body = _read(answer, until)
            return _understood(answer.status, body)
    except urllib.error.HTTPError as error:
        error.close()
        return _refused(error.code)
    except (TimeoutError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        late = isinstance(reason, TimeoutError) or isinstance(error, TimeoutError)
        return Answer(
            problem=f"No answer within {timeout_s:g} s." if late else f"Apple can't be reached: {reason}."[:300]
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(problem=f"The answer broke off: {error}."[:300])


def ask_due(*, now: datetime, limit: int = AT_ONCE) -> tuple[int, bool]:
    """Ask Apple about up to `limit` tokens that are due; return how many, and whether it answered at all.

    No transaction is open while Apple is waited for: a token is taken by putting off its next time, so that two runs
    never ask about the same one.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [now + LEASE, now, limit])
        taken = cursor.fetchall()
    if not taken:
        return 0, True
    with ThreadPoolExecutor(min(THREADS, len(taken))) as pool:
        answers = list(pool.map(lambda row: ask(row[1], url=settings.APPLE_ADS_URL), taken))
    for (pk, _, tries), answer in zip(taken, answers, strict=True):
        _settle(pk, tries, answer, now)
    return len(taken), any(answer.said is not None or answer.final for answer in answers)


def run(*, now: datetime, working_s: float) -> int:
    """Ask about all tokens that are due; return how many. One run at a time: while Apple hangs, others do the rest."""
    if not _alone():
        return 0
    until, asked = time.monotonic() + working_s, 0
    try:
        while time.monotonic() < until:
            number, answered = ask_due(now=now)
            asked += number
            if number < AT_ONCE or not answered:
                break
    finally:
        _done()
    return asked


def ad_of(said: Mapping[str, Any]) -> network_claims.Ad | None:
    """Return the ad that an answer names; None where Apple says that no ad of its brought the install."""
    if said.get("attribution") is not True:
        return None

    def text(name: str) -> str:
        value = said.get(name)
        return str(value)[:100] if isinstance(value, str | int) and not isinstance(value, bool) else ""

    others = ("orgId", "keywordId", "conversionType", "claimType", "supplyPlacement")
    country = text("countryOrRegion").upper()
    return network_claims.Ad(
        _moment(said.get("clickDate") or said.get("impressionDate")),
        text("claimType").lower() != "impression",
        campaign=text("campaignId"),
        campaign_id=text("campaignId"),
        ad_set=text("adGroupId"),
        ad=text("adId") or text("creativeSetId"),
        term=text("keywordId"),
        country=country if len(country) == 2 else "",
        params={f"apple_{name}": value for name in others if (value := text(name))},
    )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token goes to Apple and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _read(answer: http.client.HTTPResponse, until: float) -> bytes:
    """Read an answer whole; one that trickles in ends with the time, one without end with its size."""
    parts, length = [], 0
    while part := answer.read1(4096):
        parts.append(part)
        length += len(part)
        if length > ANSWER_BYTES:
            raise ValueError("it is larger than 64 KB")
        if time.monotonic() > until:
            raise TimeoutError
    return b"".join(parts)


def _understood(status: int, body: bytes) -> Answer:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if status != 200 or not isinstance(said, dict) or not isinstance(said.get("attribution"), bool):
        return Answer(problem=f"Apple answered {status} with something that is no attribution.")
    return Answer(said)


def _refused(status: int) -> Answer:
    if status == 400:
        return Answer(problem="Apple says that the token is not valid (400).", final=True)
    if status == 404:
        return Answer(problem="Apple does not know of the install yet (404).")
    return Answer(problem=f"Apple answered {status}.")


def _settle(pk: int, tries: int, answer: Answer, now: datetime) -> None:
    """Write down what came of one token, and with it the touch and the wish for a new decision."""
    with transaction.atomic(), connection.cursor() as cursor:
        token = AppleToken.objects.select_for_update(no_key=True).filter(pk=pk, state=AppleToken.State.WAITING).first()
        if token is None:  # erased meanwhile
            return
        cursor.execute(INSTALL, [token.install_id])
        install = network_claims.Told(*cursor.fetchone())
        token.problem = answer.problem
        token.next_at = now + (SOON if tries <= SOON_TRIES else LATER)
        if answer.said is not None:
            token.state, token.answer, token.token = AppleToken.State.ANSWERED, dict(answer.said), ""
            ad = ad_of(answer.said)
            network_claims.store(Touch.Origin.APPLE_ADS, [(install, ad)] if ad else [], now=now)
        elif answer.final or token.next_at > install.received_at + GIVE_UP:
            token.state, token.token = AppleToken.State.FAILED, ""
        token.save(update_fields=["state", "answer", "token", "problem", "next_at"])


def _moment(value: object) -> datetime | None:
    """Read Apple's time, which has no seconds: 2026-11-20T10:41Z."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC) if at else None


def _alone() -> bool:
    try:
        return bool(cache.add(ONE_RUN, 1, LEASE.total_seconds()))
    except RedisError:
        return True


def _done() -> None:
    try:
        cache.delete(ONE_RUN)
    except RedisError:
        return


def told(install: Install) -> list[str]:
    """Say in a sentence how far Apple's word about an install has come; none for an install without a token."""
    token = AppleToken.objects.filter(install=install).first()
    if token is None:
        return []
    if token.state == AppleToken.State.ANSWERED:
        brought = (token.answer or {}).get("attribution") is True
        return [f"Apple says that {'one' if brought else 'none'} of its ads brought it."]
    if token.state == AppleToken.State.FAILED:
        return [f"Apple was asked {token.tries} time{'' if token.tries == 1 else 's'} in vain. {token.problem}"]
    return [f"Apple has not answered yet whether one of its ads brought it. {token.problem}".strip()]
