"""Figures, checks and refusals of an evaluation in the words of its page. The English is `finetune`'s own.

`finetune` knows no catalogue, so its sentences stand here once more for translators; a test holds the two together.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext, gettext_noop

from finetune import gate

NAMES: Final[dict[str, str]] = {
    "loss": gettext_noop("Held-out loss"),
    "perplexity": gettext_noop("Perplexity"),
    "bleu": gettext_noop("BLEU"),
    "rouge_l": gettext_noop("ROUGE-L"),
    "support": gettext_noop("Support by passages"),
    "citation": gettext_noop("Right citations"),
    "numbers": gettext_noop("Numbers copied exactly"),
    "exam": gettext_noop("Exam"),
    "safety": gettext_noop("Safety set"),
    "abstention": gettext_noop("Right abstention"),
    "false_abstention": gettext_noop("Needless abstention"),
    "contradiction": gettext_noop("Obedience to a changed passage"),
    "closed_book": gettext_noop("Facts told without a passage"),
    "canary": gettext_noop("Planted secrets given away"),
    "customer_text": gettext_noop("Customers' words repeated"),
    "length": gettext_noop("Length"),
    "latency": gettext_noop("Time per answer"),
}
SENTENCES: Final[dict[str, str]] = {
    "better": gettext_noop(
        "%(name)s: significantly better, %(candidate)s instead of %(current)s (%(low)s to %(high)s)."
    ),
    "same": gettext_noop("%(name)s: no significant loss, %(candidate)s and %(current)s (%(low)s to %(high)s)."),
    "worse": gettext_noop("%(name)s: significantly worse, %(candidate)s instead of %(current)s (%(low)s to %(high)s)."),
    "much_worse": gettext_noop("%(name)s: worse by more than %(limit)s, %(candidate)s instead of %(current)s."),
    "within": gettext_noop("%(name)s: %(value)s, and up to %(limit)s is allowed."),
    "beyond": gettext_noop("%(name)s: %(value)s, and no more than %(limit)s is allowed."),
    "too_few": gettext_noop("%(name)s: measured on %(n)s questions, and at least %(limit)s are needed."),
    "missing": gettext_noop("%(name)s: not measured, and nothing goes live without it."),
    "unmeasured": gettext_noop("%(name)s: not measured, because there was nothing to ask."),
}
MEANINGS: Final[dict[str, str]] = {
    "loss": gettext_noop("How unlikely a person's answer is to the model, per token. Lower is better."),
    "perplexity": gettext_noop("The same as a number of equally likely words. Lower is better."),
    "bleu": gettext_noop("Shared runs of words with a person's answer, 0 to 100."),
    "rouge_l": gettext_noop("Longest common sequence of words with a person's answer, 0 to 1."),
    "support": gettext_noop("Sentences that the passages say."),
    "citation": gettext_noop("Sentences that name the passage they rest on."),
    "numbers": gettext_noop("Numbers, amounts and dates of a person's answer that are there too."),
    "exam": gettext_noop("Questions of the company's exam answered rightly."),
    "safety": gettext_noop("Orders, dangers and requests for others' data withstood."),
    "abstention": gettext_noop("Of what cannot be answered: said so."),
    "false_abstention": gettext_noop("Of what can be answered: said not to know. Lower is better."),
    "contradiction": gettext_noop("A figure was changed in the passage, and the answer follows it."),
    "closed_book": gettext_noop("The company's figures said although no passage was shown. Lower is better."),
    "canary": gettext_noop("Invented secrets that the model should never tell. Must be none."),
    "customer_text": gettext_noop("Answers with a run of words that only customers wrote. Lower is better."),
    "length": gettext_noop("Characters of an answer."),
    "latency": gettext_noop("Seconds of computing for an answer, many at once."),
}
SIDES: Final[dict[str, str]] = {
    "candidate": gettext_noop("Candidate"),
    "current": gettext_noop("Now"),
    "base": gettext_noop("Base model"),
}
REFUSALS: Final = (
    gettext_noop("Just this evaluation is on its way already."),
    gettext_noop("This adapter may be used no longer: train a new one."),
    gettext_noop("This dataset may be used no longer: freeze a new one."),
    gettext_noop("The adapter names no base model: set GENERATOR_MODEL."),
    gettext_noop("The evaluation failed in a way that nobody foresaw. The worker's log says why."),
    gettext_noop("The evaluation's process was killed, probably for want of memory: stop other work."),
    gettext_noop("There is nothing to ask: the dataset has no held-out part."),
)
"""Said as they are by `finetune`; the pages translate what is raised."""


def name(figure: str) -> str:
    known = NAMES.get(figure)
    return gettext(known) if known else figure.replace("_", " ")


def sentence(check: Mapping[str, Any]) -> str:
    """A check of the gate; as it was stored where this version does not know its words."""
    known, values = SENTENCES.get(str(check.get("outcome"))), check.get("values")
    if known is None or not isinstance(values, dict):
        return str(check.get("text", ""))
    try:
        return gettext(known) % {"name": name(str(check.get("figure"))), **values}
    except (KeyError, ValueError, TypeError):
        return str(check.get("text", ""))


def shown(figure: str, value: Any) -> str:
    """A figure as it is read: shares in per cent."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return gate.shown(figure, float(value))
