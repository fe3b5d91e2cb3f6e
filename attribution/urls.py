"""Addresses of attribution: the busy doors and the API first, pages after."""

from django.urls import path, re_path

from attribution import (
    accuracy_api,
    api,
    app_api,
    branch_link_api,
    credit_api,
    domain_api,
    engagements,
    export_api,
    fraud_api,
    hosts,
    link_api,
    metrics_api,
    rate_api,
    redirects,
    roas_api,
    rule_api,
    shadow_api,
    skan_api,
    skan_door,
    skan_metrics_api,
    spend_api,
    views,
)
from attribution.postbacks import urls as postback_urls
from attribution.views import accuracy as accuracy_views
from attribution.views import cohorts as cohort_views
from attribution.views import cost as cost_views
from attribution.views import cost_imports as cost_import_views
from attribution.views import cost_rates as cost_rate_views
from attribution.views import cost_tables as cost_table_views
from attribution.views import domains as domain_views
from attribution.views import exports as export_views
from attribution.views import models as model_views
from attribution.views import replays as replay_views
from attribution.views import rules as rule_views
from attribution.views import shadow as shadow_views
from attribution.views import skan as skan_views
from attribution.views import skan_apps, skan_postbacks, skan_schemas
from attribution.views import spend as spend_views
from attribution.views import vendor_imports as import_views

app_name = "attribution"
urlpatterns = [
    *postback_urls.urlpatterns,
    path("c/<slug:slug>", redirects.click, name="click"),
    path("i/<slug:slug>", redirects.impression, name="impression"),
    re_path(
        r"^v1\.0/s2s/(?P<kind>click|impression)/app/(?P<platform>[^/]*)/(?P<app_id>[^/]+)$", engagements.engagement
    ),
    path("v1/touches", api.TouchBatch.as_view(), name="touch-batch"),
    path("v1/attribution/me", app_api.Me.as_view(), name="attribution-me"),
    path("v1/attribution/accuracy", accuracy_api.AccuracyShown.as_view(), name="attribution-accuracy"),
    path("v1/attribution/models", credit_api.ModelComparison.as_view(), name="model-comparison"),
    path("v1/attribution/credit-models", credit_api.CreditModels.as_view(), name="credit-models"),
    path("v1/attribution/credit-models/<int:model_id>", credit_api.CreditModelOne.as_view(), name="credit-model"),
    path("v1/conversions", app_api.ConversionList.as_view(), name="conversion-list"),
    path("v1/attributions", api.DecisionList.as_view(), name="attribution-list"),
    path("v1/attributions/<str:decision_id>", api.DecisionOne.as_view(), name="attribution"),
    path("v1/attributions/<str:decision_id>/explain", api.DecisionExplained.as_view(), name="attribution-explain"),
    path("v1/attributions/<str:decision_id>/credit", credit_api.DecisionCredit.as_view(), name="attribution-credit"),
    path("v1/domains", domain_api.DomainList.as_view(), name="domains"),
    path("v1/domains/verified", hosts.verified, name="domain-verified"),
    path("v1/domains/<str:host>", domain_api.DomainOne.as_view(), name="domain"),
    path(".well-known/skadnetwork/report-attribution", skan_door.receive),
    path(".well-known/skadnetwork/report-attribution/", skan_door.receive, name="skan-door"),
    path(".well-known/appattribution/report-attribution", skan_door.receive),
    path(".well-known/appattribution/report-attribution/", skan_door.receive, name="aak-door"),
    path("v1/skan/postbacks", skan_api.PostbackCopies.as_view(), name="skan-postbacks-api"),
    path("v1/skan/schemas", skan_api.SchemaList.as_view(), name="skan-schemas-api"),
    path("v1/skan/apps", skan_metrics_api.AppleApps.as_view(), name="skan-apps-api"),
    path("v1/skan/apps/<str:app_id>", skan_metrics_api.AppleAppOne.as_view(), name="skan-app-api"),
    path("v1/metrics/skan", skan_metrics_api.SkanMetrics.as_view(), name="metrics-skan"),
    path("v1/skan/verify", skan_api.SignatureCheck.as_view(), name="skan-verify-api"),
    path("v1/metrics/campaigns", metrics_api.CampaignMetrics.as_view(), name="metrics-campaigns"),
    path("v1/url", branch_link_api.url),
    path("v1/url/bulk/<str:branch_key>", branch_link_api.bulk),
    path("v1/links", link_api.LinkList.as_view(), name="links"),
    path("v1/links/bulk", link_api.LinkBulk.as_view(), name="link-bulk"),
    path("v1/links/<slug:slug>", link_api.LinkOne.as_view(), name="link"),
    path("c/<slug:slug>.svg", link_api.link_qr, name="link-qr"),
    path("c/<path:rest>", redirects.mistyped),
    path("dashboard/<slug:project_slug>/attribution/", views.overview, name="overview"),
    path("dashboard/<slug:project_slug>/accuracy/", accuracy_views.accuracy_shown, name="accuracy"),
    path("dashboard/<slug:project_slug>/campaigns/", views.campaign_list, name="campaign-list"),
    path("dashboard/<slug:project_slug>/campaigns/pivot/", views.campaign_pivot, name="campaign-pivot"),
    path("dashboard/<slug:project_slug>/network-keys/", views.secret_list, name="secret-list"),
    path("dashboard/<slug:project_slug>/network-keys/create/", views.secret_create, name="secret-create"),
    path(
        "dashboard/<slug:project_slug>/network-keys/<int:secret_id>/revoke/", views.secret_revoke, name="secret-revoke"
    ),
    path("dashboard/<slug:project_slug>/installs/", views.install_list, name="install-list"),
    path("dashboard/<slug:project_slug>/installs/<str:decision_id>/", views.decision_detail, name="decision-detail"),
    path("dashboard/<slug:project_slug>/links/", views.link_list, name="link-list"),
    path("dashboard/<slug:project_slug>/links/create/", views.link_create, name="link-create"),
    path("dashboard/<slug:project_slug>/links/check/", views.link_check, name="link-check"),
    path("dashboard/<slug:project_slug>/links/import/", views.link_import, name="link-import"),
    path("dashboard/<slug:project_slug>/links/domains/", domain_views.domain_list, name="domain-list"),
    path("dashboard/<slug:project_slug>/links/domains/add/", domain_views.domain_create, name="domain-create"),
    path(
        "dashboard/<slug:project_slug>/links/domains/<int:domain_id>/", domain_views.domain_detail, name="domain-detail"
    ),
    path(
        "dashboard/<slug:project_slug>/links/domains/<int:domain_id>/check/",
        domain_views.domain_check,
        name="domain-check",
    ),
    path(
        "dashboard/<slug:project_slug>/links/domains/<int:domain_id>/apps/",
        domain_views.domain_apps,
        name="domain-apps",
    ),
    path(
        "dashboard/<slug:project_slug>/links/domains/<int:domain_id>/remove/",
        domain_views.domain_remove,
        name="domain-remove",
    ),
    path("dashboard/<slug:project_slug>/links/<int:link_id>/", views.link_detail, name="link-detail"),
    path("dashboard/<slug:project_slug>/links/<int:link_id>/edit/", views.link_edit, name="link-edit"),
    path("dashboard/<slug:project_slug>/links/<int:link_id>/archive/", views.link_archive, name="link-archive"),
    path("dashboard/<slug:project_slug>/links/<int:link_id>/restore/", views.link_restore, name="link-restore"),
    path("dashboard/<slug:project_slug>/exports/", export_views.export_list, name="export-list"),
    path("dashboard/<slug:project_slug>/exports/create/", export_views.export_create, name="export-create"),
    path(
        "dashboard/<slug:project_slug>/exports/<int:export_id>/download/",
        export_views.export_download,
        name="export-download",
    ),
    path(
        "dashboard/<slug:project_slug>/exports/<int:export_id>/remove/",
        export_views.export_remove,
        name="export-remove",
    ),
    path(
        "dashboard/<slug:project_slug>/exports/<int:export_id>/again/", export_views.export_again, name="export-again"
    ),
    path(
        "dashboard/<slug:project_slug>/exports/schedules/create/", export_views.schedule_create, name="schedule-create"
    ),
    path(
        "dashboard/<slug:project_slug>/exports/schedules/<int:export_schedule_id>/",
        export_views.schedule_detail,
        name="schedule-detail",
    ),
    path(
        "dashboard/<slug:project_slug>/exports/schedules/<int:export_schedule_id>/test/",
        export_views.schedule_test,
        name="schedule-test",
    ),
    path(
        "dashboard/<slug:project_slug>/exports/schedules/<int:export_schedule_id>/pause/",
        export_views.schedule_pause,
        name="schedule-pause",
    ),
    path(
        "dashboard/<slug:project_slug>/exports/schedules/<int:export_schedule_id>/remove/",
        export_views.schedule_remove,
        name="schedule-remove",
    ),
    path("v1/export/<slug:kind>.<slug:form>", export_api.RawData.as_view(), name="raw-data"),
    path("v1/exports", export_api.ExportList.as_view(), name="exports"),
    path("v1/exports/<str:export_id>", export_api.ExportOne.as_view(), name="export"),
    path("v1/exports/<str:export_id>/file", export_api.ExportFile.as_view(), name="export-file"),
    path("v1/export-schedules", export_api.ScheduleList.as_view(), name="export-schedules"),
    path("v1/export-schedules/<str:schedule_id>", export_api.ScheduleOne.as_view(), name="export-schedule"),
    path("v1/fraud/flags", fraud_api.FlagList.as_view(), name="fraud-flags-api"),
    path("dashboard/<slug:project_slug>/fraud/", views.fraud_list, name="fraud"),
    path("dashboard/<slug:project_slug>/fraud/rules/<slug:code>/", views.fraud_rule, name="fraud-rule"),
    path("dashboard/<slug:project_slug>/fraud/rules/<slug:code>/effect/", views.fraud_effect, name="fraud-effect"),
    path("dashboard/<slug:project_slug>/fraud/flags/<int:flag_id>/", views.fraud_flag, name="fraud-flag"),
    path("dashboard/<slug:project_slug>/fraud/flags/<int:flag_id>/dismiss/", views.fraud_dismiss, name="fraud-dismiss"),
    path("dashboard/<slug:project_slug>/fraud/flags/<int:flag_id>/restore/", views.fraud_restore, name="fraud-restore"),
    path("dashboard/<slug:project_slug>/fraud/shares/", views.fraud_share, name="fraud-share"),
    path("dashboard/<slug:project_slug>/fraud/shares/<int:share_id>/close/", views.fraud_unshare, name="fraud-unshare"),
    path("evidence/<str:token>/", views.evidence_shown, name="evidence"),
    path("dashboard/<slug:project_slug>/models/", model_views.model_list, name="model-list"),
    path("dashboard/<slug:project_slug>/models/create/", model_views.model_create, name="model-create"),
    path(
        "dashboard/<slug:project_slug>/models/installs/<int:decision_id>/",
        model_views.model_decision,
        name="model-decision",
    ),
    path("dashboard/<slug:project_slug>/models/check/", model_views.model_check, name="model-check"),
    path("dashboard/<slug:project_slug>/models/<int:model_id>/edit/", model_views.model_edit, name="model-edit"),
    path("dashboard/<slug:project_slug>/models/<int:model_id>/delete/", model_views.model_delete, name="model-delete"),
    path("dashboard/<slug:project_slug>/models/undo/<str:token>/", model_views.model_undo, name="model-undo"),
    path("dashboard/<slug:project_slug>/skan/", skan_views.skan, name="skan"),
    path("dashboard/<slug:project_slug>/skan/postbacks/", skan_postbacks.skan_postback_list, name="skan-postback-list"),
    path(
        "dashboard/<slug:project_slug>/skan/postbacks/<int:apple_postback_id>/",
        skan_postbacks.skan_postback_detail,
        name="skan-postback-detail",
    ),
    path("dashboard/<slug:project_slug>/skan/console/", skan_postbacks.skan_console, name="skan-console"),
    path("dashboard/<slug:project_slug>/skan/schemas/", skan_schemas.skan_schema_list, name="skan-schema-list"),
    path(
        "dashboard/<slug:project_slug>/skan/schemas/create/",
        skan_schemas.skan_schema_create,
        name="skan-schema-create",
    ),
    path(
        "dashboard/<slug:project_slug>/skan/schemas/<int:conversion_schema_id>/",
        skan_schemas.skan_schema_edit,
        name="skan-schema-edit",
    ),
    path(
        "dashboard/<slug:project_slug>/skan/schemas/<int:conversion_schema_id>/delete/",
        skan_schemas.skan_schema_delete,
        name="skan-schema-delete",
    ),
    path(
        "dashboard/<slug:project_slug>/skan/schemas/undo/<str:token>/",
        skan_schemas.skan_schema_undo,
        name="skan-schema-undo",
    ),
    path("dashboard/<slug:project_slug>/skan/apps/", skan_apps.skan_app_list, name="skan-app-list"),
    path("dashboard/<slug:project_slug>/skan/apps/create/", skan_apps.skan_app_create, name="skan-app-create"),
    path(
        "dashboard/<slug:project_slug>/skan/apps/<int:apple_app_id>/", skan_apps.skan_app_change, name="skan-app-change"
    ),
    path(
        "dashboard/<slug:project_slug>/skan/apps/<int:apple_app_id>/remove/",
        skan_apps.skan_app_remove,
        name="skan-app-remove",
    ),
    path("dashboard/<slug:project_slug>/cohorts/", cohort_views.cohort_list, name="cohort-list"),
    path("v1/attribution/rule-sets", rule_api.RuleSets.as_view(), name="rule-sets"),
    path("v1/attribution/rule-sets/<int:version>", rule_api.RuleSetOne.as_view(), name="rule-set"),
    path("v1/attribution/replays", rule_api.Replays.as_view(), name="replays"),
    path("v1/attribution/replays/<int:replay_id>", rule_api.ReplayOne.as_view(), name="replay"),
    path("v1/attribution/replays/<int:replay_id>/changes", rule_api.ReplayChanges.as_view(), name="replay-changes"),
    path("v1/attribution/replays/<int:replay_id>/approve", rule_api.ReplayApproval.as_view(), name="replay-approval"),
    path("v1/attribution/replays/<int:replay_id>/cancel", rule_api.ReplayCancel.as_view(), name="replay-cancelation"),
    path("dashboard/<slug:project_slug>/rules/", rule_views.rule_list, name="rule-list"),
    path("dashboard/<slug:project_slug>/rules/edit/", rule_views.rule_edit, name="rule-edit"),
    path("dashboard/<slug:project_slug>/rules/<int:version>/", rule_views.rule_detail, name="rule-detail"),
    path("dashboard/<slug:project_slug>/rules/replays/", replay_views.replay_list, name="replay-list"),
    path(
        "dashboard/<slug:project_slug>/rules/replays/<int:replay_id>/", replay_views.replay_detail, name="replay-detail"
    ),
    path(
        "dashboard/<slug:project_slug>/rules/replays/<int:replay_id>/approve/",
        replay_views.replay_approve,
        name="replay-approve",
    ),
    path(
        "dashboard/<slug:project_slug>/rules/replays/<int:replay_id>/cancel/",
        replay_views.replay_cancel,
        name="replay-cancel",
    ),
    path("v1/metrics/shadow", shadow_api.ShadowMetrics.as_view(), name="metrics-shadow"),
    path("v1/vendor-numbers", shadow_api.VendorNumbers.as_view(), name="vendor-numbers"),
    path("dashboard/<slug:project_slug>/shadow/", shadow_views.shadow, name="shadow"),
    path(
        "dashboard/<slug:project_slug>/shadow/apps/<int:vendor_app_id>/forward/",
        shadow_views.shadow_forward,
        name="shadow-forward",
    ),
    path("dashboard/<slug:project_slug>/shadow/names/", shadow_views.shadow_name, name="shadow-name"),
    path(
        "dashboard/<slug:project_slug>/shadow/names/<int:vendor_name_id>/forget/",
        shadow_views.shadow_unname,
        name="shadow-unname",
    ),
    path("dashboard/<slug:project_slug>/shadow/imports/", import_views.shadow_import_list, name="shadow-import-list"),
    path("dashboard/<slug:project_slug>/shadow/imports/numbers/", import_views.shadow_numbers, name="shadow-numbers"),
    path("dashboard/<slug:project_slug>/shadow/imports/raw/", import_views.shadow_raw, name="shadow-raw"),
    path(
        "dashboard/<slug:project_slug>/shadow/imports/<int:vendor_import_id>/",
        import_views.shadow_import,
        name="shadow-import",
    ),
    path("v1/spend", spend_api.SpendList.as_view(), name="spend"),
    path("v1/metrics/roas", roas_api.RoasMetrics.as_view(), name="metrics-roas"),
    path("v1/exchange-rates", rate_api.RateList.as_view(), name="exchange-rates"),
    path("v1/exchange-rates/<str:currency>/<str:day>", rate_api.RateOne.as_view(), name="exchange-rate"),
    path("dashboard/<slug:project_slug>/cost/", cost_views.cost, name="cost"),
    path("dashboard/<slug:project_slug>/cost/pivot/", cost_table_views.cost_pivot, name="cost-pivot"),
    path("dashboard/<slug:project_slug>/cost/ages/", cost_table_views.cost_ages, name="cost-ages"),
    path("dashboard/<slug:project_slug>/cost/spend/", spend_views.spend_list, name="spend-list"),
    path("dashboard/<slug:project_slug>/cost/spend/add/", spend_views.spend_create, name="spend-create"),
    path(
        "dashboard/<slug:project_slug>/cost/spend/<int:spend_id>/remove/", spend_views.spend_remove, name="spend-remove"
    ),
    path("dashboard/<slug:project_slug>/cost/imports/", cost_import_views.cost_import_list, name="cost-import-list"),
    path(
        "dashboard/<slug:project_slug>/cost/imports/<int:spend_import_id>/",
        cost_import_views.cost_import,
        name="cost-import",
    ),
    path(
        "dashboard/<slug:project_slug>/cost/imports/<int:spend_import_id>/take/",
        cost_import_views.cost_import_take,
        name="cost-import-take",
    ),
    path(
        "dashboard/<slug:project_slug>/cost/imports/<int:spend_import_id>/discard/",
        cost_import_views.cost_import_discard,
        name="cost-import-discard",
    ),
    path(
        "dashboard/<slug:project_slug>/cost/imports/<int:spend_import_id>/undo/",
        cost_import_views.cost_import_undo,
        name="cost-import-undo",
    ),
    path(
        "dashboard/<slug:project_slug>/cost/imports/<int:spend_import_id>/refused.csv",
        cost_import_views.cost_import_refused,
        name="cost-import-refused",
    ),
    path("dashboard/<slug:project_slug>/cost/rates/", cost_rate_views.cost_rate_list, name="cost-rate-list"),
    path(
        "dashboard/<slug:project_slug>/cost/rates/<int:exchange_rate_id>/delete/",
        cost_rate_views.cost_rate_delete,
        name="cost-rate-delete",
    ),
    path("dashboard/<slug:project_slug>/cost/unmatched/", cost_rate_views.cost_unmatched, name="cost-unmatched"),
    path("dashboard/<slug:project_slug>/cost/names/", cost_rate_views.cost_name_create, name="cost-name-create"),
    path(
        "dashboard/<slug:project_slug>/cost/names/<int:spend_name_id>/delete/",
        cost_rate_views.cost_name_delete,
        name="cost-name-delete",
    ),
    path("dashboard/<slug:project_slug>/cost/undo/<str:token>/", cost_rate_views.cost_undo, name="cost-undo"),
]
