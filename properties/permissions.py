"""Who may write what."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView


class IsOwnerOrStaffOrReadOnly(IsAuthenticated):
    """Those signed in read and create; the house's owner and staff change and delete it and its images."""

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return request.method in SAFE_METHODS or request.user.pk == obj.owner_id or request.user.is_staff
