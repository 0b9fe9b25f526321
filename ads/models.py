"""Ads of the marketplace and their images."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Prefetch, Q

from media_assets.gallery import MAX_ORDER
from media_assets.models import MediaAsset
from users.models import User

MAX_TEXT_LENGTH = 10_000  # characters of a description: a page of 100 stays small
PRICE_DIGITS, PRICE_DECIMALS = 12, 2
MIN_PRICE = Decimal("0.01")
MAX_IMAGES = 50  # of one ad
Viewer = User | AnonymousUser


class AdQuerySet(models.QuerySet["Ad"]):
    def visible_to(self, viewer: Viewer) -> AdQuerySet:
        """Those that this viewer may read: active ones, their own, all of them for staff."""
        if viewer.is_staff:
            return self.all()
        active = Q(is_active=True)
        return self.filter(active | Q(owner_id=viewer.pk) if viewer.is_authenticated else active)

    def with_images(self) -> AdQuerySet:
        """With owner and images at hand, in two queries."""
        images = Prefetch("images", AdImage.objects.select_related("image"))
        return self.select_related("owner").prefetch_related(images)


class Ad(models.Model):
    """Something for sale. Inactive ads are seen by their owner and by staff only."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="ads", db_index=False)
    title = models.CharField(max_length=255)
    description = models.TextField(blank=True, max_length=MAX_TEXT_LENGTH)
    price = models.DecimalField(
        max_digits=PRICE_DIGITS, decimal_places=PRICE_DECIMALS, validators=[MinValueValidator(MIN_PRICE)]
    )
    is_active = models.BooleanField(default=True)
    is_sold = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True, help_text="Of the ad or of its images.")

    objects = AdQuerySet.as_manager()

    class Meta:
        verbose_name = "ad"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["created_at", "id"], name="ad_by_age"),
            models.Index(fields=["price", "id"], name="ad_by_price"),
            models.Index(fields=["owner", "created_at", "id"], name="ad_by_owner"),
        ]
        constraints = [models.CheckConstraint(condition=Q(price__gt=0), name="ad_price_positive")]

    def __str__(self) -> str:
        return self.title


class AdImageQuerySet(models.QuerySet["AdImage"]):
    def mains(self) -> AdImageQuerySet:
        """The first image of each ad."""
        of_the_ad = AdImage.objects.filter(ad=models.OuterRef("ad")).order_by("order", "id")
        return self.filter(pk=models.Subquery(of_the_ad.values("pk")[:1]))


class AdImage(models.Model):
    """A picture of an ad; the first by ``(order, id)`` is its main one."""

    ad = models.ForeignKey(Ad, on_delete=models.CASCADE, related_name="images", db_index=False)
    image = models.OneToOneField(MediaAsset, on_delete=models.PROTECT, related_name="ad_image")
    alt_text = models.CharField(max_length=255, blank=True)
    order = models.PositiveSmallIntegerField(validators=[MaxValueValidator(MAX_ORDER)])
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AdImageQuerySet.as_manager()

    class Meta:
        verbose_name = "image"
        ordering = ["order", "id"]
        indexes = [models.Index(fields=["ad", "order", "id"], name="ad_image_by_order")]

    def __str__(self) -> str:
        return self.alt_text or f"Image {self.pk}"
