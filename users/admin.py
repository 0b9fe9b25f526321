"""Users in the admin: they sign in with their e-mail, have an avatar, and take all that they own along."""

from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.forms import AdminPasswordChangeForm
from unfold.forms import AuthenticationForm as ThemedLoginForm
from unfold.forms import UserChangeForm as ThemedChangeForm
from unfold.forms import UserCreationForm as ThemedCreationForm

from media_assets.admin.base import RowAdmin
from media_assets.admin.filters import ImageFilter
from media_assets.admin.images import ImageUploadAdmin
from media_assets.admin.saving import RefusableForm, changed_values
from media_assets.quotas import stored_bytes
from users.admin_login import AdminLoginForm
from users.models import User
from users.services import user_delete, user_update

RANK_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")


class LoginForm(AdminLoginForm, ThemedLoginForm):  # type: ignore[misc]
    pass


admin.site.login_form = LoginForm
# They show refresh tokens, with which anybody could act as anybody.
admin.site.unregister([OutstandingToken, BlacklistedToken, Group])


class UserChangeForm(RefusableForm, ThemedChangeForm):  # type: ignore[misc]
    class Meta(ThemedChangeForm.Meta):  # type: ignore[misc]
        model = User


class UserCreationForm(RefusableForm, ThemedCreationForm):  # type: ignore[misc]
    class Meta(ThemedCreationForm.Meta):  # type: ignore[misc]
        model = User
        fields = ("email", "username")


@admin.register(User)
class UserAdmin(ImageUploadAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    """An avatar is uploaded once the account is there: its key holds the account's id."""

    image_field = "avatar"
    image_on_add = False
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "username", "name", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "date_joined", ImageFilter)
    list_select_related = ("avatar",)
    search_fields = ("email", "username", "first_name", "last_name")
    search_help_text = "E-mail, username, first or last name."
    ordering = ("-id",)
    actions = ("activate", "deactivate")
    autocomplete_fields = ("groups",)
    filter_horizontal = ("user_permissions",)
    readonly_fields = ("stored", "belonging", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "avatar", "stored", "belonging")}),
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

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The user, with ``stored_text``: how much of the quota is used, for those who may see the files."""
        user: Any = super().get_object(request, object_id, from_field)
        if user is not None:
            user.stored_text = _stored(user) if request.user.has_perms(["media_assets.view_mediaasset"]) else "–"
        return user

    @admin.action(description="Activate selected users", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_active(request, queryset, True)

    @admin.action(description="Deactivate selected users", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """They cannot sign in any more, and every session of theirs ends."""
        self._set_active(request, queryset, False)

    @transaction.atomic
    def _set_active(self, request: HttpRequest, queryset: QuerySet[User], active: bool) -> None:
        """Nobody locks themselves out, and only superusers touch staff."""
        others = queryset.exclude(pk=cast(User, request.user).pk)
        free = others if _is_superuser(request) else others.filter(is_staff=False, is_superuser=False)
        chosen = list(free.filter(is_active=not active).order_by("pk").select_for_update(of=("self",)))
        User.objects.filter(pk__in=[user.pk for user in chosen]).update(is_active=active)
        word = "activated" if active else "deactivated"
        for user in chosen:
            self.log_change(request, user, f"{word.capitalize()}.")
        text = f"{len(chosen)} user{'' if len(chosen) == 1 else 's'} {word}."
        if left := queryset.exclude(is_active=active).count():
            text += f" {left} left as before: yourself, and staff for all but superusers."
        self.message_user(request, text, messages.SUCCESS if chosen else messages.WARNING)

    @admin.display(description="stores")
    def stored(self, user: Any) -> SafeString | str:
        text: SafeString | str = user.stored_text
        return text

    @admin.display(description="belonging to them")
    def belonging(self, user: Any) -> SafeString:
        links: SafeString = user.related_lists
        return links


@admin.register(Group)
class GroupAdmin(RowAdmin, DjangoGroupAdmin):
    pass


def _stored(user: User) -> SafeString | str:
    used, quota = stored_bytes(user), settings.UPLOAD_QUOTA_BYTES
    if not quota:
        return filesizeformat(used)
    meter = '<span class="quota">{} of {}<meter min="0" max="{}" value="{}"></meter></span>'
    return format_html(meter, filesizeformat(used), filesizeformat(quota), quota, used)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Only superusers change and delete staff, who may be allowed more than this user; everybody changes themselves."""
    ranked = user is not None and (user.is_staff or user.is_superuser)
    return not ranked or user == request.user or _is_superuser(request)
