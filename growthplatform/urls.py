"""All addresses of the product."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from growthplatform import views

urlpatterns = [
    # The busy doors first: each address further down costs every request a look.
    path("", include("events.urls")),
    path("", include("attribution.urls")),
    path("", RedirectView.as_view(url="/dashboard/")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("dashboard/", include("customers.urls")),
    path("", include("analytics.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", views.api_docs, name="docs"),
    path("livez", views.livez),
    path("readyz", views.readyz),
    path("metrics", views.metrics),
]

# Machines get their errors in the API's shape also where no view was found, or one failed.
handler404 = views.not_found
handler500 = views.server_error
