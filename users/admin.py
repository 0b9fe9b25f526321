"""Users in the admin: they sign in with their e-mail, have an avatar, and take all that they own along."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm as DjangoUserCreationForm
from django.contrib.auth.forms import UserChangeForm as DjangoUserChangeForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from media_assets.admin.filters import ImageFilter
from media_assets.admin.images import ImageUploadAdmin
from media_assets.admin.links import related_lists
from media_assets.admin.saving import RefusableForm, changed_values
from users.admin_login import AdminLoginForm
from users.models import User
from users.services import user_delete, user_update

RANK_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")

admin.site.login_form = AdminLoginForm
# They show refresh tokens, with which anybody could act as anybody.
admin.site.unregister([OutstandingToken, BlacklistedToken])


class UserChangeForm(RefusableForm, DjangoUserChangeForm):  # type: ignore[type-arg]
    class Meta(DjangoUserChangeForm.Meta):
        model = User


class UserCreationForm(RefusableForm, DjangoUserCreationForm):  # type: ignore[type-arg]
    class Meta(DjangoUserCreationForm.Meta):
        model = User
        fields = ("email", "username")


@admin.register(User)
class UserAdmin(ImageUploadAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    """An avatar is uploaded once the account is there: its key holds the account's id."""

    image_field = "avatar"
    image_on_add = False
    form = UserChangeForm
    add_form = UserCreationForm
    list_display = ("email", "username", "name", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "date_joined", ImageFilter)
    list_select_related = ("avatar",)
    list_per_page = 50
    search_fields = ("email", "username", "first_name", "last_name")
    search_help_text = "E-mail, username, first or last name."
    show_full_result_count = False
    ordering = ("-id",)
    readonly_fields = ("belonging", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "avatar", "belonging")}),
        ("Permissions", {"fields": ("is_active", *RANK_FIELDS)}),
        ("Dates", {"fields": (("date_joined", "last_login"),)}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "username", "usable_password", "password1", "password2")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only a superuser gives rank."""
        fields = super().get_readonly_fields(request, obj)
        return fields if _is_superuser(request) else (*fields, *RANK_FIELDS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
        elif values := changed_values(form):
            user_update(user=obj, changes=values)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        user_delete(user=obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset.order_by("pk"):
            user_delete(user=user)

    @admin.display(description="belonging to them")
    def belonging(self, user: User) -> SafeString:
        return related_lists(user)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Only superusers change and delete staff, who may be allowed more than this user; everybody changes themselves."""
    ranked = user is not None and (user.is_staff or user.is_superuser)
    return not ranked or user == request.user or _is_superuser(request)
