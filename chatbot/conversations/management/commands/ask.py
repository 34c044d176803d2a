"""`manage.py ask "…"`: one question through the same code path as a customer's message."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.conversations.models import Inbox


class Command(BaseCommand):
    help = "Answer one question from the active index. With --json only JSON goes to standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--inbox", default="", help="key of the inbox whose documents and name to use")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        from chatbot.conversations.answers.answering import AnswerContext
        from chatbot.conversations.answers.composition import build_answerer

        inbox = Inbox.objects.filter(key=options["inbox"]).first() if options["inbox"] else Inbox.objects.first()
        if options["inbox"] and inbox is None:
            raise CommandError(f"There is no inbox with the key {options['inbox']!r}.")
        context = AnswerContext(
            question=options["question"],
            language=inbox.language if inbox else "",
            company=inbox.company if inbox else "",
            collections=frozenset(inbox.collections) or None if inbox else None,
        )
        answer = build_answerer(patience=3600).answer(context)
        citations = [
            {"number": source.number, "title": source.title, "heading": source.heading, "url": source.url}
            for source in answer.sources
        ]
        if options["json"]:
            timings = answer.card.pop("timings", {})
            shown = {
                "answer": answer.text,
                "citations": citations,
                "decision": answer.decision,
                "confidence": answer.confidence,
                "card": answer.card,
                "timings": timings,
            }
            self.stdout.write(json.dumps(shown, ensure_ascii=False))
            return
        self.stdout.write(answer.text)
        for citation in citations:
            self.stdout.write(f"[{citation['number']}] {citation['title']}  {citation['url']}")
