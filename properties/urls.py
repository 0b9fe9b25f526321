"""Below ``api/``: houses for sale and for rent, and their images."""

from api.routers import Router
from properties.image_views import PropertyImageViewSet
from properties.views import HouseForRentViewSet, HouseForSaleViewSet

router = Router()
router.register("houses-for-sale", HouseForSaleViewSet, basename="house-for-sale")
router.register("houses-for-rent", HouseForRentViewSet, basename="house-for-rent")
router.register("property-images", PropertyImageViewSet, basename="property-image")

urlpatterns = router.urls
