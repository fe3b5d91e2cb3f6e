"""Addresses of analytics."""

from django.urls import path

from analytics import api
from analytics.views import home, people, search

app_name = "analytics"
urlpatterns = [
    path("dashboard/<slug:project_slug>/", home.home, name="home"),
    path("dashboard/<slug:project_slug>/now/", home.live_strip, name="live-strip"),
    path("dashboard/<slug:project_slug>/search/", search.search, name="search"),
    path("dashboard/<slug:project_slug>/people/", people.person_list, name="person-list"),
    path("dashboard/<slug:project_slug>/people/<str:public_id>/", people.person_detail, name="person-detail"),
    path("v1/metrics/overview", api.OverviewView.as_view(), name="overview"),
]
