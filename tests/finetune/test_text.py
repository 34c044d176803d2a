"""From tokens to text: characters stay whole, thoughts stay private, stop marks end the answer."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.engines.text import AnswerText, TokenPipe, TokenText


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("a b鞋三🙂🏔️éП م\n"), max_size=40), cuts=st.integers(1, 5))
def test_fed_in_any_steps_the_text_is_whole_and_no_piece_holds_half_a_character(
    tokenizer: Any, text: str, cuts: int
) -> None:
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    stream = TokenText(tokenizer)
    pieces = [stream.feed(tokens[start : start + cuts]) for start in range(0, len(tokens), cuts)]
    pieces.append(stream.flush())
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


@settings(max_examples=200, deadline=None)
@given(tokens=st.lists(st.integers(3, 500), max_size=60))
def test_any_tokens_one_by_one_give_the_text_of_all_at_once(tokenizer: Any, tokens: list[int]) -> None:
    stream = TokenText(tokenizer)
    text = "".join(stream.feed([token]) for token in tokens) + stream.flush()
    whole = tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert text == whole.rstrip("\ufffd")


def test_a_character_cut_off_by_the_token_limit_is_left_out(tokenizer: Any) -> None:
    tokens = tokenizer("好\U0001f9ff", add_special_tokens=False)["input_ids"]
    stream = TokenText(tokenizer)
    assert stream.feed(tokens[:-1]) + stream.flush() == "好"


def through(pieces: list[str], stops: tuple[str, ...] = ()) -> tuple[str, bool]:
    answer = AnswerText(stops)
    text = "".join(answer.feed(piece) for piece in pieces)
    return text + answer.flush(), answer.stopped


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<think>secret\nplan</think>\n\nThirty days.", "Thirty days."),
        ("\n<think></think>Yes", "Yes"),
        ("<think>never ends", ""),
        ("<b>x</b> a<think>b", "<b>x</b> a<think>b"),
        ("<thin", "<thin"),
        ("A\n### user: more", "A"),
        ("A\n## fine\n##", "A\n## fine\n##"),
        ("", ""),
    ],
)
def test_thoughts_and_stop_marks_in_pieces_of_any_size(raw: str, expected: str, step: int) -> None:
    text, stopped = through([raw[at : at + step] for at in range(0, len(raw), step)], ("\n###",))
    assert text == expected
    assert stopped == ("\n###" in raw)


def test_more_text_than_allowed_ends_the_answer() -> None:
    answer = AnswerText(most_characters=5)
    assert answer.feed("abc") + answer.feed("defgh") + answer.feed("x") + answer.flush() == "abcde"
    assert answer.stopped


def test_the_pipe_of_a_model_joins_both(tokenizer: Any) -> None:
    pipe = TokenPipe(tokenizer, ("\n###",))
    tokens = tokenizer("<think>hm</think>三十天\n### user", add_special_tokens=False)["input_ids"]
    assert "".join(pipe.feed([token]) for token in tokens) + pipe.flush() == "三十天"
    assert pipe.stopped
