"""Addresses below ``/api/``."""

from django.urls import path

from api.converters import register
from users import auth_views, views

register()

urlpatterns = [
    path("auth/signup/", auth_views.SignUpView.as_view(), name="signup"),
    path("auth/login/", auth_views.LoginView.as_view(), name="login"),
    path("auth/token/refresh/", auth_views.RefreshView.as_view(), name="token-refresh"),
    path("auth/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("auth/password/change/", auth_views.PasswordChangeView.as_view(), name="password-change"),
    path("auth/password/reset/", auth_views.PasswordResetView.as_view(), name="password-reset"),
    path("auth/password/reset/confirm/", auth_views.PasswordResetConfirmView.as_view(), name="password-reset-confirm"),
    path("users/me/", views.MeView.as_view(), name="me"),
    path("users/<id:pk>/", views.ProfileView.as_view(), name="profile"),
]
