"""What a partner sees of the evidence against its own clicks: without an account, under an address nobody can guess."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from attribution import rule_sets
from attribution.fraud import changes, evidence
from attribution.fraud import rules as fraud
from attribution.fraud.catalogue import BY_CODE
from attribution.models import EvidenceShare
from attribution.views.fraud import FILE_ROWS, PARTNER_HEAD, partner_row
from attribution.views.fraud_flags import facts_of, shown_flag
from attribution.views.fraud_lines import line_of
from growthplatform.core.download import csv_file
from growthplatform.core.http import page


@never_cache
@require_safe
def evidence_shown(request: HttpRequest, token: str) -> HttpResponse:
    """Show which of a partner's clicks were struck by which rule, with value and threshold; never a person's data."""
    share = changes.find_share(token, now=timezone.now())
    if share is None:
        raise Http404("This address is closed.")
    with timezone.override(share.project.tz):
        if request.GET.get("format") == "csv":
            found = evidence.cases(share.project_id, share.since, share.until, source=share.source, limit=FILE_ROWS)
            answer = csv_file(f"evidence-{share.pk}", PARTNER_HEAD, (partner_row(case) for case in found))
        else:
            answer = page(request, "attribution/evidence.html", _context(share))
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


def _context(share: EvidenceShare) -> dict[str, Any]:
    tallies = evidence.tallies(share.project_id, share.since, share.until, source=share.source)
    said = fraud.settings(rule_sets.current([share.project_id])[share.project_id].rules)
    flags = share.project.fraud_flags.filter(source=share.source, dismissed_at=None, since__lt=share.until)
    flags = flags.exclude(until__lt=share.since).order_by("-updated_at", "-pk")
    return {
        "share": share,
        "lines": [
            line_of(BY_CODE[code], said, tallies)
            for code in sorted(tallies, key=lambda code: -tallies[code].installs)
            if code in BY_CODE
        ],
        "flags": [(shown_flag(flag), facts_of(flag, partner=True)) for flag in flags],
        "cases": list(evidence.cases(share.project_id, share.since, share.until, source=share.source)),
    }
