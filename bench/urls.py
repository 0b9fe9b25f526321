"""The site's addresses and, below ``api/`` so that every middleware treats them alike, the plain ones."""

from django.urls import path

from bench.ads_plain import PlainAds
from bench.plain import PlainArtworks, PlainPictures
from config import urls as site

handler400, handler403 = site.handler400, site.handler403
handler404, handler500 = site.handler404, site.handler500

urlpatterns = [
    path("api/plain/ads/", PlainAds.as_view()),
    path("api/plain/artworks/", PlainArtworks.as_view()),
    path("api/plain/pictures/", PlainPictures.as_view()),
    *site.urlpatterns,
]
