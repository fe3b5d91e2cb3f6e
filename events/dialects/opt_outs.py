"""Devices whose owner wants nothing of them taken: known by digest, sifted out of what vendors' clients send.

A vendor's own call says so (Adjust's /gdpr_forget_device). Nothing of a refused event of such a device is kept but
that there was one.
"""

import hashlib
import time
from collections.abc import Collection
from datetime import datetime

import msgspec

from events.dialects.base import Translated
from events.models import OptOut
from events.payloads import Call, Refusal

CODE = "opted_out"
MESSAGE = "The device's owner has opted out: nothing of it is taken, and nothing of this event kept."
CACHE_S = 5.0


class _Device(msgspec.Struct):
    id: object = None
    advertisingId: object = None  # noqa: N815 -- the stream's name


class _Context(msgspec.Struct):
    device: _Device | None = None


_context = msgspec.json.Decoder(_Context)
# Most projects have none: whether one has is known for 5 s, so that its events cost no query.
_any_of: dict[int, tuple[float, bool]] = {}


def hash_of(device_id: str) -> str:
    return hashlib.sha256(device_id.strip().lower().encode()).hexdigest()


def forget_cached() -> None:
    """Drop what this process remembers."""
    _any_of.clear()


def remember(project_id: int, ids: Collection[str], asked_at: datetime) -> None:
    """Keep from now on that nothing of these devices may be taken. Safe to repeat."""
    if ids:
        rows = [OptOut(project_id=project_id, id_hash=hash_of(one), asked_at=asked_at) for one in ids]
        OptOut.objects.bulk_create(rows, ignore_conflicts=True)
        _any_of.pop(project_id, None)


def sifted(project_id: int, translated: Translated) -> Translated:
    """Return what is left without the calls of devices that opted out; those are refused without their bodies."""
    if not translated.calls or not _has_any(project_id):
        return translated
    ids = [_ids(call) for _, call, _ in translated.calls]
    known = _known(project_id, {one for some in ids for one in some})
    if not known:
        return translated
    gone = [bool(known.intersection(some)) for some in ids]
    calls = [one for one, out in zip(translated.calls, gone, strict=True) if not out]
    refused = [
        Refusal(index, CODE, MESSAGE, "", b"") for (index, _, _), out in zip(translated.calls, gone, strict=True) if out
    ]
    installs = tuple(call for call in translated.installs if not known.intersection(_ids(call)))
    return translated._replace(calls=calls, refused=[*translated.refused, *refused], installs=installs)


def is_out(project_id: int, *ids: str) -> bool:
    """Say whether one of the ids belongs to a device that opted out."""
    return _has_any(project_id) and bool(_known(project_id, {hash_of(one) for one in ids if one}))


def only(translated: Translated) -> bool:
    """Say whether nothing is left but what devices that opted out sent."""
    return not translated.calls and any(one.code == CODE for one in translated.refused)


def _has_any(project_id: int) -> bool:
    now = time.monotonic()
    known = _any_of.get(project_id)
    if known is None or known[0] <= now:
        known = _any_of[project_id] = (now + CACHE_S, OptOut.objects.filter(project=project_id).exists())
    return known[1]


def _known(project_id: int, hashes: Collection[str]) -> set[str]:
    return set(OptOut.objects.filter(project=project_id, id_hash__in=hashes).values_list("id_hash", flat=True))


def _ids(call: Call) -> set[str]:
    """Return the digests of the ids of a call's device."""
    device = _context.decode(call.context).device if call.context.find(b'"device"') >= 0 else None
    ids = (call.anonymous_id, device and device.id, device and device.advertisingId)
    return {hash_of(one) for one in ids if isinstance(one, str) and one}
