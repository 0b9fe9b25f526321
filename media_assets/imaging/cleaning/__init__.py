"""Metadata dropped by structure: segments go, pixels stay bit for bit, nothing is decoded."""

from .cleaned import Cleaned, clean_image

__all__ = ["Cleaned", "clean_image"]
