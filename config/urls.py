"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config import service
from media_assets.urls import api_urlpatterns as media_api

handler400 = "api.errors.bad_request"
handler403 = "api.errors.permission_denied"
handler404 = "api.errors.page_not_found"
handler500 = "api.errors.server_error"

urlpatterns = [
    path("", service.front_page, name="front-page"),
    path("healthz", service.healthz, name="healthz"),
    path("readyz", service.readyz, name="readyz"),
    path("metrics", service.metrics, name="metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(metadata_class=None), name="swagger-ui"),
    path("api/", include(media_api)),
    path("api/", include("users.urls")),
    path("api/", include("artworks.urls")),
    path("api/", include("ads.urls")),
    path("api/", include("properties.urls")),
    path("api/", include("images.urls")),
    path("admin/", admin.site.urls),
    path("", include("media_assets.urls")),
]
