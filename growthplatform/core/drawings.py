"""Small pictures made on the server as SVG: they need no JavaScript and, by attributes alone, no inline style."""

import io
from collections.abc import Sequence

import segno
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

HEIGHT = 34
Points = Sequence[float | int | None]


def _path(points: Points, low: float, high: float) -> str:
    step = 100 / max(len(points) - 1, 1)
    reach = (high - low) or 1
    parts, pen = [], "M"
    for index, value in enumerate(points):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{index * step:.1f} {HEIGHT - 2 - (float(value) - low) / reach * (HEIGHT - 4):.1f}")
        pen = "L"
    return " ".join(parts)


def spark(points: Points, before: Points = ()) -> SafeString:
    """Draw a sparkline, with the previous period dashed behind it on the same scale."""
    known = [float(value) for value in [*points, *before] if value is not None]
    if len(points) < 2 or not known:
        return mark_safe('<svg class="g-spark" aria-hidden="true"></svg>')
    low, high = min([*known, 0]), max(known)
    now = _path(points, low, high)
    past = format_html('<path class="is-prev" d="{}"/>', _path(before, low, high)) if len(before) > 1 else ""
    area = format_html('<path class="is-area" d="{} L100 {h} L0 {h} Z"/>', now, h=HEIGHT) if None not in points else ""
    return format_html(
        '<svg class="g-spark" viewBox="0 0 100 {}" preserveAspectRatio="none" aria-hidden="true">{}{}'
        '<path class="is-now" d="{}"/></svg>',
        HEIGHT,
        area,
        past,
        now,
    )


def pulse(counts: Sequence[int], colour: str = "green") -> SafeString:
    """Draw up to 30 counts as small bars, newest on the right."""
    counts = list(counts)[-30:]
    top = max([*counts, 1])
    bars = [
        format_html(
            '<rect class="g-fill is-{}" x="{}" y="{}" width="2" height="{}" rx=".6"/>',
            colour,
            (30 - len(counts) + index) * 3,
            f"{26 - max(1.0, value / top * 24):.1f}",
            f"{max(1.0, value / top * 24):.1f}",
        )
        for index, value in enumerate(counts)
    ]
    return format_html('<svg class="g-pulse" viewBox="0 0 90 26" aria-hidden="true">{}</svg>', mark_safe("".join(bars)))


def meter(value: float, top: float, colour: str = "", css: str = "g-meter") -> SafeString:
    """Draw `value` as a share of `top`."""
    filled = min(max(float(value) / float(top), 0.0), 1.0) * 100 if top else 0.0
    return format_html(
        '<svg class="{}" aria-hidden="true"><rect class="g-track" width="100%" height="6" rx="3"/>'
        '<rect class="g-fill {}" width="{}%" height="6" rx="3"/></svg>',
        css,
        f"is-{colour}" if colour else "",
        f"{filled:.1f}",
    )


def qr(text: str) -> SafeString:
    """Draw a QR code with medium correction and the quiet zone that scanners want."""
    out = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=True,
        border=4,
        omitsize=True,
        light="#fff",
        title="QR code",
        svgclass="g-qr",
        lineclass=None,
    )
    return mark_safe(out.getvalue().decode().strip())  # segno writes the shape, never the text
