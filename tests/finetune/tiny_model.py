"""Builds small causal language models with random weights and a tokenizer trained on the spot (no network, ~1 s)."""

from pathlib import Path
from typing import Any

TEXT = (
    "How long do I have to send back shoes that I have worn? You can return worn shoes within 30 days [1]. "
    "Shipping to France costs 4.90 euro and takes three days. The warranty lasts two years. "
    "鞋子穿过之后还可以退货吗？您可以在三十天之内退回。运费是五欧元，保修期为两年。谢谢您的耐心等待！ "
    "Naïve café, Zürich, smörgåsbord, Привет мир, مرحبا, 🙂👟🏔️ "
)
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_tokenizer(folder: Path, *, vocabulary: int = 512, template: str | None = TEMPLATE) -> None:
    """A byte-level BPE with ChatML marks and one added token that is not special (<think>)."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 8,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([TEXT] * 4, trainer)
    core.add_tokens([AddedToken("<think>", special=False), AddedToken("</think>", special=False)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    )
    if template is not None:
        tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def build_model(
    folder: Path,
    *,
    family: str = "qwen3",
    seed: int = 0,
    hidden: int = 64,
    layers: int = 2,
    vocabulary: int = 512,
    positions: int = 4096,
    template: str | None = TEMPLATE,
) -> Path:
    """A model folder (safetensors, config, tokenizer) with random weights; its greedy output is stable."""
    import torch
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        MistralConfig,
        MistralForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    folder.mkdir(parents=True, exist_ok=True)
    build_tokenizer(folder, vocabulary=vocabulary, template=template)
    shape: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": hidden * 2,
        "num_hidden_layers": layers,
        "num_attention_heads": max(2, hidden // 32),
        "num_key_value_heads": max(1, hidden // 64),
        "max_position_embeddings": positions,
        "bos_token_id": None,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    torch.manual_seed(seed)
    model: Any
    if family == "mistral":  # its layers see 24 tokens back
        model = MistralForCausalLM(MistralConfig(initializer_range=0.2, sliding_window=24, **shape))
    elif family == "qwen3":
        model = Qwen3ForCausalLM(Qwen3Config(head_dim=32, initializer_range=0.2, **shape))
    else:
        model = LlamaForCausalLM(LlamaConfig(initializer_range=0.2, **shape))
    model.save_pretrained(folder)
    return folder


def build_adapter(folder: Path, model_folder: Path, *, seed: int = 1, rank: int = 4, scale: float = 0.5) -> Path:
    """A LoRA adapter with random weights strong enough to change what the model writes."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_pretrained(model_folder)
    peft = get_peft_model(base, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear"))
    with torch.no_grad():
        for name, parameter in peft.named_parameters():
            if "lora_" in name:
                parameter.normal_(0.0, scale)
    peft.save_pretrained(str(folder))
    return folder
