"""How well a model answers for companies it has never seen: copying, citing, abstaining, per language. HEAVY: torch.

Greedy answers to conversations with companies from TEST_FROM on, which no training reaches.
"""

from finetune import threads

threads.prepare_environment()

import itertools  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Final  # noqa: E402

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from finetune import prompt  # noqa: E402
from finetune.records import GenerationRequest  # noqa: E402
from finetune.starter.companies import phrases  # noqa: E402
from finetune.starter.examples import TEST_FROM, StarterExample, examples  # noqa: E402
from finetune.support import citation_marks, sentences, support  # noqa: E402

NEW_TOKENS: Final = 96
Answer = Callable[[GenerationRequest], str]


@dataclass
class Tally:
    """Counts of one language. Facts are the names and numbers that a right answer has to copy."""

    answerable: int = 0
    answered: int = 0
    copied: int = 0
    cited: int = 0
    sentences: int = 0
    supported: int = 0
    unknown: int = 0
    abstained: int = 0

    def report(self) -> dict[str, float | None]:
        def share(part: int, whole: int) -> float | None:
            return round(part / whole, 4) if whole else None

        return {
            "n": self.answerable + self.unknown,
            "exact_copy": share(self.copied, self.answerable),
            "right_citation": share(self.cited, self.answerable),
            "supported_sentences": share(self.supported, self.sentences),
            "abstention": share(self.abstained, self.unknown),
            "false_abstention": share(self.answerable - self.answered, self.answerable),
        }


def held_out(count: int, *, seed: int = 7) -> list[StarterExample]:
    return list(itertools.islice(examples(seed=seed, first_company=TEST_FROM, companies=50_000), count))


def measure(answer: Answer, tests: list[StarterExample]) -> dict[str, dict[str, float | None]]:
    """Per language: share of answers that copy every fact, cite the right passage, are supported; of right abstentions."""
    tallies = {"en": Tally(), "zh": Tally()}
    for test in tests:
        _count(tallies[test.language], test, answer(test.request))
    return {language: tally.report() for language, tally in tallies.items() if tally.answerable + tally.unknown}


def _count(tally: Tally, test: StarterExample, said: str) -> None:
    abstains = not citation_marks(said) and (not said.strip() or _is_unknown(said, test))
    if test.kind == "unknown":
        tally.unknown += 1
        tally.abstained += abstains
        return
    tally.answerable += 1
    if abstains:
        return
    tally.answered += 1
    tally.copied += all(fact in said for fact in test.facts)
    tally.cited += set(citation_marks(said)) == set(citation_marks(test.answer))
    texts = [passage.text for passage in test.request.passages]
    titles = [passage.title for passage in test.request.passages]
    for sentence in sentences(said):
        tally.sentences += 1
        tally.supported += support(sentence, texts, titles=titles).supported


def _is_unknown(said: str, test: StarterExample) -> bool:
    start = said.strip()[:12].casefold()
    return any(start == text[:12].casefold() for text in phrases(test.language).unknown)


def greedy(folder: Path) -> Answer:
    """The model in `folder` as a function from requests to answers, always the likeliest token."""
    torch.set_num_threads(threads.model_threads())
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    room = min(2048, int(model.config.max_position_embeddings)) - NEW_TOKENS

    @torch.no_grad()
    def answer(request: GenerationRequest) -> str:
        try:
            ids = prompt.render(request, tokenizer, budget=room).token_ids
        except prompt.PromptTooLong:
            return ""  # a model of so few positions cannot be asked this, which counts against it
        given = torch.tensor([ids])
        out = model.generate(
            given,
            attention_mask=torch.ones_like(given),
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        return str(tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)).strip()

    return answer


def extractive() -> Answer:
    """The engine that needs no model, under the same test."""
    from finetune.engines.extractive import ExtractiveEngine

    engine = ExtractiveEngine(similarity=_shared_words)

    def answer(request: GenerationRequest) -> str:
        return "".join(iter(engine.generate(request))).strip()

    return answer


def _shared_words(left: Any, right: Any) -> list[list[float]]:
    def words(text: str) -> set[str]:
        return set(text.casefold().split()) if text.isascii() else set(text)

    def alike(one: str, other: str) -> float:
        a, b = words(one), words(other)
        return len(a & b) / max(1, len(a | b))

    return [[alike(one, other) for other in right] for one in left]


def each(tests: list[StarterExample], answer: Answer) -> Iterator[tuple[StarterExample, str]]:
    """Tests with what was said, to look at."""
    for test in tests:
        yield test, answer(test.request)
