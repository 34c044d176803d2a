"""A tokenizer that grows keeps every token it had, and learns Chinese characters and English words on top."""

import functools
import json
import unicodedata
from collections import Counter
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

pytest.importorskip("torch")

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from finetune import pretraining
from finetune.management.commands import pretrain as command
from finetune.pretraining import Pretraining
from finetune.starter import reading, vocabulary
from tests.finetune import tiny_model

ENGLISH = [
    "The warranty covers manufacturing defects; ordinary wear is not covered. Ask for 2048 parts in 30 days.\n" * 9,
    "Worn shoes can be returned, and refunds reach your account within days. Nobody refuses refunds.\n" * 7,
]
CHINESE = ["请问运费是多少？您可以在三十天之内退回，运费由我们承担。\n" * 9, "嫦娥与囍字，VPN登录。\n" * 5]
MIXED = "Naïve: 鞋子（三十天）退货，cost 19,90 € 👩‍👩‍👧‍👦🏔️ “the” 囍 𠮷 \u0000\r\n\tend"


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny_model.build_tokenizer(folder)
    parsed: dict[str, Any] = json.loads((folder / "tokenizer.json").read_text())
    return parsed


@pytest.fixture(scope="module")
def grown(core: dict[str, Any]) -> dict[str, Any]:
    return vocabulary.grown(core, [*ENGLISH, *CHINESE], 6000)


@pytest.fixture(scope="module")
def tokenizer(grown: dict[str, Any]) -> Any:
    return loaded(grown)


def loaded(core: dict[str, Any]) -> Any:
    return Tokenizer.from_str(json.dumps(core))


def new_tokens(core: dict[str, Any], grown: dict[str, Any]) -> list[str]:
    """As text; a token that is a part of a character has a sign of replacement in it."""
    before, after = loaded(core).get_vocab(), loaded(grown)
    return [after.decode([one]) for token, one in after.get_vocab().items() if token not in before]


def borders(tokens: list[str]) -> set[int]:
    return set(accumulate(len(token) for token in tokens))


@pytest.mark.parametrize("text", [tiny_model.TEXT, *ENGLISH, *CHINESE, MIXED])
def test_text_falls_into_the_old_tokens_or_joints_of_them(
    core: dict[str, Any], grown: dict[str, Any], text: str
) -> None:
    before, after = loaded(core).encode(text).tokens, loaded(grown).encode(text).tokens
    assert borders(after) <= borders(before)
    parts = vocabulary.leaves(grown, loaded(core).get_vocab())
    assert Counter(before) == Counter(leaf for token in after for leaf in parts.get(token, [token]))


def test_tokens_keep_their_ids_and_new_ones_follow_without_a_gap(core: dict[str, Any], grown: dict[str, Any]) -> None:
    before, after = loaded(core).get_vocab(), loaded(grown).get_vocab()
    assert before.items() <= after.items()
    assert sorted(after.values()) == list(range(len(after)))
    assert grown["model"]["merges"][: len(core["model"]["merges"])] == core["model"]["merges"]
    assert {name: part for name, part in grown.items() if name != "model"} == {
        name: part for name, part in core.items() if name != "model"
    }


@hypothesis_settings(max_examples=60, deadline=None)
@given(text=strategies.one_of(strategies.text(max_size=60), strategies.just(MIXED)))
def test_every_text_comes_back(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_each_everyday_chinese_character_is_one_token(tokenizer: Any) -> None:
    characters = vocabulary.common_characters()
    assert len(characters) == 3755 and characters[0] == "啊" and characters[-1] == "座"
    for character in (*characters, *vocabulary.PUNCTUATION):
        assert len(tokenizer.encode(character).ids) == 1
    text = "咨询客服：包裹破损、漏发怎么办？"
    assert len(tokenizer.encode(text).ids) == len(text)


def test_chinese_characters_are_not_joined_but_rare_ones_are_learnt(
    core: dict[str, Any], grown: dict[str, Any]
) -> None:
    made = new_tokens(core, grown)
    wide = [token for token in made if any(unicodedata.east_asian_width(one) == "W" for one in token)]
    assert {len(token) for token in wide} == {1}
    assert {"囍", "嫦"} <= set(made)


def test_words_become_tokens_and_digits_stay_apart(core: dict[str, Any], grown: dict[str, Any]) -> None:
    made = new_tokens(core, grown)
    assert {" manufacturing", " refunds", "VPN"} <= set(made)
    assert not [token for token in made if any(one.isdigit() for one in token)]


def test_it_is_the_same_every_time_in_whatever_order_the_texts_come(
    core: dict[str, Any], grown: dict[str, Any]
) -> None:
    again = vocabulary.grown(core, [*CHINESE, *reversed(ENGLISH)], 6000)
    assert json.dumps(again) == json.dumps(grown)


def test_what_is_seen_twice_is_not_learnt_and_fewer_tokens_are_no_error(core: dict[str, Any]) -> None:
    nothing = vocabulary.grown(core, [], 6000)
    twice = vocabulary.grown(core, ["Marmalade\n" * 2], 6000)
    assert twice == nothing and len(nothing["model"]["vocab"]) < 5000
    thrice = vocabulary.grown(core, ["Marmalade\n" * 3], 6000)
    assert "Marmalade" in thrice["model"]["vocab"]


def test_where_there_is_little_room_the_most_frequent_characters_come_first(core: dict[str, Any]) -> None:
    few = vocabulary.grown(core, ["座谈会，座谈会"], 560)
    assert len(few["model"]["vocab"]) == 560
    assert {"座", "谈", "会"} <= set(new_tokens(core, few))


def test_written_text_never_becomes_a_mark(core: dict[str, Any]) -> None:
    mark = {**core["added_tokens"][0], "content": "Marmalade", "id": 1 + max(loaded(core).get_vocab().values())}
    marked = {**core, "added_tokens": [*core["added_tokens"], mark]}
    made = vocabulary.grown(marked, ["Marmalade\n" * 30], 6000)
    assert "Marmalade" not in {"".join(pair) for pair in made["model"]["merges"]}
    assert loaded(made).token_to_id("Marmalade") == mark["id"]


def test_merges_are_those_of_counting_anew_each_time(core: dict[str, Any]) -> None:
    bare = {**core, "model": {**core["model"], "merges": []}}
    text = " banana bandana ananas nanny anna nan cabana barn urban turban banana nan" * 3
    made = vocabulary.grown(bare, [text], 10_000)
    merges = [tuple(pair) for pair in made["model"]["merges"]]
    counted = Counter(f"Ġ{word}" for word in text.split())
    parts = {word: list(word) for word in counted}
    expected = []
    while True:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in counted.items():
            for pair in pairwise(parts[word]):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        expected.append(best)
        for word in parts:
            parts[word] = joined(parts[word], best)
    assert merges[-len(expected) :] == expected


def joined(parts: list[str], best: tuple[str, str]) -> list[str]:
    made: list[str] = []
    for part in parts:
        if made and (made[-1], part) == best:
            made[-1] += part
        else:
            made.append(part)
    return made


def test_a_vocabulary_cannot_shrink(core: dict[str, Any]) -> None:
    size = len(loaded(core).get_vocab())
    for smaller in (size, 100):
        with pytest.raises(vocabulary.CannotGrow, match=f"has {size} tokens already"):
            vocabulary.grown(core, ENGLISH, smaller)


def test_other_kinds_of_tokenizers_are_refused(core: dict[str, Any]) -> None:
    others: list[dict[str, Any]] = [
        {},
        {**core, "model": {"type": "WordPiece", "vocab": {"a": 0}}},
        {**core, "pre_tokenizer": {"type": "Metaspace"}},
        {**core, "model": {**core["model"], "vocab": {"a": 0, "b": 1}}},
    ]
    for other in others:
        with pytest.raises(vocabulary.CannotGrow, match="byte-level BPE"):
            vocabulary.grown(other, ENGLISH, 6000)


def test_the_command_grows_a_base_and_goes_on_after_a_stop(
    tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(reading, "LESSONS", 120)
    monkeypatch.setattr(pretraining, "HELD_OUT", 2)
    monkeypatch.setattr(pretraining, "Pretraining", functools.partial(Pretraining, checkpoint_steps=3, bf16=False))
    base = tiny_model.build_model(tmp_path / "base", positions=256)
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("\n".join([*ENGLISH, *CHINESE]))

    def train(name: str) -> tuple[dict[str, Any], list[str]]:
        call_command(
            "pretrain", str(tmp_path / name), "--base", str(base), "--vocabulary", "4600", "--documents", str(notes),
            "--tokens", str(6 * 2 * 512), "--length", "512", "--batch", "2", "--tests", "1", "--json",
        )  # fmt: skip
        out, err = capsys.readouterr()
        return json.loads(out), [line for line in err.splitlines() if line.startswith("step ")]

    whole, steps = train("whole")
    assert whole["parameters"] > 2 * 4600 * 64 and whole["config"]["vocabulary"] == 4600
    shape = json.loads((tmp_path / "whole/config.json").read_text())
    assert shape["vocab_size"] == len(loaded_folder(tmp_path / "whole").get_vocab()) == 4600
    assert shape["max_position_embeddings"] == 512

    told = command.Command._progress

    def stop(self: command.Command, logs: dict[str, float]) -> None:
        told(self, logs)
        if logs["step"] >= 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as stopping, pytest.raises(KeyboardInterrupt):
        stopping.setattr(command.Command, "_progress", stop)
        train("parts")
    capsys.readouterr()
    assert not (tmp_path / "parts").exists()
    monkeypatch.setattr(pretraining, "grow_tokenizer", None)  # the tokenizer of the first start is there
    parts, rest = train("parts")
    assert rest == steps[3:]
    assert parts["parameters"] == whole["parameters"]


def loaded_folder(folder: Path) -> Any:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_a_base_without_the_option_keeps_its_tokens(tmp_path: Path) -> None:
    base = tiny_model.build_model(tmp_path / "base", positions=768)
    tiny = Pretraining(tokens=512, length=256, batch=1, layers=1, bf16=False)
    before = AutoTokenizer.from_pretrained(base)
    tokenizer = pretraining._tokenizer(tmp_path, tiny, before, ())
    model = pretraining._going_on(str(base), tiny, before, tokenizer)
    assert model.config.vocab_size == 512 and model.config.max_position_embeddings == 768
    assert not (tmp_path / "tokenizer").exists()


@pytest.mark.parametrize("size", ["511", "-1", "100001"])
def test_senseless_vocabularies_are_refused(tmp_path: Path, size: str) -> None:
    with pytest.raises(CommandError, match="between 512 and 100000"):
        call_command("pretrain", str(tmp_path / "model"), "--vocabulary", size)


def test_the_command_says_why_a_base_cannot_grow(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(reading, "LESSONS", 10)
    base = tiny_model.build_model(tmp_path / "base", vocabulary=600)
    with pytest.raises(CommandError, match="can only grow, not shrink to 512"):
        call_command("pretrain", str(tmp_path / "model"), "--base", str(base), "--vocabulary", "512")
