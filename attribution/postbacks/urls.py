"""Addresses of postbacks: the API first, pages after."""

from django.urls import path

from attribution.postbacks import api
from attribution.views import destinations, postbacks

PAGES = "dashboard/<slug:project_slug>/postbacks/"
ONE = f"{PAGES}destinations/<int:destination_id>/"
urlpatterns = [
    path("v1/destinations", api.DestinationList.as_view(), name="destinations"),
    path("v1/destinations/templates", api.DestinationTemplates.as_view(), name="destination-templates"),
    path("v1/destinations/<int:destination_id>", api.DestinationOne.as_view(), name="destination"),
    path("v1/destinations/<int:destination_id>/test", api.DestinationTest.as_view(), name="destination-tried"),
    path("v1/postbacks", api.PostbackList.as_view(), name="postbacks"),
    path("v1/postbacks/resend", api.PostbacksAgain.as_view(), name="postbacks-again"),
    path("v1/postbacks/<int:postback_id>", api.PostbackOne.as_view(), name="postback"),
    path(PAGES, postbacks.postback_list, name="postback-list"),
    path(f"{PAGES}again/", postbacks.postback_again_all, name="postback-again-all"),
    path(f"{PAGES}<int:postback_id>/", postbacks.postback_detail, name="postback-detail"),
    path(f"{PAGES}<int:postback_id>/again/", postbacks.postback_again, name="postback-again"),
    path(f"{PAGES}destinations/create/", destinations.destination_create, name="destination-create"),
    path(f"{PAGES}destinations/check/", destinations.destination_check, name="destination-check"),
    path(ONE, destinations.destination_detail, name="destination-detail"),
    path(f"{ONE}edit/", destinations.destination_edit, name="destination-edit"),
    path(f"{ONE}test/", destinations.destination_test, name="destination-test"),
    path(f"{ONE}pause/", destinations.destination_pause, name="destination-pause"),
    path(f"{ONE}resume/", destinations.destination_resume, name="destination-resume"),
    path(f"{ONE}archive/", destinations.destination_archive, name="destination-archive"),
    path(f"{ONE}restore/", destinations.destination_restore, name="destination-restore"),
    path(f"{ONE}secret/", destinations.destination_secret, name="destination-secret"),
]
