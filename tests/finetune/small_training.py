"""Trains the small shop's base model and real LoRA adapters on it, in plain torch, within seconds on one core."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from finetune import prompt
from finetune.records import GenerationRequest
from tests.finetune import small_shop
from tests.finetune.small_shop import Pair

TEMPLATE: Final = (
    "{% for m in messages %}{% if m['role'] != 'system' %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Without the rules: a model of this size learns one task, and every prompt is a third as long."""
TARGETS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head")
"""The head too: the base model has hardly seen most words of its vocabulary, and could never be brought to say them."""
COPIES: Final = 5.0
"""How much more the words that have to be copied weigh than the others, which are the same in every answer."""
COPIED: Final = 0.99
"""The base model is done when it copies this share of them."""
Lessons = Callable[[int], Iterator[Pair]]
"""Seed -> lessons without end."""


def build_base(folder: Path, *, most_steps: int = 450, seed: int = 0, lessons: Lessons = small_shop.lessons) -> float:
    """A model folder, taught on random facts until it copies them. Returns the share it copied in the end."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(folder, lessons)
    torch.manual_seed(seed)
    shape = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, head_dim=16, max_position_embeddings=512, tie_word_embeddings=False, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model: Any = LlamaForCausalLM(shape)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0)
    words = [value for values in small_shop.VALUES.values() for value in values]
    copied = torch.tensor(sorted({prompt.encode(tokenizer, f" {word}")[0] for word in words} | _marks(tokenizer)))
    drawn, shares = lessons(seed), [0.0]
    for step in range(most_steps):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1.0, (step + 1) / 30)
        scores, wanted = _scores(model, [_encoded(tokenizer, *next(drawn)) for _ in range(32)])
        values = torch.isin(wanted, copied)
        shares.append(float((scores.argmax(-1) == wanted)[values].float().mean()))
        _step(model, optimizer, scores, wanted, 1.0 + (COPIES - 1.0) * values)
        if len(shares) > 20 and sum(shares[-20:]) / 20 > COPIED:
            break
    model.eval()
    model.save_pretrained(folder)
    return shares[-1]


def _marks(tokenizer: Any) -> set[int]:
    """The tokens that tell one citation from another."""
    first, second, third = (set(prompt.encode(tokenizer, f"euro [{number}].")) for number in (1, 2, 3))
    return (first | second | third) - (first & second & third)


def build_adapter(folder: Path, base: Path, pairs: Sequence[Pair], *, steps: int, seed: int = 0) -> Path:
    """A real LoRA adapter, trained on these pairs over and over."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base)
    config = LoraConfig(r=8, lora_alpha=16, target_modules=list(TARGETS))
    model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    trained = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-3, betas=(0.9, 0.98), weight_decay=0.0)
    encoded, chance = [_encoded(tokenizer, *pair) for pair in pairs], random.Random(seed)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 5e-3 * min(1.0, (step + 1) / 5) * (1 - step / steps)
        scores, wanted = _scores(model, chance.choices(encoded, k=16))
        _step(model, optimizer, scores, wanted, torch.ones(()))
    model.save_pretrained(str(folder), save_embedding_layers=False)
    return folder


def _encoded(tokenizer: Any, given: GenerationRequest, said: str) -> tuple[list[int], list[int]]:
    return prompt.answer_ids(given, said, tokenizer, budget=400)


def _scores(model: Any, rows: Sequence[tuple[list[int], list[int]]]) -> tuple[Any, Any]:
    """Scores of the answers' tokens, and the tokens; -100 before an answer begins. Padded on the left."""
    import torch

    widest, longest = max(len(a) + len(b) for a, b in rows), max(len(b) for _a, b in rows)
    ids = torch.tensor([[0] * (widest - len(a) - len(b)) + [*a, *b] for a, b in rows])
    mask = torch.tensor([[0] * (widest - len(a) - len(b)) + [1] * (len(a) + len(b)) for a, b in rows])
    wanted = torch.tensor([[-100] * (longest - len(b)) + [*b] for _a, b in rows])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    out = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=longest + 1)
    return out.logits[:, :-1], wanted


def _step(model: Any, optimizer: Any, scores: Any, wanted: Any, weights: Any) -> None:
    """On the answers alone."""
    import torch

    each = torch.nn.functional.cross_entropy(scores.flatten(0, 1), wanted.flatten(), reduction="none")
    weighed = weights * (wanted != -100)
    loss = (each.view(wanted.shape) * weighed).sum() / weighed.sum()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def _tokenizer(folder: Path, lessons: Lessons) -> Any:
    """A byte-level BPE that knows the shop's words and numbers whole."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    core.train_from_iterator(_texts(lessons), trainer)
    made: Any = PreTrainedTokenizerFast
    tokenizer = made(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>",
                     additional_special_tokens=["<|im_start|>"])  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _texts(lessons: Lessons) -> Iterator[str]:
    drawn = lessons(99)
    for given, said in [*(next(drawn) for _ in range(400)), *small_shop.conversations(99, 100)]:
        yield f"{prompt.messages_for(given)[-1]['content']}\n{said}{small_shop.FILLER}"
