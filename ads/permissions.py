"""Who may write what."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.views import APIView


class IsOwnerOrStaffOrReadOnly(IsAuthenticatedOrReadOnly):
    """Everyone reads, those signed in create, owner and staff change and delete."""

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return request.method in SAFE_METHODS or request.user.pk == obj.owner_id or request.user.is_staff
