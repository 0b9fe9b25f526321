"""Below ``api/``: artworks, their likes and reviews."""

from django.urls import path

from api.routers import Router
from artworks.views import ArtWorkReviewsView, ArtWorkViewSet, ReviewViewSet

router = Router()
router.register("artworks", ArtWorkViewSet, basename="artwork")
router.register("reviews", ReviewViewSet, basename="review")

urlpatterns = [
    path("artworks/<id:artwork_id>/reviews/", ArtWorkReviewsView.as_view(), name="artwork-reviews"),
    *router.urls,
]
