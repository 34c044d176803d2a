"""`manage.py serve`: the web server, with workers and clock in the same process when embedded."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot import runtime


class Command(BaseCommand):
    help = "Serve HTTP and WebSockets; without a broker also run the workers and the clock in this process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]

        def ready() -> None:
            self.stderr.write(f"Parley serves {settings.PUBLIC_URL} on {host}:{port}. Ctrl-C ends it.")

        try:
            runtime.serve(host=host, port=port, on_ready=ready, web_only=not settings.EMBEDDED)
        except runtime.AddressInUse as error:
            raise CommandError(str(error)) from error
