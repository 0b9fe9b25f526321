"""Below ``api/``: ads and their images."""

from ads.views import AdViewSet
from api.routers import Router

router = Router()
router.register("ads", AdViewSet, basename="ad")

urlpatterns = router.urls
