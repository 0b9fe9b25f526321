"""What an uploaded file is, told from its bytes alone: `inspect_image` gives facts or says why it refuses."""

from .facts import ImageFacts, InvalidImage
from .inspection import inspect_image

__all__ = ["ImageFacts", "InvalidImage", "inspect_image"]
