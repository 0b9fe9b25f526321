"""The registry in Django admin, and what the other apps' admins build their image forms and columns from."""

from media_assets.admin.assets import MediaAssetAdmin
from media_assets.admin.uploads import UploadAdmin

__all__ = ["MediaAssetAdmin", "UploadAdmin"]
