"""`manage.py demo`: a whole company to try, from an empty folder to a running chat; `--prepare` only loads."""

import sys
import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot import runtime
from chatbot.conversations.mail import catcher


class Command(BaseCommand):
    help = "Load the sample company, build its index and serve its web site with the chat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prepare", action="store_true", help="load and index only, do not serve")
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if not options["prepare"]:
            try:
                runtime.check_address(host=host, port=port)
            except runtime.AddressInUse as error:
                raise CommandError(str(error)) from error
        if settings.EMBEDDED:
            catcher.use()
        logins = self._prepare(host, port)
        if options["prepare"]:
            self.stderr.write("Ready. Start it with: make demo")
            return
        runtime.serve(
            host=host,
            port=port,
            on_ready=lambda: self._announce(host, port, logins),
            web_only=not settings.EMBEDDED,
        )

    def _prepare(self, host: str, port: int) -> list[Any]:
        from chatbot.knowledge import sample_company, sample_conversations, sample_traces
        from chatbot.training import sample
        from retrieval import sync

        started = time.monotonic()
        self._step("Preparing the database")
        call_command("migrate", verbosity=0)
        self._step("Loading the sample company")
        changed = sample_company.load_documents(self._progress)
        names = {"localhost", "127.0.0.1", host} - {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
        inbox = sample_company.load_inbox(sorted({settings.PUBLIC_URL, *(f"http://{name}:{port}" for name in names)}))
        sample_company.load_canned_replies()
        logins = sample_company.load_logins()
        sample_traces.load_staff(inbox)
        if changed or sync.is_due():
            self._step(f"Building the index ({changed} documents changed)")
            version = sync.run(progress=self._progress)
            if version is None:
                self._step("Another process is building the index; this one goes on without waiting")
        if not sample_conversations.is_loaded(inbox):
            self._step("Loading conversations")
            sample_conversations.load(inbox=inbox, progress=self._progress)
        sample.prepare(inbox)
        self._step(f"Prepared in {time.monotonic() - started:.0f} s")
        return logins

    def _announce(self, host: str, port: int, logins: list[Any]) -> None:
        shown = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host  # noqa: S104
        base = f"http://{shown}:{port}"
        lines = [
            "",
            f"  Sample shop with the chat   {base}/",
            f"  Desk (agents)               {base}/desk/",
            f"  Knowledge (admins)          {base}/knowledge/",
            *([f"  Caught e-mails (login)      {base}/demo/mail/"] if catcher.in_use() else []),
            "",
            *(f"  Login {login.role:8} user {login.username:8} password {login.password}" for login in logins),
            "",
            "  Ctrl-C ends it; nothing is lost.",
            "",
        ]
        self.stderr.write("\n".join(lines))
        self.stderr.flush()

    def _step(self, text: str) -> None:
        self.stderr.write(f"== {text}")

    def _progress(self, step: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r   {step} {done}/{total} ", ending="\n" if done >= total else "")
            self.stderr.flush()
        elif done >= total or done % 50 == 0:
            self.stderr.write(f"   {step} {done}/{total}")
