"""Changing and resetting passwords; the mail; what ends with them."""

import json
import re
import socket
import threading
import time

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.core import mail
from django.utils.http import urlsafe_base64_encode
from rest_framework_simplejwt.tokens import RefreshToken

from users.models import User
from users.passwords import password_change, password_reset_confirm, password_reset_user

OLD, NEW = "Pass-word-1", "Other-word-2"


def post(client, path, **body):
    return client.post(f"/api/auth/{path}/", body)


def sessions(client_of, user):
    """(client signed in, refresh token) of a session that is open elsewhere."""
    return client_of(user), str(RefreshToken.for_user(user))


def assert_ended(client_of, client, refresh):
    answer = client.get("/api/users/me/")
    assert (answer.status_code, answer.json()["code"]) == (401, "password_changed")
    assert post(client_of(), "token/refresh", refresh=refresh).json()["code"] == "password_changed"


@pytest.mark.parametrize("again", [{}, {"new_password2": NEW}])
def test_change_ends_every_session_but_the_one_it_answers_with(client_of, make_user, again):
    anna = make_user("anna")
    elsewhere, refresh = sessions(client_of, anna)
    answer = post(client_of(anna), "password/change", old_password=OLD, new_password=NEW, **again)
    assert (answer.status_code, set(answer.json())) == (200, {"refresh", "access"})
    assert_ended(client_of, elsewhere, refresh)
    here = client_of()
    here.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    assert here.get("/api/users/me/").status_code == 200
    assert post(client_of(), "token/refresh", refresh=answer.json()["refresh"]).status_code == 200
    assert post(client_of(), "login", email=anna.email, password=OLD).status_code == 401
    assert post(client_of(), "login", email=anna.email, password=NEW).status_code == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"old_password", "new_password"}),
        ({"old_password": "wrong", "new_password": NEW}, {"old_password"}),
        ({"old_password": OLD, "new_password": NEW, "new_password2": NEW + " "}, {"new_password2"}),
        ({"old_password": OLD, "new_password": "password"}, {"new_password"}),
        ({"old_password": OLD, "new_password": "anna@example.com"}, {"new_password"}),
        ({"old_password": ["a"], "new_password": {}}, {"old_password", "new_password"}),
    ],
)
def test_change_refuses(client_of, make_user, body, fields):
    anna = make_user("anna")
    client = client_of(anna)
    answer = post(client, "password/change", **body)
    assert (answer.status_code, set(answer.json())) == (400, fields)
    assert client.get("/api/users/me/").status_code == 200


def test_change_needs_sign_in(client_of, db):
    assert post(client_of(), "password/change", old_password=OLD, new_password=NEW).status_code == 401


def test_of_two_changes_at_once_one_succeeds(make_user):
    make_user("anna")
    first, second = User.objects.get(), User.objects.get()
    password_change(user=first, new_password=NEW)
    with pytest.raises(Exception, match="old_password"):
        password_change(user=second, new_password="Third-word-3")
    assert User.objects.get().check_password(NEW)


def ask(client_of, email="ANNA@example.com"):
    answer = post(client_of(), "password/reset", email=email)
    assert (answer.status_code, answer.content) == (204, b"")


def test_reset_by_the_mailed_link_works_once_and_ends_every_session(client_of, make_user, settings):
    settings.PASSWORD_RESET_URL = "https://www.example.com/reset?u={uid}&t={token}#{x}"
    anna = make_user("anna")
    elsewhere, refresh = sessions(client_of, anna)
    ask(client_of)
    (message,) = mail.outbox
    assert message.to == ["anna@example.com"]
    assert "curl" not in message.body
    uid, token = re.search(r"https://www\.example\.com/reset\?u=(\S+)&t=(\S+)#\{x\}\n", message.body).groups()
    assert elsewhere.get("/api/users/me/").status_code == 200
    form = {"uid": uid, "token": token, "new_password": NEW, "new_password2": NEW}
    assert post(client_of(), "password/reset/confirm", **{**form, "new_password2": "x"}).status_code == 400
    assert post(client_of(), "password/reset/confirm", **form).status_code == 204
    assert_ended(client_of, elsewhere, refresh)
    assert post(client_of(), "login", email=anna.email, password=NEW).status_code == 200
    again = post(client_of(), "password/reset/confirm", **form)
    assert (again.status_code, set(again.json())) == (400, {"token"})


@pytest.mark.parametrize(("base", "shown"), [("", "http://testserver"), ("https://api.example.com", None)])
def test_the_mail_shows_the_call_where_there_is_no_page(client_of, make_user, settings, base, shown):
    settings.PASSWORD_RESET_URL, settings.PUBLIC_BASE_URL = "", base
    make_user("anna")
    ask(client_of)
    body = mail.outbox[0].body
    address, sent = re.search(r"curl -X POST (\S+) .*?-d '(\{.*?\})'", body, re.DOTALL).groups()
    assert address == f"{shown or base}/api/auth/password/reset/confirm/"
    form = {**json.loads(sent), "new_password": NEW, "new_password2": NEW}
    assert client_of().post(address, form).status_code == 204


@pytest.mark.parametrize("email", ["nobody@example.com", "gone@example.com", "unusable@example.com"])
def test_reset_answers_the_same_where_there_is_no_account(client_of, make_user, email):
    make_user("gone", is_active=False)
    User.objects.create_user("unusable@example.com", "unusable")
    ask(client_of, email)
    assert mail.outbox == []


@pytest.mark.parametrize("email", [None, "", "nobody", "\0@example.com", ["a@example.com"]])
def test_reset_form_errors(client_of, db, email):
    answer = post(client_of(), "password/reset", email=email)
    assert (answer.status_code, set(answer.json())) == (400, {"email"})


@pytest.mark.parametrize(
    "link",
    [
        {"uid": "MQ"},
        {"uid": "!"},
        {"uid": "é"},
        {"uid": urlsafe_base64_encode(b"9" * 40)},
        {"uid": urlsafe_base64_encode(b"\xff")},
        {"uid": urlsafe_base64_encode(b"-1")},
        {"token": "abc"},
        {"token": "a-b"},
        {"token": "\u0661-\U0001f600"},
        {"token": "z" * 13 + "-" + "0" * 32},
        {"token": "-" * 128},
        "expired",
        "inactive",
        "email changed",
    ],
)
def test_reset_confirm_refuses_links_that_are_not_valid(client_of, make_user, settings, link):
    User.objects.create_user("zero@example.com", "zero", OLD)
    anna = make_user("anna")
    form = {"uid": urlsafe_base64_encode(str(anna.pk).encode()), "token": default_token_generator.make_token(anna)}
    if isinstance(link, dict):
        form |= link if link != {"uid": "MQ"} else {"uid": urlsafe_base64_encode(str(anna.pk - 1).encode())}
    elif link == "expired":
        settings.PASSWORD_RESET_TIMEOUT = -1
    else:
        User.objects.filter(pk=anna.pk).update(**{"inactive": {"is_active": False}}.get(link, {"email": "b@c.de"}))
    answer = post(client_of(), "password/reset/confirm", **form, new_password=NEW, new_password2=NEW)
    assert (answer.status_code, set(answer.json())) == (400, {"token"})
    anna.refresh_from_db()
    assert anna.check_password(OLD)


@pytest.mark.parametrize(
    ("passwords", "fields"),
    [
        ({"new_password": NEW, "new_password2": "x"}, {"new_password2"}),
        ({"new_password": "anna", "new_password2": "anna"}, {"new_password"}),
        ({"uid": "x" * 65, "token": "x" * 129}, {"uid", "token", "new_password", "new_password2"}),
    ],
)
def test_reset_confirm_field_errors(client_of, make_user, passwords, fields):
    anna = make_user("anna")
    form = {"uid": urlsafe_base64_encode(str(anna.pk).encode()), "token": default_token_generator.make_token(anna)}
    answer = post(client_of(), "password/reset/confirm", **{**form, **passwords})
    assert (answer.status_code, set(answer.json())) == (400, fields)


def test_of_two_resets_by_one_link_one_succeeds(make_user):
    anna = make_user("anna")
    uid, token = urlsafe_base64_encode(str(anna.pk).encode()), default_token_generator.make_token(anna)
    first, second = [password_reset_user(uid=uid, token=token) for _ in range(2)]
    password_reset_confirm(user=first, new_password=NEW)
    with pytest.raises(Exception, match="invalid, used or expired"):
        password_reset_confirm(user=second, new_password="Third-word-3")
    assert User.objects.get().check_password(NEW)


def test_a_mail_that_fails_changes_nothing_for_the_caller(client_of, make_user, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = "/proc/nowhere"
    make_user("anna")
    ask(client_of)
    assert "could not be sent" in caplog.text


@pytest.fixture
def slow_smtp(settings):
    """A mail server that takes connections and greets only when told; the lines that it got."""
    server, greet, lines = socket.create_server(("127.0.0.1", 0)), threading.Event(), []

    def serve():
        connection, _ = server.accept()
        greet.wait(10)
        with connection, connection.makefile("rb") as got:
            connection.sendall(b"220 ready\r\n")
            for line in got:
                lines.append(line)
                connection.sendall({b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}.get(line.strip(), b"250 ok\r\n"))
                if line.strip() == b"QUIT":
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
    yield greet, lines, thread
    greet.set()
    thread.join(10)
    server.close()


def test_a_slow_mail_server_does_not_show_who_has_an_account(client_of, make_user, slow_smtp):
    greet, lines, thread = slow_smtp
    make_user("anna")
    began = time.monotonic()
    ask(client_of)
    assert time.monotonic() - began < 8
    assert not lines
    greet.set()
    thread.join(10)
    assert b"rcpt TO:<anna@example.com>\r\n" in lines
