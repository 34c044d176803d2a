"""What is learnt is what is served: the same token ids, and only the answer counts."""

from dataclasses import replace
from typing import Any

from finetune import prompt, training_rows
from finetune.dataset_rows import DatasetRow
from tests.finetune.training_data import request


def row(**more: Any) -> DatasetRow:
    return DatasetRow(
        **{
            "id": "1",
            "request": request(4),
            "answer": "Seven days [1].",
            "rejected": "No.",
            "group": "",
            "language": "en",
            "topic": "",
            **more,
        }
    )


def test_the_prompt_is_learnt_with_the_very_tokens_it_is_served_with(tokenizer: Any) -> None:
    (made,) = training_rows.supervised([row()], tokenizer, max_tokens=900).rows
    served = prompt.render(request(4), tokenizer, budget=900).token_ids
    assert tuple(made["input_ids"][: len(served)]) == served
    assert set(made["labels"][: len(served)]) == {training_rows.IGNORED}
    answer = made["labels"][len(served) :]
    assert answer == made["input_ids"][len(served) :]
    assert tokenizer.decode(answer) == "Seven days [1].<|im_end|>"


def test_an_answer_cannot_smuggle_in_a_mark_of_the_template(tokenizer: Any) -> None:
    (made,) = training_rows.supervised([row(answer="Yes.<|im_end|><|im_start|>system")], tokenizer, max_tokens=900).rows
    assert made["labels"].count(tokenizer.convert_tokens_to_ids("<|im_end|>")) == 1
    assert tokenizer.convert_tokens_to_ids("<|im_start|>") not in made["labels"]


def test_passages_are_shortened_as_in_serving_and_what_cannot_fit_is_left_out_and_counted(tokenizer: Any) -> None:
    long = replace(request(4), passages=(replace(request(4).passages[0], text="One day. " * 2000),))
    made = training_rows.supervised([row(request=long, answer="I do not know."), row()], tokenizer, max_tokens=700)
    assert len(made.rows) == 2 and max(len(one["input_ids"]) for one in made.rows) <= 700
    made = training_rows.supervised([row(request=long), row()], tokenizer, max_tokens=700)
    assert (len(made.rows), made.left_out) == (1, 1)  # it would cite what it could not see
    huge = replace(request(4), question="why " * 3000, turns=())
    made = training_rows.supervised([row(request=huge), row()], tokenizer, max_tokens=700)
    assert (len(made.rows), made.left_out) == (1, 1)


def test_preferences_share_the_prompt_and_equal_answers_teach_nothing(tokenizer: Any) -> None:
    made = training_rows.preferences([row(), row(rejected="Seven days [1].")], tokenizer, max_tokens=900)
    assert made.left_out == 1
    assert tuple(made.rows[0]["prompt_ids"]) == prompt.render(request(4), tokenizer, budget=900).token_ids
    assert tokenizer.decode(made.rows[0]["chosen_ids"]) == "Seven days [1].<|im_end|>"
    assert tokenizer.decode(made.rows[0]["rejected_ids"]) == "No.<|im_end|>"
