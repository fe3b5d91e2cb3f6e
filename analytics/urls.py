"""Addresses of analytics."""

from django.urls import path

from analytics import api
from analytics.views import home, names, people, saved, search

app_name = "analytics"
urlpatterns = [
    path("dashboard/<slug:project_slug>/", home.home, name="home"),
    path("dashboard/<slug:project_slug>/now/", home.live_strip, name="live-strip"),
    path("dashboard/<slug:project_slug>/search/", search.search, name="search"),
    path("dashboard/<slug:project_slug>/people/", people.person_list, name="person-list"),
    path("dashboard/<slug:project_slug>/people/<str:public_id>/", people.person_detail, name="person-detail"),
    path("dashboard/<slug:project_slug>/views/", saved.view_list, name="view-list"),
    path("dashboard/<slug:project_slug>/views/create/", saved.view_create, name="view-create"),
    path("dashboard/<slug:project_slug>/views/<int:saved_view_id>/", saved.view_detail, name="view-detail"),
    path("dashboard/<slug:project_slug>/explore/names/events/", names.event_names, name="names-events"),
    path("dashboard/<slug:project_slug>/explore/names/properties/", names.property_names, name="names-properties"),
    path("dashboard/<slug:project_slug>/explore/names/values/", names.property_values, name="names-values"),
    path("v1/metrics/overview", api.OverviewView.as_view(), name="overview"),
]
