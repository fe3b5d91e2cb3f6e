"""The values that macros stand for, read from decisions and conversions."""

from datetime import datetime
from decimal import Decimal

from attribution.facts import is_real_id
from attribution.models import Conversion, Decision
from attribution.postbacks.rendering import MACROS

# What a destination was told of who is credited: where one of these changes, it was told wrong.
CREDIT = ("campaign", "campaign_id", "adset", "ad", "creative", "publisher", "click_id", "network_click_id")
Facts = dict[str, str]


def of_decision(decision: Decision, *, conversion: Conversion | None = None) -> Facts:
    """Return the values for a decision, or for a conversion that it is credited with.

    Without "id", "news" and "event", which say what is told of it. What the person did not allow to be tracked by, the
    advertising id, is left out.
    """
    install, touch = decision.install, decision.touch
    tracking = "" if install.ad_tracking is None else str(int(install.ad_tracking))
    known = is_real_id(install.advertising_id) and install.ad_tracking is not False
    advertising_id = install.advertising_id if known else ""
    apple = install.os_name in ("ios", "ipados", "tvos")
    found = {
        "decision_id": str(decision),
        "revision": str(decision.revision),
        "tier": decision.tier,
        "source": decision.source,
        "campaign": decision.campaign,
        "adset": decision.ad_set,
        "ad": decision.ad,
        "creative": decision.creative,
        "publisher": decision.publisher,
        **_of_time("install_time", install.installed_at),
        **_of_event(install.installed_at),
        "app": install.app,
        "os": install.os_name,
        "os_version": install.os_version,
        "device_model": install.device_model,
        "country": install.country,
        "locale": install.locale,
        "advertising_id": advertising_id,
        "idfa": advertising_id if apple else "",
        "gaid": "" if apple else advertising_id,
        "device_id": install.device_id,
        "tracking": tracking,
        "ip": install.ip or "",
        "user_id": install.user_id,
        "email_sha256": install.email_sha256,
        "phone_sha256": install.phone_sha256,
    }
    if touch:
        found |= {
            "campaign_id": touch.campaign_id,
            "click_id": touch.touch_id,
            "network_click_id": touch.network_click_id,
            "touch_type": touch.type,
            "touch_time": str(int(touch.ts.timestamp())),
            "user_agent": touch.user_agent,
        }
        found |= {name: str(touch.params.get(name, "")) for name in MACROS if name.startswith("sub")}
    return _said(found | (of_conversion(conversion) if conversion else {}))


def of_conversion(conversion: Conversion) -> Facts:
    """Return the values of a conversion itself."""
    return _said(
        {
            **_of_event(conversion.ts),
            "revenue": "" if conversion.revenue is None else plain(conversion.revenue),
            "currency": conversion.currency,
            "order_id": conversion.order_id,
        }
    )


def same_credit(one: Facts, other: Facts) -> bool:
    """Say whether two sets of values credit the same: a value that one of them does not know counts as the same."""
    if one.get("source", "") != other.get("source", ""):
        return False
    return all(not one.get(name) or not other.get(name) or one[name] == other[name] for name in CREDIT)


def plain(amount: Decimal) -> str:
    """Return an amount with two digits behind the point, or as many as it has."""
    text = f"{amount.normalize():f}"
    return f"{amount:.2f}" if len(text.partition(".")[2]) < 3 else text


def _of_time(name: str, at: datetime) -> Facts:
    return {name: str(int(at.timestamp())), f"{name}_iso": at.isoformat(timespec="seconds")}


def _of_event(at: datetime) -> Facts:
    return {
        **_of_time("event_time", at),
        "event_time_ms": str(int(at.timestamp() * 1000)),
        "event_time_us": f"{at.timestamp():.6f}",
    }


def _said(found: Facts) -> Facts:
    return {name: value for name, value in found.items() if value}
