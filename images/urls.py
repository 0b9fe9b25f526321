"""Below ``api/``: the private image library."""

from django.urls import path

from api.converters import register
from images.views import LibraryImageViewSet

register()

_ONE = LibraryImageViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"})
urlpatterns = [
    path("images/", LibraryImageViewSet.as_view({"get": "list"}), name="library-image-list"),
    path("images/upload/", LibraryImageViewSet.as_view({"post": "upload"}), name="library-image-upload"),
    path("images/<id:pk>/", _ONE, name="library-image-detail"),
    path(
        "images/<id:pk>/delete/", LibraryImageViewSet.as_view({"delete": "delete_image"}), name="library-image-delete"
    ),
]
