"""The media layer's own addresses: files on local disk, and the configuration for apps."""

from django.urls import URLPattern, URLResolver, include, path

from media_assets.delivery import private_media, public_media
from media_assets.docs_views import UploadsPageView
from media_assets.uploads.local_form import local_form
from media_assets.views import MediaConfigView

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("media/config/", MediaConfigView.as_view(), name="media-config"),
    path("uploads/local/", local_form, name="local-upload-form"),
    path("", include("media_assets.uploads.urls")),
]
urlpatterns = [
    path("docs/uploads/", UploadsPageView.as_view(), name="uploads-page"),
    path("media/private/<path:key>", private_media, name="private-media"),
    path("media/<path:key>", public_media, name="public-media"),
]
