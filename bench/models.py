"""The table behind the plain upload. It exists in the databases of the benchmark only."""

from django.db import models


class PlainPicture(models.Model):
    """What a tutorial would write: a title and a file."""

    title = models.CharField(max_length=255)
    image = models.FileField(upload_to="plain")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title
