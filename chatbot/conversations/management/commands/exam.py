"""`manage.py exam`: the company's exam through the same code path as customers' messages."""

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot.conversations.answers import exam
from retrieval.models import Document
from retrieval.records import Turn


class Command(BaseCommand):
    help = "Ask every question of an exam file and grade the answers. With --json only JSON goes to standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        default = settings.BASE_DIR / "chatbot/knowledge/sample/exam.jsonl"
        parser.add_argument("--file", type=Path, default=default)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        from chatbot.conversations.answers.answering import Answer, AnswerContext
        from chatbot.conversations.answers.composition import build_answerer

        try:
            lines = options["file"].read_text(encoding="utf-8").splitlines()
            questions = [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['file']} is not an exam file: {error}") from error
        answerer = build_answerer(patience=3600)
        keys = dict(Document.objects.values_list("pk", "key"))
        results = []
        for number, question in enumerate(questions, start=1):
            history = tuple(Turn(turn["role"], turn["text"]) for turn in question.get("history") or [])
            answer: Answer = answerer.answer(AnswerContext(question=question["question"], history=history))
            found = [hit["document_id"] for part in answer.card.get("questions", []) for hit in part["passages"][:5]]
            results.append(
                exam.grade(
                    question,
                    text=answer.text,
                    decision=answer.decision,
                    offer_person=answer.offer_person,
                    documents=[keys.get(document_id, "") for document_id in dict.fromkeys(found)],
                )
            )
            if number % 25 == 0:
                sys.stderr.write(f"{number}/{len(questions)}\n")
        summary = exam.summarise(results)
        if options["json"]:
            self.stdout.write(json.dumps(summary, ensure_ascii=False))
            return
        for name, value in summary.items():
            if name != "failures":
                self.stdout.write(f"{name:18} {value}")
        for failure in summary["failures"]:
            self.stdout.write(f"- {failure['id']} ({failure['kind']}, {failure['decision']}): {failure['text']}")
