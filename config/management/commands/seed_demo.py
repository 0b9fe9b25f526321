"""``manage.py seed_demo``: a small demo. Run it as often as you like; it adds only what is missing."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo import Account, seed
from config.demo_content import ADMIN_EMAIL, DEMO_EMAIL

SHOWN = {ADMIN_EMAIL: "Admin", DEMO_EMAIL: "Demo user"}


class Command(BaseCommand):
    help = "Makes a demo user, an admin and a few artworks with drawn pictures, and prints how to sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        site = settings.PUBLIC_BASE_URL or "http://127.0.0.1:8000"
        parser.add_argument("--site", default=site, help="Address shown in the output (default %(default)s).")
        parser.add_argument("--force", action="store_true", help="Also where DEBUG is off; passwords are random there.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG and not options["force"]:
            raise CommandError("DEBUG is off, so this may be a real site. Use --force to put the demo there anyway.")
        shown = self.stderr.isatty()

        def progress(step: str) -> None:
            if shown:
                self.stderr.write(f"\r\033[KDemo: {step}", ending="")
                self.stderr.flush()

        accounts = seed(progress)
        if shown:
            self.stderr.write("\r\033[K", ending="")
        self._print(accounts, options["site"].rstrip("/"))

    def _print(self, accounts: list[Account], site: str) -> None:
        lines = [
            *(("Site", f"{site}/"), ("API documentation", f"{site}/api/docs/"), ("Administration", f"{site}/admin/")),
            *(
                (SHOWN[email], f"{email}  {password or '(password changed)'}")
                for email, password in accounts
                if email in SHOWN
            ),
        ]
        self.stdout.write("".join(f"\n  {label:<18} {value}" for label, value in lines) + "\n")
