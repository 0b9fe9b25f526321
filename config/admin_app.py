"""The app of the administration, as ``INSTALLED_APPS`` names it."""

from django.contrib.admin import apps as admin_apps


class AdminConfig(admin_apps.AdminConfig):
    """django.contrib.admin, whose ``admin.site`` is this project's."""

    default_site = "config.admin_site.VitrineAdminSite"
