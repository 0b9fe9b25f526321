"""Requests to the administration that were made by hand: an answer for those that its views cannot understand."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import FieldError, ValidationError
from django.core.paginator import InvalidPage
from django.db import DatabaseError, DataError, IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

logger = logging.getLogger(__name__)

NOT_UNDERSTOOD = (
    DataError,
    FieldError,
    InvalidPage,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    ValidationError,
    ValueError,
)
# What the database and validation say of a value that was sent.
OF_A_VALUE = (DataError, InvalidPage, OverflowError, ValidationError)
NO_NUMBER = re.compile(r"expected a number but got (?P<value>.+)\.", re.DOTALL)  # Django, of a field's value
# Views that undo all they have written where they raise.
ROLLED_BACK = ("add_view", "change_view", "changeform_view", "delete_view")
SAY = "The address asked for something that cannot be looked for. Here is the whole list."


def guarded(view: Callable[..., Any], site: AdminSite) -> Callable[..., Any]:
    """The view, without a server error for what a request says.

    Values that no database takes (a NUL, the year 9999, a regular expression that is none, an id that is a word) come
    to light in queries anywhere, while the page is rendered too. A list then leads to itself without them, and says
    so; any other view answers 400. What goes wrong without any input, or in what a form is used for, is a server
    error.
    """

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        name = getattr(view, "__name__", "")
        listed = getattr(view, "__self__", None) if name == "changelist_view" else None
        response: Any = None
        try:
            _require_ids(request, listed)
            response = view(request, *args, **kwargs)
            return cast(HttpResponse, response.render()) if hasattr(response, "render") else response
        except (*NOT_UNDERSTOOD, DatabaseError) as error:
            if not _is_of_the_request(error, request, listed):
                raise
            logger.warning("The administration did not understand %s", request.path, exc_info=True)
        if listed is not None:
            messages.error(request, SAY)
            return HttpResponseRedirect(request.path)
        # A form that is shown again has saved nothing.
        is_undone = response is not None or not hasattr(request, "without_transaction")
        unchanged = request.method == "GET" or (name in ROLLED_BACK and is_undone)
        context = {**site.each_context(request), "title": "This request was not understood", "unchanged": unchanged}
        return TemplateResponse(request, "config/admin_refused.html", context, status=400).render()

    return answer


def _require_ids(request: HttpRequest, listed: ModelAdmin[Any] | None) -> None:
    """Raises ValidationError where rows of a list are chosen, for an action, by what is none of its ids."""
    if listed is not None and request.method == "POST":
        for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
            listed.opts.pk.to_python(chosen)


def _is_of_the_request(error: Exception, request: HttpRequest, listed: ModelAdmin[Any] | None) -> bool:
    """Whether what the request says can be the cause.

    SQLite reports a bad regular expression, and an expression that is too deep, as operational errors: a list that
    is only read counts them too, and meets them again without a query where they have another cause.
    """
    if request.method == "POST":
        return _is_of_a_value(error, request) or (listed is not None and not _can_be_read(listed, request))
    if isinstance(error, NOT_UNDERSTOOD):
        return bool(request.GET)
    reads_list = listed is not None and request.method == "GET"
    return reads_list and bool(request.GET) and not isinstance(error, IntegrityError)


def _is_of_a_value(error: Exception, request: HttpRequest) -> bool:
    """Whether the error is about a value of the form: by its kind, or because its text names one that was sent."""
    if isinstance(error, OF_A_VALUE):
        return True
    sent = {value for _, values in request.POST.lists() for value in values}
    if isinstance(error, ValueError) and (found := NO_NUMBER.search(str(error))):
        return found["value"] in map(repr, sent)
    has_nul = any("\0" in value for value in sent)
    return isinstance(error, ValueError) and has_nul and "nul" in str(error).lower()


def _can_be_read(listed: ModelAdmin[Any], request: HttpRequest) -> bool:
    """Whether the list's query string, which an action's form carries along, is one that rows can be looked for by."""
    if not request.GET:
        return True
    try:
        listed.get_changelist_instance(request).get_queryset(request).exists()
    except NOT_UNDERSTOOD:
        return False
    return True
