"""The options with which a command says how to train: those of TrainingConfig, by their names and usual values."""

from argparse import ArgumentParser, BooleanOptionalAction
from typing import Final

from finetune.training_config import USUAL, TrainingConfig

NAMES: Final = ("rank", "epochs", "max_steps", "batch", "learning_rate", "max_tokens", "depth", "lessons", "unanswered",
                "quotations", "seed")  # fmt: skip
_HELPS: Final = {
    "max_steps": "0: as many as the epochs need",
    "accumulate": "batches that make one step",
    "learning_rate": "small models want more than large ones",
    "depth": "share of the model's layers that get an adapter, from the top",
    "max_tokens": "of a prompt and its answer",
    "lessons": "generated lessons beside each example",
    "unanswered": "share of examples also shown without an answer",
    "quotations": "questions made of the passages, for each example",
    "strength": "how far towards what was learnt, 1: all the way",
}


def add(parser: ArgumentParser, *more: str, usual: TrainingConfig = USUAL) -> None:
    """NAMES and `more`, with the values of `usual` where nothing else is said."""
    for name in (*NAMES, *more):
        value = getattr(usual, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(value),
            default=value,
            help=" ".join(filter(None, [_HELPS.get(name), "(default %(default)s)"])),
        )
    parser.add_argument(
        "--verbatim",
        action=BooleanOptionalAction,
        default=usual.verbatim,
        help="learn only from answers that stand word for word in their passages",
    )
    parser.add_argument(
        "--targets",
        nargs="*",
        default=usual.targets,
        metavar="LAYER",
        help="layers that get an adapter; mlp: those of the feed-forward blocks; none named: every linear layer",
    )
