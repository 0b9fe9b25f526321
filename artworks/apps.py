from django.apps import AppConfig


class ArtworksConfig(AppConfig):
    name = "artworks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from artworks import counts  # noqa: F401  (connects its receivers)
