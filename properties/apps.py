from django.apps import AppConfig


class PropertiesConfig(AppConfig):
    name = "properties"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from properties import deletions  # noqa: F401  (connects its receivers)
