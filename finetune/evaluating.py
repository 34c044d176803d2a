"""Answers every question of an evaluation with every model, and measures the answers. HEAVY: imports torch.

Runs as its own process, `python -m finetune.evaluating FOLDER`: the memory of the models comes back, and a worker that
dies takes it along, because each line of progress goes through a pipe to it. Needs no database. Leaves the answers and
figures whole or not at all. Refuses adapters of another base model and weights that give no numbers.
"""

from finetune import threads

threads.prepare_environment()

import json  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Final  # noqa: E402

from finetune import adapter_files, evaluation_job, figures, prompt  # noqa: E402
from finetune.decoding import Decoded, Scored, decode, score  # noqa: E402
from finetune.engines.served_model import ServedModel  # noqa: E402
from finetune.evaluation_job import EvaluationRefused, Job, Outcome, Side  # noqa: E402
from finetune.memory import is_out_of_memory  # noqa: E402
from finetune.metrics import Echoes  # noqa: E402
from finetune.probes import Probe  # noqa: E402
from finetune.records import EngineConfig, EngineUnavailable  # noqa: E402
from finetune.requests import to_json  # noqa: E402

Progress = Callable[[dict[str, Any]], None]
REFUSED: Final = 3
"""Exit code where the last line says why."""


class Models:
    """Base models, loaded once each, with the adapter that is wanted."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._name = ""
        self._served: ServedModel | None = None

    def use(self, side: Side) -> ServedModel:
        """Raises EngineUnavailable."""
        if self._served is None or self._name != side.base_model:
            self._served = None  # before the next one needs the memory
            self._served = ServedModel(
                EngineConfig(
                    kind="transformers",
                    model=side.base_model,
                    device=self._job.device,
                    dtype=self._job.dtype,  # type: ignore[arg-type]
                    context_tokens=self._job.context_tokens,
                    max_new_tokens=self._job.new_tokens,
                    batch=1,
                )
            )
            self._name = side.base_model
            # What serves is paged; padded batches need the plain kernel.
            self._served.loaded.model.set_attn_implementation("sdpa")
        self._served.use(adapter_files.inspect(Path(side.adapter)) if side.adapter else None)
        return self._served


def evaluate(job: Job, *, progress: Progress = lambda _told: None) -> Outcome:
    """Every question answered by every side. Raises EvaluationRefused and EngineUnavailable."""
    if not job.questions:
        raise EvaluationRefused("There is nothing to ask: the dataset has no held-out part.")
    models, echoes = Models(job), Echoes.of(job.customers, job.others)
    sides = job.sides()
    steps = len(sides) * len(job.questions)
    answered: dict[str, list[figures.Answered]] = {}
    for number, (side, names) in enumerate(sides.items()):
        done = number * len(job.questions)

        def tell(count: int, done: int = done, names: tuple[str, ...] = names) -> None:
            progress({"done": done + count, "steps": steps, "side": names[0]})

        said = _answer(models.use(side), job, tell)
        answered |= dict.fromkeys(names, said)
    rows = tuple(_row(probe, index, answered, echoes) for index, probe in enumerate(job.questions))
    return Outcome(rows, figures.figures(rows, seed=job.seed))


def _answer(served: ServedModel, job: Job, tell: Callable[[int], None]) -> list[figures.Answered]:
    loaded = served.loaded
    budget = max(16, min(job.context_tokens, loaded.positions - job.new_tokens))
    prompts = [_prompt(one, loaded.tokenizer, budget) for one in job.questions]
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        tell(done)

    written = decode(
        loaded.model,
        [ids for ids, _answer in prompts],
        ends=loaded.end_tokens,
        new_tokens=job.new_tokens,
        progress=count,
    )
    with_answer = [index for index, (_ids, answer) in enumerate(prompts) if answer]
    scored = dict(zip(with_answer, score(loaded.model, [prompts[index] for index in with_answer]), strict=True))
    if any(not math.isfinite(one.nll) for one in scored.values()):
        raise EvaluationRefused("The weights give no numbers (NaN): this training went wrong, train again.")
    return [_said(one, scored.get(index), loaded.tokenizer) for index, one in enumerate(written)]


def _prompt(probe: Probe, tokenizer: Any, budget: int) -> tuple[list[int], list[int]]:
    """Prompt and, for a held-out conversation, the person's answer, by the one renderer of training and serving."""
    try:
        if probe.reference:
            return prompt.answer_ids(probe.request, probe.reference, tokenizer, budget=budget)
        return list(prompt.render(probe.request, tokenizer, budget=budget).token_ids), []
    except prompt.PromptTooLong as error:
        raise EvaluationRefused(f"The question {probe.id} is too long for this model: {error}") from error


def _said(one: Decoded, scored: Scored | None, tokenizer: Any) -> figures.Answered:
    text = str(tokenizer.decode(list(one.tokens), skip_special_tokens=True)).strip()
    for stop in prompt.FALLBACK_STOPS if not tokenizer.chat_template else ():
        text = text.partition(stop)[0].strip()
    measured = scored or Scored(0.0, 0)
    return figures.Answered(text, one.seconds, len(one.tokens), one.ended, measured.nll, measured.tokens)


def _row(probe: Probe, index: int, answered: dict[str, list[figures.Answered]], echoes: Echoes) -> dict[str, Any]:
    said = {side: answered[side][index] for side in evaluation_job.SIDES}
    return {
        "id": probe.id,
        "kind": probe.kind,
        "topic": probe.topic,
        "language": probe.request.language,
        "question": probe.request.question,
        "request": to_json(probe.request),
        "reference": probe.reference,
        "wanted": [list(group) for group in probe.wanted],
        "forbidden": list(probe.forbidden),
        "abstain": probe.abstain,
        **{side: one.text for side, one in said.items()},
        "measures": {side: figures.measure(probe, one, echoes) for side, one in said.items()},
    }


def main(arguments: Sequence[str]) -> int:
    """`FOLDER OUT`: read the job in FOLDER, tell of it on standard output, leave the outcome in OUT."""
    folder, out = Path(arguments[0]), Path(arguments[1])
    try:
        outcome = evaluate(evaluation_job.read_job(folder), progress=_tell)
        evaluation_job.write_outcome(outcome, out)
    except (EvaluationRefused, EngineUnavailable) as error:
        return _refuse(str(error))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            return 1  # nobody waits for this any more
        return _refuse("The disk is full." if error.errno == 28 else f"A file could not be written: {error}.")
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return _refuse("Not enough memory for this evaluation: stop other work, or take a smaller model.")
    return 0


def _tell(told: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(told, ensure_ascii=False)}\n")
    sys.stdout.flush()


def _refuse(sentence: str) -> int:
    _tell({"refused": sentence})
    return REFUSED


if __name__ == "__main__":
    os.nice(5)  # customers are answered first
    sys.exit(main(sys.argv[1:]))
