"""Tags and filters of the product's pages; docs/frontend.md shows each in use. Built into every template."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.http import HttpRequest, QueryDict
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from growthplatform.core import drawings, formats, sources
from growthplatform.core.charts import Figure, Kpi
from growthplatform.core.periods import PRESETS, Period
from growthplatform.core.templatetags import code_blocks, wrapping

register = template.Library()
register.tag("codes", code_blocks.codes)
register.tag("wrap", wrapping.wrap)
register.filter("json_lines", code_blocks.json_lines)
register.filter("count", formats.count)
register.filter("compact", formats.compact)
register.filter("share", formats.share)
register.filter("chance", formats.chance)
register.filter("span", formats.span)
register.simple_tag(drawings.spark)
register.simple_tag(drawings.pulse)
register.simple_tag(drawings.qr)


@register.filter
def money(amount: formats.Number | None, currency: str = "USD") -> str:
    return formats.money(amount, currency or "USD")


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Show an icon of the sprite that the build makes from the names in use."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="{}#i-{}"></use></svg>',
        f" {css}" if css else "",
        static("icons.svg"),
        name,
    )


@register.filter
def local(at: datetime | None, style: str = "") -> str | SafeString:
    """Show a time in the current time zone, its ISO form on hover."""
    if at is None:
        return formats.NONE
    iso = timezone.localtime(at).isoformat(timespec="seconds")
    return format_html('<time datetime="{0}" title="{0}">{1}</time>', iso, formats.local(at, style))


@register.filter
def ago(at: datetime | None) -> str | SafeString:
    """Show how long ago something was, its ISO form on hover."""
    if at is None:
        return formats.NONE
    iso = timezone.localtime(at).isoformat(timespec="seconds")
    return format_html('<time datetime="{0}" title="{0}">{1}</time>', iso, formats.ago(at, timezone.now()))


@register.filter
def source_name(source: str | None) -> str:
    return sources.look_of(source).name


@register.filter
def source_colour(source: str | None) -> str:
    return sources.look_of(source).colour


@register.simple_tag
def source_tag(source: str | None) -> SafeString:
    """Show a source by its colour and name."""
    look = sources.look_of(source)
    return format_html('<span class="g-source"><span class="g-sw is-{}"></span>{}</span>', look.colour, look.name)


@register.simple_tag(name="tag")
def label(text: str, kind: str = "", icon: str = "") -> SafeString:
    """Show a short state; its kind is also said by the icon or the words, never by colour alone."""
    picture = _icon(icon) if icon else ""
    return format_html('<span class="g-tag{}">{}{}</span>', f" is-{kind}" if kind else "", picture, text)


_icon = icon


@register.simple_tag
def info(text: str) -> SafeString:
    """Show an (i) that tells a definition to mouse, touch and keyboard."""
    return format_html(
        '<button type="button" class="g-i" data-info="{}"><span class="visually-hidden">{}</span>{}</button>',
        text,
        text,
        _icon("info-circle"),
    )


def _size(change: float) -> str:
    """Write a change in per cent; from ten times on as a multiple, which is easier to take in."""
    if change >= 9:
        return f"{change + 1:,.0f}×"
    return f"{abs(change) * 100:,.0f}%" if abs(change) >= 1 else f"{abs(change) * 100:.1f}%"


@register.simple_tag
def delta(now: formats.Number | None, before: formats.Number | None, *, falling_good: bool = False) -> SafeString:
    """Show the change against the previous period: arrow, per cent, and whether that is good."""
    if now is None or before is None or now == before:
        return mark_safe("")
    if not before:
        return mark_safe('<span class="g-delta g-2nd">new</span>')
    change = (float(now) - float(before)) / abs(float(before))
    rising = change > 0
    mood = "g-good" if rising != falling_good else "g-bad"
    return format_html(
        '<span class="g-delta {}">{}<span class="visually-hidden">{} </span>{}</span>',
        mood,
        _icon("arrow-up") if rising else _icon("arrow-down"),
        "up" if rising else "down",
        _size(change),
    )


@register.simple_tag
def meter(value: float, top: float, colour: str = "") -> SafeString:
    return drawings.meter(value, top, colour)


@register.simple_tag
def progress(done: int, of: int) -> SafeString:
    return format_html(
        '<span role="img" aria-label="{} of {} done">{}</span>', done, of, drawings.meter(done, of, css="g-progress")
    )


@register.simple_tag
def copy(text: str, words: str = "Copy", css: str = "g-quiet") -> SafeString:
    """Show a button that puts `text` on the clipboard; without words only its icon, named for a screen reader."""
    return format_html(
        '<button type="button" class="btn {}" data-copy="{}"{}>{}<span>{}</span></button>',
        css,
        text,
        mark_safe("") if words else mark_safe(' aria-label="Copy"'),
        _icon("copy"),
        words,
    )


def _address(context: template.Context, **changes: str | None) -> str:
    """Return the present query string with some parameters changed; None takes one out."""
    request: HttpRequest | None = context.get("request")
    query = request.GET.copy() if request else QueryDict(mutable=True)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return f"?{query.urlencode()}" if query else "?"


@register.simple_tag(takes_context=True)
def sort_head(
    context: template.Context,
    words: str,
    field: str,
    *,
    num: bool = False,
    info: str = "",
    target: str = "",
    css: str = "",
    first: str = "",
) -> SafeString:
    """Show a column's head that sorts by it, figures first from the largest.

    `first` names the list's own order ("-installs"), in force without `?sort=`.
    """
    request: HttpRequest | None = context.get("request")
    sort = (request.GET.get("sort") if request else "") or first
    falling, current = f"-{field}", sort.lstrip("-") == field
    wanted = (field if sort == falling else falling) if num else (falling if sort == field else field)
    arrow = "" if not current else _icon("arrow-down") if sort.startswith("-") else _icon("arrow-up")
    order = "descending" if sort.startswith("-") else "ascending"
    classes = " ".join(filter(None, ["is-num" if num else "", css]))
    address = _address(context, sort=wanted, cursor=None)
    return format_html(
        '<th scope="col"{}{}><a href="{}"{}>{}{}</a>{}</th>',
        format_html(' class="{}"', classes) if classes else "",
        format_html(' aria-sort="{}"', order) if current else "",
        address,
        _swap(address, target),
        words,
        format_html(" {}", arrow) if arrow else "",
        format_html(" {}", _info(info)) if info else "",
    )


_info = info


def _swap(address: str, target: str) -> SafeString:
    if not target:
        return mark_safe("")
    return format_html(' hx-get="{}" hx-target="{}" hx-push-url="true"', address, target)


@register.inclusion_tag("parts/pager.html", takes_context=True)
def pager(
    context: template.Context,
    next: str | None = None,  # noqa: A002
    previous: str | None = None,
    target: str = "",
) -> dict[str, Any]:
    """Show Previous and Next of a list that is paged by cursor; on a later page also the way to the start."""
    request: HttpRequest | None = context.get("request")
    later = bool(request and request.GET.get("cursor"))
    return {
        "next": _address(context, cursor=next) if next else "",
        "previous": _address(context, cursor=previous) if previous else "",
        "start": _address(context, cursor=None) if later and not previous else "",
        "target": target,
    }


@register.inclusion_tag("parts/range.html", takes_context=True, name="range")
def date_range(context: template.Context, period: Period, *, compare: bool = True) -> dict[str, Any]:
    """Show the date range and the comparison, all of it links that keep the other parameters.

    `compare=False` leaves the comparison out, for a page that has none.
    """
    presets = [
        {"key": key, "label": label, "url": _address(context, range=key, **{"from": None, "to": None, "cursor": None})}
        for key, (label, _) in PRESETS.items()
    ]
    request: HttpRequest | None = context.get("request")
    kept = [
        (name, value)
        for name, values in (request.GET.lists() if request else [])
        if name not in {"range", "from", "to", "cursor"}
        for value in values
    ]
    steps = {way: _address(context, range=None, cursor=None, **dates) for way, dates in period.steps().items()}
    return {
        "period": period,
        "comparing": compare,
        "presets": presets,
        "kept": kept,
        "steps": steps,
        "with_comparison": _address(context, compare=None),
        "without_comparison": _address(context, compare="none"),
    }


@register.inclusion_tag("parts/chart.html")
def chart(figure: Figure, title: str = "", lead: str = "", csv: str = "", low: bool = False) -> dict[str, Any]:
    """Show a figure: head with PNG and CSV, legend, canvas, and the table of the same numbers."""
    return {"figure": figure, "title": title, "lead": lead, "csv": csv, "low": low}


@register.inclusion_tag("parts/kpi.html")
def kpis(numbers: Sequence[Kpi]) -> dict[str, Any]:
    """Show key numbers as tabs of the chart below them."""
    return {"kpis": numbers}


@register.simple_tag(takes_context=True)
def csrf_header(context: template.Context) -> SafeString:
    """Write the header by which every HTMX request carries the CSRF token."""
    token = str(context.get("csrf_token", ""))
    return format_html("hx-headers='{}'", mark_safe(escape(json.dumps({"X-CSRFToken": token}))))


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> SafeString:
    """Write the theme that the switch was set to, so that the first paint is right; nothing when the system decides."""
    request: HttpRequest | None = context.get("request")
    chosen = request.COOKIES.get("theme") if request else None
    return format_html(' data-bs-theme="{}"', chosen) if chosen in {"light", "dark"} else mark_safe("")


@register.simple_tag
def attributes(pairs: dict[str, str]) -> SafeString:
    """Write HTML attributes from a dictionary."""
    return format_html_join("", ' {}="{}"', pairs.items())
