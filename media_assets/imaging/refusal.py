"""How a job in the child process says that a picture is at fault, not the machinery."""


class PictureRefused(Exception):
    """The picture cannot be decoded, or must not be. The message says why, for the person who looks after the site."""
