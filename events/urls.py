"""Addresses of events: Segment's doors first, pages after."""

from django.urls import path, re_path

from events import api

app_name = "events"
urlpatterns = [
    path("v1/batch", api.BatchCall.as_view(), name="batch"),
    path("v1/b", api.BatchCall.as_view()),
    re_path(r"^v1/(?P<kind>track|identify|page|screen|group|alias)$", api.SingleCall.as_view(), name="call"),
    re_path(r"^v1/(?P<kind>[tipsga])$", api.SingleCall.as_view()),
    path("v1/projects/<str:key>/settings", api.SourceSettings.as_view(), name="settings"),
    path("analytics.js/v1/<str:key>/analytics.min.js", api.browser_library, name="browser-library"),
    path("analytics-next/bundles/<str:file>", api.browser_library),
]
