from django.apps import AppConfig


class MediaAssetsConfig(AppConfig):
    name = "media_assets"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Media"

    def ready(self) -> None:
        from media_assets import references

        references.connect()
