"""No request that a signed-in member of the staff makes by hand is a server error in the administration."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from artworks.models import ArtWork
from config.admin_requests import SAY, guarded
from media_assets.admin.base import MAX_SEARCH_LENGTH
from media_assets.models import MediaAsset
from media_assets.tests.stored import published
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)  # PostgreSQL takes nothing more after an error in one
MODELS = [model._meta for model in admin.site._registry]
HUGE = "9" * 30
QUERIES = [
    *("q=%00", "q=a%00b", f"q={'a+' * 3000}", "q=%22%27%5C", "q=%FF", "q=%ED%A0%80"),
    *("p=-1", "p=0", f"p={HUGE}", f"p={'9' * 5000}", "p=x", "p=%00", "p=1.5", "all=", "all=1", "e=1", "e=x"),
    *(f"o={HUGE}", f"o={'9' * 5000}", "o=-99", "o=%00", "o=1.-1.x", "o=" + "0." * 900),
    *("_popup=1", "_popup=%00", "_to_field=id", "_to_field=password", "_facets=True", "_changelist_filters=%00"),
    *("id__exact=x", f"id__exact={HUGE}", "id__in=1,x", f"id__in={HUGE}", "id__range=1", "pk=%00", "id__isnull=maybe"),
    *("nonsense=1", "%00=1", "__=1", "id__x__y=1", "id__regex=(", "id__iregex=%5B", "id__exact=1&id__exact=x"),
]
DATES = [
    *("year=9999", "year=0", "year=-1", "year=x", "year=%00", f"year={HUGE}", "year=2025&{field}__month=13"),
    *("year=9999&{field}__month=12&{field}__day=31", "year=2025&{field}__day=x", "month=2", "day=99"),
    *("gte=x", "gte=%00", "gte=9999-12-31", "gte=0001-01-01+00:00:00%2B14:00", "lt=99999-01-01", "date=%00"),
    *("regex=(", "isnull=x", "week_day=x", "range=1", "hour=99"),
]


@pytest.fixture
def page(make_user: Any) -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def changelist(opts: Any) -> str:
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")


def opts_action(opts: Any) -> str:
    """An action of this list's own, or one that there is not."""
    return next((name for name in admin.site._registry[opts.model].actions if isinstance(name, str)), "nonsense")


@pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime")
@pytest.mark.parametrize("opts", MODELS, ids=str)
def test_no_query_of_a_list_is_a_server_error(page: Client, opts: Any) -> None:
    """Every query for one list of each kind, one of each sort for the others."""
    fields = [field.name for field in opts.fields if field.name in ("created_at", "date_joined", "uploaded_at")]
    filters = [f"{field}__{query.format(field=field)}" for field in fields for query in DATES]
    own = [f"{name}=%00" for name in ("state", "work", "storage", "copy", "size", "in_use", "status", "image_state")]
    people = [f"{name}__id__exact={value}" for name in ("owner", "author") for value in ("x", HUGE, "%00")]
    wholly = opts.label in ("media_assets.MediaAsset", "artworks.ArtWork", "users.User")
    for query in (*QUERIES, *filters, *own, *people)[:: 1 if wholly else 5]:
        answer = page.get(f"{changelist(opts)}?{query}", follow=True)
        assert answer.status_code in (200, 400, 403), query


CHOSEN: list[dict[str, Any]] = [
    {"_selected_action": ["x"]},
    {"_selected_action": ["\0", "1"]},
    {"_selected_action": [HUGE]},
    {"_selected_action": ["9" * 5000], "select_across": "x"},
    {"_selected_action": ["1"], "index": "x"},
    {"_selected_action": ["1"], "index": HUGE, "action": "\0"},
    {"_selected_action": ["x"], "post": "yes"},
]


@pytest.mark.parametrize("opts", MODELS, ids=str)
def test_no_action_is_a_server_error(page: Client, opts: Any) -> None:
    for sent in CHOSEN:
        for action in ("delete_selected", opts_action(opts)):
            for query in ("", "?created_at__year=9999&q=%00"):
                answer = page.post(changelist(opts) + query, {"action": action, **sent}, follow=True)
                assert answer.status_code in (200, 400, 403), (sent, action, query)


def test_a_list_says_that_it_did_not_understand(page: Client) -> None:
    where = reverse("admin:artworks_artwork_changelist")
    answer = page.get(f"{where}?created_at__year=9999", follow=True)
    assert answer.redirect_chain == [(where, 302)]
    assert SAY in answer.content.decode()
    sent = {"action": "delete_selected", "_selected_action": ["x"]}
    assert SAY in page.post(where, sent, follow=True).content.decode()


FORMS: list[tuple[Any, dict[str, Any]]] = [
    (ArtWork, {"title": "Sea", "author": "x"}),
    (ArtWork, {"title": "Sea", "author": HUGE}),
    (ArtWork, {"title": "a\0b", "author": "\0"}),
    (ArtWork, {"title": "Sea", "form_key": "\0", "image-upload": "\0"}),
    (User, {"email": "\0", "username": "\0", "password1": "\0", "password2": "\0", "usable_password": "\0"}),
    (Group, {"name": "a\0", "permissions": ["x", HUGE, "\0"]}),
]


@pytest.mark.parametrize("query", ["", "?_popup=x&_to_field=nonsense", "?author=x&name=%00&_changelist_filters=%00"])
def test_no_form_is_a_server_error(page: Client, query: str) -> None:
    for model, sent in FORMS:
        where = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add") + query
        assert page.get(where).status_code in (200, 400), model
        assert page.post(where, sent).status_code in (200, 400), sent
        assert model.objects.count() == (model is User)


def test_what_is_not_understood_is_400_and_changes_nothing(page: Client) -> None:
    answer = page.post(reverse("admin:artworks_artwork_add"), {"title": "Sea", "author": "x"})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.content.decode()


def test_galleries_and_confirmations(page: Client, make_user: Any, photo: Any) -> None:
    from ads.services import ad_create

    ad = ad_create(owner=make_user("anna"), title="Bike", price=9)  # type: ignore[arg-type]
    where = reverse("admin:ads_ad_change", args=[ad.pk])
    rows = {"images-TOTAL_FORMS": "1", "images-INITIAL_FORMS": "1"}
    for total, number in (("1", "x"), ("1", HUGE), ("1", "\0"), (HUGE, "1"), ("-1", "1"), ("x", "1")):
        sent = {"title": "Bike", "price": "9", **rows, "images-TOTAL_FORMS": total, "images-0-id": number}
        assert page.post(where, {**sent, "images-0-order": "1"}).status_code in (200, 302, 400), total
    asset = published(photo())
    for view in ("discard", "retry"):
        name = f"admin:media_assets_{view}"
        assert page.post(reverse(name, args=[asset.pk]) + "?x=%00", {"post": "\0"}).status_code in (302, 400)
        assert page.post(reverse(name, args=[2**63 - 1])).status_code == 404
    assert MediaAsset.objects.filter(pk=asset.pk).exists() and ad.images.count() == 0


PATHS = [
    *("search/?s=x&page=x", "search/?s=x&page=999", f"search/?s=x&page={HUGE}", "search/?s=%00"),
    *("autocomplete/?term=x", "autocomplete/?app_label=%00&model_name=x&field_name=y"),
    "autocomplete/?app_label=artworks&model_name=artwork&field_name=author&term=%00&page=x",
    f"autocomplete/?app_label=artworks&model_name=artwork&field_name=author&page={HUGE}",
    *(f"r/{HUGE}/1/", "r/1/%00/", f"r/1/{HUGE}/", "jsi18n/?x=%00", "password_change/?x=%00", "artworks/?x=%00"),
    *("users/user/1/history/?p=x", "users/user/%00/change/", "users/user/1/password/?x=%00", "nonsense/%00/"),
]


def test_no_other_page_is_a_server_error(page: Client) -> None:
    for path in PATHS:
        answer = page.get(reverse("admin:index") + path, follow=True)
        assert answer.status_code in (200, 400, 403, 404), path


def test_what_no_request_caused_stays_a_server_error(client: Client, make_user: Any) -> None:
    def broken(request: HttpRequest) -> None:
        raise ValueError("a mistake")

    def interrupted(request: HttpRequest) -> None:
        from django.db import OperationalError

        raise OperationalError("database is locked")

    asked = RequestFactory()
    with pytest.raises(ValueError, match="a mistake"):
        guarded(broken, admin.site)(asked.get("/admin/"))
    for request in (asked.post("/admin/?x=1", {"x": "1"}), asked.get("/admin/?x=1")):
        with pytest.raises(Exception, match="locked"):
            guarded(interrupted, admin.site)(request)


MISTAKES = [TypeError("a mistake"), KeyError("a mistake"), ValueError("a mistake"), ValueError("NUL"), RecursionError()]


@pytest.mark.parametrize("mistake", MISTAKES, ids=repr)
def test_a_mistake_of_ours_is_a_server_error_whatever_a_form_says(
    page: Client, monkeypatch: Any, caplog: pytest.LogCaptureFixture, mistake: Exception
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise mistake

    page.raise_request_exception = False
    admin_of_artworks = type(admin.site._registry[ArtWork])
    monkeypatch.setattr(admin_of_artworks, "save_model", broken)
    monkeypatch.setattr(admin_of_artworks, "response_action", broken)
    me = str(User.objects.get().pk)
    assert page.post(reverse("admin:artworks_artwork_add"), {"title": "Sea", "author": me}).status_code == 500
    chosen = {"action": "delete_selected", "_selected_action": ["1"]}
    assert page.post(reverse("admin:artworks_artwork_changelist") + "?q=x", chosen).status_code == 500
    logged = [record for record in caplog.records if record.name == "django.request"]
    assert [record.levelname for record in logged] == ["ERROR", "ERROR"]
    assert all(record.exc_info and record.exc_info[1] is mistake for record in logged)


def test_an_action_is_not_begun_for_what_is_no_id(page: Client, monkeypatch: Any) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(type(admin.site._registry[ArtWork]), "response_action", lambda *args, **how: begun.append(args))
    chosen = {"action": "delete_selected", "_selected_action": ["1", "x"]}
    assert page.post(reverse("admin:artworks_artwork_changelist"), chosen).status_code == 302
    assert begun == []


def test_what_may_be_half_done_is_not_called_unchanged(page: Client, monkeypatch: Any, photo: Any) -> None:
    def refuse(*args: Any) -> None:
        raise ValidationError("no date")

    monkeypatch.setattr("media_assets.admin.assets.assets_discard", refuse)
    where = reverse("admin:media_assets_discard", args=[published(photo()).pk])
    answer = page.post(where, {"post": "yes"})
    assert answer.status_code == 400 and "not understood" in answer.content.decode()
    assert "Nothing was changed" not in answer.content.decode()


def test_only_the_beginning_of_a_long_text_is_searched_for(page: Client, make_user: Any) -> None:
    ArtWork.objects.create(author=make_user("anna"), title="x" * MAX_SEARCH_LENGTH)
    answer = page.get(reverse("admin:artworks_artwork_changelist"), {"q": "x" * 9000})
    assert len(answer.context["cl"].result_list) == 1
