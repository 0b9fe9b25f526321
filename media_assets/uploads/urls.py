"""Below ``api/``: direct uploads, and the same under the addresses that Uppy's Companion has (no final slash)."""

from django.urls import path

from api.routers import Router
from media_assets.uploads.uppy import UppyViewSet
from media_assets.uploads.views import UploadViewSet

_ONE = "uploads/s3/multipart/<uuid:upload_id>"

router = Router()
router.register("uploads", UploadViewSet, basename="upload")
urlpatterns = [
    *router.urls,
    path("uploads/s3/params", UppyViewSet.as_view({"get": "params"}), name="uppy-params"),
    path("uploads/s3/multipart", UppyViewSet.as_view({"post": "create"}), name="uppy-multipart"),
    path(_ONE, UppyViewSet.as_view({"get": "list_parts", "delete": "abort"}), name="uppy-parts"),
    path(f"{_ONE}/batch", UppyViewSet.as_view({"get": "part_urls"}), name="uppy-part-urls"),
    path(f"{_ONE}/complete", UppyViewSet.as_view({"post": "complete"}), name="uppy-complete"),
    path(f"{_ONE}/<str:number>", UppyViewSet.as_view({"get": "part_url"}), name="uppy-part-url"),
]
