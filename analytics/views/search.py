"""The search dialog's list."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from analytics.queries.search import search as find
from customers.pages import PageRequest, project_page
from growthplatform.core.http import page


@project_page
@require_safe
def search(request: PageRequest) -> HttpResponse:
    """Answer the people, links and campaigns that ?q= finds, as options of the dialog's list."""
    q = request.GET.get("q", "")
    return page(request, "analytics/search.html", {"hits": find(request.project, q), "q": q})
