"""Addresses of events: Segment's doors first, pages after."""

from django.urls import path, re_path

from events import api, event_api, repair_api, vendor_api
from events.dialects import posthog_web
from events.dialects.door import door
from events.dialects.registry import ROUTES
from events.views import live, rejected, repairs, vendor_names, vendors

app_name = "events"
urlpatterns = [
    path("v1/batch", api.BatchCall.as_view(), name="batch"),
    path("v1/b", api.ShortBatch.as_view()),
    re_path(r"^v1/(?P<kind>track|identify|page|screen|group|alias)$", api.SingleCall.as_view(), name="call"),
    re_path(r"^v1/(?P<kind>[tipsga])$", api.ShortCall.as_view()),
    path("v1/projects/<str:key>/settings", api.SourceSettings.as_view(), name="settings"),
    path("analytics.js/v1/<str:key>/analytics.min.js", api.browser_library, name="browser-library"),
    path("analytics-next/bundles/<str:file>", api.browser_bundle),
    path("v1/events", event_api.EventList.as_view(), name="event-list"),
    path("v1/rejected", event_api.RejectedList.as_view(), name="rejected-api"),
    path("v1/rejected/<int:rejected_id>/replay", event_api.RejectedReplay.as_view(), name="rejected-api-replay"),
    path("v1/repair-rules", repair_api.RepairRuleList.as_view(), name="repair-rule-api"),
    path("v1/repair-rules/preview", repair_api.RepairRulePreview.as_view(), name="repair-rule-api-preview"),
    path("v1/repair-rules/<int:repair_rule_id>", repair_api.RepairRuleDetail.as_view(), name="repair-rule-api-one"),
    path("v1/vendor-apps", vendor_api.VendorAppList.as_view(), name="vendor-app-api"),
    path("v1/vendor-apps/<int:vendor_app_id>", vendor_api.VendorAppDetail.as_view(), name="vendor-app-api-one"),
    path("v1/event-names", vendor_api.EventNameList.as_view(), name="event-name-api"),
    path("v1/event-names/<int:event_name_id>", vendor_api.EventNameDetail.as_view(), name="event-name-api-one"),
    path("dashboard/<slug:project_slug>/live/", live.live, name="live"),
    path("dashboard/<slug:project_slug>/live/rows/", live.live_rows, name="live-rows"),
    path("dashboard/<slug:project_slug>/live/pause/", live.live_pause, name="live-pause"),
    path("dashboard/<slug:project_slug>/live/<int:event_id>/", live.live_event, name="live-event"),
    path("dashboard/<slug:project_slug>/vendors/", vendors.vendor_list, name="vendor-list"),
    path("dashboard/<slug:project_slug>/vendors/rows/", vendors.vendor_rows, name="vendor-rows"),
    path(
        "dashboard/<slug:project_slug>/vendors/apps/<int:vendor_app_id>/archive/",
        vendors.vendor_app_archive,
        name="vendor-app-archive",
    ),
    path(
        "dashboard/<slug:project_slug>/vendors/apps/<int:vendor_app_id>/restore/",
        vendors.vendor_app_restore,
        name="vendor-app-restore",
    ),
    path(
        "dashboard/<slug:project_slug>/vendors/apps/<int:vendor_app_id>/key/",
        vendors.vendor_app_key,
        name="vendor-app-key",
    ),
    path(
        "dashboard/<slug:project_slug>/vendors/names/<int:event_name_id>/forget/",
        vendor_names.vendor_name_forget,
        name="vendor-name-forget",
    ),
    path("dashboard/<slug:project_slug>/vendors/<slug:dialect>/", vendors.vendor_detail, name="vendor-detail"),
    path("dashboard/<slug:project_slug>/vendors/<slug:dialect>/check/", vendors.vendor_check, name="vendor-check"),
    path(
        "dashboard/<slug:project_slug>/vendors/<slug:dialect>/apps/", vendors.vendor_app_claim, name="vendor-app-claim"
    ),
    path("dashboard/<slug:project_slug>/vendors/<slug:dialect>/names/", vendor_names.vendor_names, name="vendor-names"),
    path(
        "dashboard/<slug:project_slug>/vendors/<slug:dialect>/names/save/",
        vendor_names.vendor_name_save,
        name="vendor-name-save",
    ),
    path(
        "dashboard/<slug:project_slug>/vendors/<slug:dialect>/names/accept/",
        vendor_names.vendor_names_accept,
        name="vendor-names-accept",
    ),
    path("dashboard/<slug:project_slug>/rejected/", rejected.rejected_list, name="rejected-list"),
    path("dashboard/<slug:project_slug>/rejected/replay/", rejected.rejected_replay_all, name="rejected-replay-all"),
    path("dashboard/<slug:project_slug>/rejected/rules/", repairs.repair_list, name="repair-list"),
    path("dashboard/<slug:project_slug>/rejected/rules/new/", repairs.repair_create, name="repair-create"),
    path("dashboard/<slug:project_slug>/rejected/rules/preview/", repairs.repair_preview, name="repair-preview"),
    path(
        "dashboard/<slug:project_slug>/rejected/rules/<int:repair_rule_id>/",
        repairs.repair_detail,
        name="repair-detail",
    ),
    path(
        "dashboard/<slug:project_slug>/rejected/rules/<int:repair_rule_id>/pause/",
        repairs.repair_pause,
        name="repair-pause",
    ),
    path(
        "dashboard/<slug:project_slug>/rejected/rules/<int:repair_rule_id>/resume/",
        repairs.repair_resume,
        name="repair-resume",
    ),
    path(
        "dashboard/<slug:project_slug>/rejected/rules/<int:repair_rule_id>/remove/",
        repairs.repair_remove,
        name="repair-remove",
    ),
    path("dashboard/<slug:project_slug>/rejected/<int:rejected_id>/", rejected.rejected_detail, name="rejected-detail"),
    path(
        "dashboard/<slug:project_slug>/rejected/<int:rejected_id>/replay/",
        rejected.rejected_replay,
        name="rejected-replay",
    ),
    path(
        "dashboard/<slug:project_slug>/rejected/<int:rejected_id>/discard/",
        rejected.rejected_discard,
        name="rejected-discard",
    ),
    path(
        "dashboard/<slug:project_slug>/rejected/<int:rejected_id>/restore/",
        rejected.rejected_restore,
        name="rejected-restore",
    ),
]
# Addresses of other vendors' clients, see docs/dialects.md.
urlpatterns += posthog_web.ROUTES
urlpatterns += [re_path(f"^(?:{route.pattern})$", door(route.dialect, *route.methods)) for route in ROUTES]
