"""Addresses of analytics."""

from django.urls import path

from analytics import api, erasure_api, saved_api
from analytics.metrics_api import metric_view
from analytics.views import (
    annotations,
    cohorts,
    dashboards,
    erasures,
    explore,
    explore_people,
    home,
    names,
    people,
    saved,
    search,
    shares,
    templates,
)

app_name = "analytics"
urlpatterns = [
    path("dashboard/<slug:project_slug>/", home.home, name="home"),
    path("dashboard/<slug:project_slug>/now/", home.live_strip, name="live-strip"),
    path("dashboard/<slug:project_slug>/search/", search.search, name="search"),
    path("dashboard/<slug:project_slug>/people/", people.person_list, name="person-list"),
    path("dashboard/<slug:project_slug>/people/<str:public_id>/", people.person_detail, name="person-detail"),
    path("dashboard/<slug:project_slug>/people/<str:public_id>/erase/", erasures.person_erase, name="person-erase"),
    path("dashboard/<slug:project_slug>/erasures/", erasures.erasure_list, name="erasure-list"),
    path("v1/people", erasure_api.PeopleView.as_view(), name="people"),
    path("v1/people/<str:person_id>", erasure_api.PersonOfIdView.as_view(), name="person"),
    path("v1/erasures", erasure_api.ErasuresView.as_view(), name="erasures"),
    path("dashboard/<slug:project_slug>/views/", saved.view_list, name="view-list"),
    path("dashboard/<slug:project_slug>/views/create/", saved.view_create, name="view-create"),
    path("dashboard/<slug:project_slug>/views/<int:saved_view_id>/", saved.view_detail, name="view-detail"),
    path("dashboard/<slug:project_slug>/views/<int:saved_view_id>/result/", saved.view_result, name="view-result"),
    path("dashboard/<slug:project_slug>/views/<int:saved_view_id>/save/", saved.view_save, name="view-save"),
    path("dashboard/<slug:project_slug>/views/<int:saved_view_id>/rename/", saved.view_rename, name="view-rename"),
    path(
        "dashboard/<slug:project_slug>/views/<int:saved_view_id>/duplicate/",
        saved.view_duplicate,
        name="view-duplicate",
    ),
    path("dashboard/<slug:project_slug>/views/<int:saved_view_id>/delete/", saved.view_delete, name="view-delete"),
    path("dashboard/<slug:project_slug>/views/<int:saved_view_id>/restore/", saved.view_restore, name="view-restore"),
    path("dashboard/<slug:project_slug>/views/<int:saved_view_id>/put/", saved.view_put, name="view-put"),
    path("dashboard/<slug:project_slug>/views/<int:saved_view_id>/share/", shares.view_share, name="view-share"),
    path("dashboard/<slug:project_slug>/dashboards/", dashboards.dashboard_list, name="dashboard-list"),
    path("dashboard/<slug:project_slug>/dashboards/create/", dashboards.dashboard_create, name="dashboard-create"),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/",
        dashboards.dashboard_detail,
        name="dashboard-detail",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/offer/",
        dashboards.dashboard_offer,
        name="dashboard-offer",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/add/",
        dashboards.dashboard_add,
        name="dashboard-add",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/arrange/",
        dashboards.dashboard_arrange,
        name="dashboard-arrange",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/put/",
        dashboards.dashboard_put,
        name="dashboard-put",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/rename/",
        dashboards.dashboard_rename,
        name="dashboard-rename",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/duplicate/",
        dashboards.dashboard_duplicate,
        name="dashboard-duplicate",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/delete/",
        dashboards.dashboard_delete,
        name="dashboard-delete",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/restore/",
        dashboards.dashboard_restore,
        name="dashboard-restore",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/share/",
        shares.dashboard_share,
        name="dashboard-share",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/tiles/<int:tile_id>/",
        dashboards.dashboard_tile,
        name="dashboard-tile",
    ),
    path(
        "dashboard/<slug:project_slug>/dashboards/<int:dashboard_id>/tiles/<int:tile_id>/take/",
        dashboards.dashboard_take,
        name="dashboard-take",
    ),
    path("dashboard/<slug:project_slug>/shares/<int:share_id>/revoke/", shares.share_revoke, name="share-revoke"),
    path("dashboard/<slug:project_slug>/cohorts-saved/", cohorts.cohort_list, name="cohort-list"),
    path("dashboard/<slug:project_slug>/cohorts-saved/<int:cohort_id>/", cohorts.cohort_detail, name="cohort-detail"),
    path(
        "dashboard/<slug:project_slug>/cohorts-saved/<int:cohort_id>/rename/",
        cohorts.cohort_rename,
        name="cohort-rename",
    ),
    path(
        "dashboard/<slug:project_slug>/cohorts-saved/<int:cohort_id>/delete/",
        cohorts.cohort_delete,
        name="cohort-delete",
    ),
    path(
        "dashboard/<slug:project_slug>/cohorts-saved/<int:cohort_id>/restore/",
        cohorts.cohort_restore,
        name="cohort-restore",
    ),
    path("dashboard/<slug:project_slug>/templates/", templates.template_list, name="template-list"),
    path(
        "dashboard/<slug:project_slug>/templates/<slug:template_key>/", templates.template_adopt, name="template-adopt"
    ),
    path("dashboard/<slug:project_slug>/annotations/", annotations.annotation_list, name="annotation-list"),
    path("dashboard/<slug:project_slug>/annotations/create/", annotations.annotation_create, name="annotation-create"),
    path(
        "dashboard/<slug:project_slug>/annotations/restore/", annotations.annotation_restore, name="annotation-restore"
    ),
    path(
        "dashboard/<slug:project_slug>/annotations/<int:annotation_id>/edit/",
        annotations.annotation_edit,
        name="annotation-edit",
    ),
    path(
        "dashboard/<slug:project_slug>/annotations/<int:annotation_id>/delete/",
        annotations.annotation_delete,
        name="annotation-delete",
    ),
    path("shared/<str:token>/", shares.shared, name="shared"),
    path("shared/<str:token>/result/", shares.shared_result, name="shared-result"),
    path("shared/<str:token>/tiles/<int:tile_id>/", shares.shared_tile, name="shared-tile"),
    path("v1/views", saved_api.ViewsView.as_view(), name="views"),
    path("v1/views/<int:saved_view_id>/result", saved_api.ViewResultView.as_view(), name="view-result-api"),
    path("v1/annotations", saved_api.AnnotationsView.as_view(), name="annotations"),
    path("v1/annotations/<int:annotation_id>", saved_api.AnnotationView.as_view(), name="annotation"),
    path("dashboard/<slug:project_slug>/explore/", explore.explore, name="explore"),
    path("dashboard/<slug:project_slug>/explore/cancel/", explore.explore_cancel, name="explore-cancel"),
    path("dashboard/<slug:project_slug>/explore/names/events/", names.event_names, name="names-events"),
    path("dashboard/<slug:project_slug>/explore/names/properties/", names.property_names, name="names-properties"),
    path("dashboard/<slug:project_slug>/explore/names/values/", names.property_values, name="names-values"),
    path("dashboard/<slug:project_slug>/explore/<slug:kind>/", explore.explore_analysis, name="explore-analysis"),
    path(
        "dashboard/<slug:project_slug>/explore/<slug:kind>/people/",
        explore_people.explore_people,
        name="explore-people",
    ),
    path("v1/metrics/funnel", metric_view("funnel").as_view(), name="metrics-funnel"),
    path("v1/metrics/paths", metric_view("paths").as_view(), name="metrics-paths"),
    path("v1/metrics/retention", metric_view("retention").as_view(), name="metrics-retention"),
    path("v1/metrics/active", metric_view("active").as_view(), name="metrics-active"),
    path("v1/metrics/stickiness", metric_view("stickiness").as_view(), name="metrics-stickiness"),
    path("v1/metrics/lifecycle", metric_view("lifecycle").as_view(), name="metrics-lifecycle"),
    path("v1/metrics/adoption", metric_view("adoption").as_view(), name="metrics-adoption"),
    path("v1/metrics/trend", metric_view("trend").as_view(), name="metrics-trend"),
    path("v1/metrics/overview", api.OverviewView.as_view(), name="overview"),
]
