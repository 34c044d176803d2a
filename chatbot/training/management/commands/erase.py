"""manage.py erase: erases a customer from the command line, or says what would go. The receipt is the output."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.conversations.live import publishing
from chatbot.conversations.models import Contact
from chatbot.training import erased_selectors, erasure
from chatbot.training.models import Erasure


class Command(BaseCommand):
    help = "Erase a customer: messages, files, examples; what was trained on them is marked. Prints the receipt."

    def add_arguments(self, parser: CommandParser) -> None:
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--contact", help="number (12 or number:12), e-mail address or the company's own key")
        whom.add_argument(
            "--again", type=Path, help="after a restored backup: a file with receipts, whose customers go"
        )
        parser.add_argument("--reason", default="", help="for the receipt; no names")
        parser.add_argument("--all", action="store_true", help="every contact that is found, not just a single one")
        parser.add_argument("--dry-run", action="store_true", help="say what would go, change nothing")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        many = options["all"] or options["again"] is not None
        if options["again"] is not None:
            done = [self._one(contact, options) for contact in _named_by(options["again"])]
        else:
            done = self._named(str(options["contact"]).replace("\x00", "").strip(), options)
        publishing.drain()
        if options["json"]:
            self.stdout.write(json.dumps(done if many else done[0], ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(one) for one in done))

    def _named(self, named: str, options: dict[str, Any]) -> list[dict[str, Any]]:
        found = list(erased_selectors.named(named))
        if not found and (begun := _begun(named)):
            return [erasure.receipt(erasure.go_on(erasure=begun))]
        self._check(found, every=options["all"])
        return [self._one(contact, options) for contact in found]

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


def _named_by(file: Path) -> list[Contact]:
    """Contacts whose subject stands in a file of receipts, one or a list: they were restored since."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        subjects = {str(one["subject"]) for one in (told if isinstance(told, list) else [told])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{file} holds no receipts: {error}") from error
    keys = Contact.objects.order_by("pk").values_list("pk", flat=True)
    found = [key for key in keys.iterator() if erasure.subject_of(key) in subjects]
    return list(Contact.objects.filter(pk__in=found).order_by("pk"))


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
