from django.apps import AppConfig


class AdsConfig(AppConfig):
    name = "ads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from ads import deletions  # noqa: F401  (connects its receivers)
