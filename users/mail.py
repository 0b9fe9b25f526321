"""The password-reset mail, sent so that neither its failure nor its duration tells who has an account."""

import logging
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from users.models import User

logger = logging.getLogger(__name__)
SUBJECT = "Reset your password"
_BACKENDS = "django.core.mail.backends"
# These hand a message over at once. Any other backend talks to a server, and how long that takes could be measured.
IN_PLACE = ("console", "dummy", "filebased", "locmem")
_network = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


def reset_message(user: User, *, site_url: str) -> EmailMessage:
    """The mail to ``user``: a link made from ``PASSWORD_RESET_URL``, or the call to make where that is empty.

    In: ``site_url``, scheme and host of the API without a final slash.
    """
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    link = settings.PASSWORD_RESET_URL.replace("{uid}", uid).replace("{token}", token)
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    context = {"uid": uid, "token": token, "link": link, "site_url": site_url, "hours": hours}
    return EmailMessage(SUBJECT, render_to_string("users/password_reset.txt", context), to=[user.email])


def deliver(message: EmailMessage) -> None:
    """Send a message, in the background where that takes the network; a failure is logged, never raised."""
    if settings.EMAIL_BACKEND in [f"{_BACKENDS}.{name}.EmailBackend" for name in IN_PLACE]:
        _send(message)
    else:
        _network.submit(_send, message)


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except Exception:  # SMTP, sockets, TLS, encodings: whatever it is, the caller must not see it
        logger.exception("A password-reset mail could not be sent")
