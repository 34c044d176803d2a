"""manage.py erase: erases a customer from the command line, or says what would go. The receipt is the output."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.conversations import publishing
from chatbot.conversations.models import Contact
from chatbot.training import erased_selectors, erasure
from chatbot.training.models import Erasure


class Command(BaseCommand):
    help = "Erase a customer: messages, files, examples; what was trained on them is marked. Prints the receipt."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--contact", required=True, help="number (12 or number:12), e-mail address or the company's own key"
        )
        parser.add_argument("--reason", default="", help="for the receipt; no names")
        parser.add_argument("--all", action="store_true", help="every contact that is found, not just a single one")
        parser.add_argument("--dry-run", action="store_true", help="say what would go, change nothing")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        named = str(options["contact"]).replace("\x00", "").strip()
        found = list(erased_selectors.named(named))
        if not found and (begun := _begun(named)):
            done = [erasure.receipt(erasure.go_on(erasure=begun))]
        else:
            self._check(found, every=options["all"])
            done = [self._one(contact, options) for contact in found]
        publishing.drain()
        if options["json"]:
            self.stdout.write(json.dumps(done if options["all"] else done[0], ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(one) for one in done))

    def _check(self, found: list[Contact], *, every: bool) -> None:
        if not found:
            raise CommandError("There is no such customer. Search for the number on /training/erase/.")
        if len(found) > 1 and not every:
            numbers = ", ".join(str(one.pk) for one in found)
            raise CommandError(
                f"{len(found)} contacts are named like this: {numbers}. Give one as number:{found[0].pk}, or --all."
            )

    def _one(self, contact: Contact, options: dict[str, Any]) -> dict[str, Any]:
        if options["dry_run"]:
            return {"dry_run": True, "contact": contact.pk, **erasure.preview(contact=contact)}
        try:
            made = erasure.erase(contact=contact, by="manage.py erase", reason=options["reason"])
        except erasure.ErasureRefused as refused:
            raise CommandError(str(refused)) from refused
        return erasure.receipt(made)


def _begun(named: str) -> Erasure | None:
    number = named.removeprefix(erased_selectors.NUMBER)
    return erasure.known(contact_id=int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else None


def _lines(told: dict[str, Any]) -> str:
    """For people: every count on a line, then what rests on it."""
    lines = [f"Would go of contact {told['contact']}:" if told.get("dry_run") else f"Receipt {told['erasure']}:"]
    lines += [f"  {number:6d}  {table}" for table, number in told.get("rows", {}).items()]
    lines += [f"  {len(told.get(name, []))} {name} rest on it" for name in ("datasets", "adapters", "evaluations")]
    if told.get("adapters"):
        lines.append("  Adapters go on answering until one that was trained without replaces them.")
    return "\n".join(lines)
