"""Pre-training on a tiny scale: it learns, it stops and goes on with the same losses, and what it writes is whole."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

pytest.importorskip("torch")

from finetune import pretraining
from finetune.pretraining import Pretraining, pretrain
from finetune.starter import lessons, packing, reading

TINY = Pretraining(
    tokens=8 * 2 * 256,
    length=256,
    batch=2,
    vocabulary=600,
    hidden=64,
    layers=2,
    heads=2,
    checkpoint_steps=3,
    bf16=False,
)


HEAVY = {packing.CITATION_WEIGHT, packing.OPENING_WEIGHT}
ROOMY = replace(TINY, tokens=10 * 768 * 2, length=768)
"""Conversations fit into it."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LESSONS", 120)
    monkeypatch.setattr(pretraining, "HELD_OUT", 4)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    pretraining.train_tokenizer([*reading.sample_text(0)[:400]], folder, vocabulary=600)
    return AutoTokenizer.from_pretrained(folder)


class Killed(BaseException):
    pass


def losses(into: list[float], kill_at: int = 0) -> Any:
    def tell(logs: dict[str, float]) -> None:
        into.append(logs["loss"])
        if kill_at and logs["step"] >= kill_at:
            raise Killed

    return tell


def test_the_model_learns_and_its_folder_is_whole(tmp_path: Path) -> None:
    seen: list[float] = []
    report = pretrain(tmp_path / "model", ROOMY, work=tmp_path / "work", progress=losses(seen))
    assert seen[-1] < seen[0]
    assert report["tokens"] == ROOMY.tokens
    assert report["perplexity"] > 1
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", "report.json"} <= names
    assert json.loads((tmp_path / "model/report.json").read_text())["config"]["hidden"] == 64


def test_training_that_was_killed_goes_on_with_the_same_losses(tmp_path: Path) -> None:
    whole: list[float] = []
    pretrain(tmp_path / "whole", TINY, work=tmp_path / "w1", progress=losses(whole))
    parts: list[float] = []
    with pytest.raises(Killed):
        pretrain(tmp_path / "parts", TINY, work=tmp_path / "w2", progress=losses(parts, kill_at=5))
    assert not (tmp_path / "parts").exists()
    again: list[float] = []
    pretrain(tmp_path / "parts", TINY, work=tmp_path / "w2", progress=losses(again))
    assert again == pytest.approx(whole[3:], abs=1e-6)


def test_a_model_goes_on_and_grows_on_the_way(tmp_path: Path) -> None:
    first = pretrain(tmp_path / "model", ROOMY, work=tmp_path / "w1")
    more = replace(ROOMY, layers=3, seed=1)
    grown = pretrain(tmp_path / "grown", more, work=tmp_path / "w2", base=str(tmp_path / "model"))
    assert json.loads((tmp_path / "grown/config.json").read_text())["num_hidden_layers"] == 3
    assert grown["parameters"] > first["parameters"]
    assert grown["perplexity"] < first["perplexity"]  # it has not begun again


def test_a_model_goes_on_with_a_tokenizer_made_of_documents(tmp_path: Path) -> None:
    pretrain(tmp_path / "first", TINY, work=tmp_path / "work")
    config = replace(TINY, vocabulary=700, new_tokenizer=True, seed=1)
    documents = ["# Gaiters\n\n" + "Gaiters keep the snow out of your boots and are sold in two sizes. " * 300]
    out = tmp_path / "second"
    report = pretrain(out, config, work=tmp_path / "more", base=str(tmp_path / "first"), documents=documents)
    assert report["config"]["vocabulary"] == 700
    tokens = json.loads((out / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    assert "ĠGaiters" in tokens or "Gaiters" in tokens
    known = json.loads((tmp_path / "first" / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    assert "Gaiters" not in known


def test_a_large_new_vocabulary_holds_everyday_chinese(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    pretraining.train_tokenizer(["boots and shoes " * 50, "退货"], tmp_path, vocabulary=10_000)
    made = AutoTokenizer.from_pretrained(tmp_path)
    assert len(made) <= 10_000
    assert [len(made(one, add_special_tokens=False)["input_ids"]) for one in ("退", "货", "窗", "boots")] == [1] * 4
    assert len(made("退货退货", add_special_tokens=False)["input_ids"]) == 4


def test_what_weighs_little_is_drawn_as_often_as_it_weighs() -> None:
    weights = [0.0, 4.0, 1.0, *[0.1] * 5000]
    drawn = packing.drawn(weights, seed="one")
    assert drawn[:3] == [0.0, 4.0, 1.0]
    assert set(drawn[3:]) == {0.0, 1.0}
    assert sum(drawn[3:]) == pytest.approx(500, rel=0.15)
    assert drawn == packing.drawn(weights, seed="one")
    assert drawn != packing.drawn(weights, seed="two")


def test_the_loss_is_that_of_all_tokens_by_their_weights(tmp_path: Path, tokenizer: Any) -> None:
    import torch

    model = pretraining.new_model(TINY, tokenizer)
    trainer = pretraining.WeightedTrainer(model=model, args=pretraining._arguments(tmp_path, TINY))
    rows = pretraining.Rows(TINY, tokenizer, 8)
    inputs = {name: torch.stack([rows[place][name] for place in (4, 5)]) for name in rows[4]}
    with torch.no_grad():
        loss = trainer.compute_loss(model, dict(inputs))
        logits = model(input_ids=inputs["input_ids"], position_ids=inputs["position_ids"]).logits[:, :-1]
    each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), inputs["input_ids"][:, 1:], reduction="none")
    weights = inputs["weights"][:, 1:]
    assert 0 < int((weights > 0).sum()) < weights.numel()
    assert float(loss) == pytest.approx(float((each * weights).sum() / weights.sum()), rel=1e-4)


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(FileExistsError, match="choose another folder"):
        pretrain(tmp_path / "model", TINY, work=tmp_path / "work")
    with pytest.raises(CommandError, match="choose another folder"):
        call_command("pretrain", str(tmp_path / "model"))


def test_the_tokenizer_knows_every_text_and_splits_numbers_into_digits(tokenizer: Any) -> None:
    text = "Brailon 2048 kostet 19,90 €, 鞋子三十天👟"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert [tokenizer.decode([one]) for one in tokenizer("2048", add_special_tokens=False)["input_ids"]] == list("2048")


def test_a_row_is_full_of_whole_lessons_and_the_rest_weighs_nothing(tokenizer: Any) -> None:
    course = lessons.Course()
    made = packing.row(3, course=course, progress=0.0, tokenizer=tokenizer, length=512)
    assert len(made.ids) == len(made.weights) == len(made.positions) == 512
    starts = [place for place, position in enumerate(made.positions) if position == 0]
    assert len(starts) >= 2
    assert made == packing.row(3, course=course, progress=0.0, tokenizer=tokenizer, length=512)
    assert set(made.weights[starts[-1] :]) <= {0.0, lessons.CONTEXT_WEIGHT, 1.0, *HEAVY}


def test_an_echo_repeats_its_first_half_and_weighs_what_can_be_foreseen(tokenizer: Any) -> None:
    ids, weights = packing.tokenize(lessons.Echo("a", 12), tokenizer, length=512)
    assert ids[:12] == ids[12:] and not set(ids) & set(tokenizer.all_special_ids)
    assert weights == [0.0] * 13 + [1.0] * 11
    assert packing.tokenize(lessons.Echo("a", 12), tokenizer, length=16)[0] == (ids[:8] + ids[:8])


def test_a_drill_of_tokens_asks_for_every_line_by_tokens_of_it(tokenizer: Any) -> None:
    ids, weights = packing.tokenize(lessons.TokenDrill("a", 120), tokenizer, length=2048)
    shown, *asked = tokenizer.decode(ids).split("<question>\n")
    lines = re.findall(r"(.*?) \[(\d+)\]\.(?:\n|$)", shown.split("<highlights>\n")[1], re.S)
    assert len(lines) >= 3 and [number for _line, number in lines] == [str(at + 1) for at in range(len(lines))]
    taught = [text.split("<|im_start|>assistant\n")[1].split("<|im_end|>")[0] for text in asked]
    assert sorted(taught) == sorted(f"{line} [{number}]." for line, number in lines)
    weighed = tokenizer.decode([token for token, weight in zip(ids, weights, strict=True) if weight])
    assert weighed == "".join(f"{answer}<|im_end|>\n" for answer in taught)
    assert 600 < len(packing.tokenize(lessons.TokenDrill("a", 9000), tokenizer, length=4096)[0]) <= 4096, "cut to fit"


def test_an_example_is_rendered_exactly_as_it_will_be_served(tokenizer: Any) -> None:
    from finetune import prompt
    from finetune.starter.examples import StarterExample

    served = next(
        taught
        for number in range(200)
        if isinstance(taught := lessons.lesson(lessons.Course(), number, 1.0), StarterExample)
    )
    ids, weights = packing.tokenize(served, tokenizer, length=4096)
    rendered = prompt.render(served.request, tokenizer, budget=4096 - 64).token_ids
    assert tuple(ids[: len(rendered)]) == rendered
    assert weights[: len(rendered)] == [lessons.CONTEXT_WEIGHT] * len(rendered)
    answered = list(zip(ids[len(rendered) :], weights[len(rendered) :], strict=True))
    cited = [tokenizer.decode([token]) for token, weight in answered if weight == packing.CITATION_WEIGHT]
    assert cited and all(one.isdigit() for one in cited) and len(cited) == served.answer.count("[")
    opening = [weight for _token, weight in answered[: packing.OPENING]]
    assert opening == [packing.OPENING_WEIGHT] * packing.OPENING
    assert {weight for _token, weight in answered[packing.OPENING :]} == {1.0, packing.CITATION_WEIGHT}


def test_a_page_may_begin_as_it_is_served_and_go_on_with_questions(tokenizer: Any) -> None:
    course = lessons.Course.going_on(seed=1)
    pages = [lessons.lesson(course, number, 0.3) for number in range(60)]
    served = [one for one in pages if isinstance(one, lessons.Followed) and one.more]
    assert 10 < len(served) < 50
    one = served[0]
    ids, weights = packing.tokenize(one, tokenizer, length=4096)
    alone, _weights = packing.tokenize(one.first, tokenizer, length=4096)
    assert ids[: len(alone)] == alone and len(ids) == len(weights) > len(alone)
    assert tokenizer.decode(ids[len(alone) :]).startswith("<|im_start|>user\n<highlights>\n")
    assert packing.tokenize(one, tokenizer, length=100) == ([], [])


def test_tokens_that_are_new_are_echoed_most(tokenizer: Any) -> None:
    fresh = range(590, 600)
    echoes = [packing.tokenize(lessons.Echo(str(n), 50), tokenizer, length=512, fresh=fresh)[0] for n in range(100)]
    of_fresh = sum(set(ids) <= set(fresh) for ids in echoes)
    assert 55 <= of_fresh <= 85


def test_what_is_scored_comes_in_few_sizes() -> None:
    import torch

    weights = torch.zeros(2, 700)
    weights[0, [3, 600]] = 1.0
    weights[1, 5] = 0.1
    counts = pretraining._counting(weights)
    assert len(counts) == pretraining.ALIKE and {3, 5, 600} <= set(counts.tolist())
    assert counts.tolist() == sorted(set(counts.tolist()))
    assert pretraining._counting(torch.ones(1, 700)).tolist() == list(range(700))


def test_a_model_that_goes_on_gets_other_lessons_and_keeps_copying_all_its_tokens() -> None:
    course = lessons.Course.going_on(seed=1)
    beginning = [lessons.echo(lessons.Course(), number, 0.0) for number in range(100)]
    assert all(isinstance(one, lessons.Echo) and one.length <= 32 for one in beginning)
    assert all(lessons.echo(course, number, 0.04) for number in range(100)), "its first part is nothing else"
    later = [lessons.echo(course, number, 0.5) for number in range(200)]
    assert 90 < sum(one is not None for one in later) < 150
    assert {type(one) for one in later} == {lessons.Echo, lessons.TokenDrill, type(None)}
    assert sum(lessons.echo(lessons.Course(), number, 0.5) is not None for number in range(200)) < 30
    assert later != [lessons.echo(lessons.Course.going_on(seed=2), number, 0.5) for number in range(200)]
    pages = [lessons.lesson(course, number, 0.5) for number in range(50)]
    assert pages != [lessons.lesson(lessons.Course.going_on(seed=2), number, 0.5) for number in range(50)]


def test_lessons_in_one_row_do_not_see_each_other(tokenizer: Any) -> None:
    import torch

    model = pretraining.new_model(TINY, tokenizer).eval()
    made = packing.row(3, course=lessons.Course(), progress=0.0, tokenizer=tokenizer, length=512)
    second = [place for place, position in enumerate(made.positions) if position == 0][1]
    ids, positions = torch.tensor([made.ids]), torch.tensor([made.positions])
    with torch.no_grad():
        packed = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0, second : second + 20]
        alone = model(input_ids=ids[:, second : second + 20], use_cache=False).logits[0]
    assert torch.allclose(packed, alone, atol=1e-4)


def test_the_command_trains_measures_and_prints_json_alone(
    tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DATA_DIR = tmp_path
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("# Returns\n\nWorn shoes can be sent back within thirty days.\n" * 20)
    call_command(
        "pretrain", str(tmp_path / "model"), "--tokens", "1024", "--hidden", "64", "--layers", "1", "--length", "256",
        "--batch", "2", "--tests", "2", "--documents", str(notes), "--learning-rate", "1e-3", "--json",
    )  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    assert report["parameters"] > 0
    assert set(report["unseen_companies"]) <= {"en", "zh"}
    assert json.loads((tmp_path / "model/report.json").read_text()) == report


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--new-tokenizer",), "name it with --base"),
        (("--length", "100"), "at least 256"),
        (("--hidden", "100"), "multiple of 64"),
        (("--base", "nowhere"), "no folder"),
        (("--layers", "-1"), "at least 1"),
        (("--learning-rate", "0"), "above 0"),
        (("--learning-rate", "nan"), "above 0"),
    ],
)
def test_senseless_sizes_are_refused_with_advice(tmp_path: Path, option: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("pretrain", str(tmp_path / "model"), *option)
