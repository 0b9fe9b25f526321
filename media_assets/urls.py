"""The media layer's own addresses: files on local disk, and the configuration for apps."""

from django.urls import path

from media_assets.delivery import private_media, public_media
from media_assets.views import MediaConfigView

api_urlpatterns = [path("media/config/", MediaConfigView.as_view(), name="media-config")]
urlpatterns = [
    path("media/private/<path:key>", private_media, name="private-media"),
    path("media/<path:key>", public_media, name="public-media"),
]
