"""Text for a tokenizer to learn from: lessons of every kind, and letters and signs that customers write."""

from finetune import prompt
from finetune.starter.examples import StarterExample
from finetune.starter.lessons import Course, Followed, lesson

LESSONS = 6000
SIGNS = "àâäçéèêëîïôöùûüñßøåæœ¿¡“”‘’–—…€£¥°²½×·•→👟🙂👍 ，。？！：；（）「」《》、【】"


def sample_text(seed: int) -> list[str]:
    """Always the same for the same seed."""
    course = Course(seed=seed)
    texts = [SIGNS] * 20
    for number in range(LESSONS):
        taught = lesson(course, number, progress=(number % 100) / 100)
        if isinstance(taught, Followed):
            texts.append("".join([_served(taught.first), *(text for text, _weight in taught.more)]))
        elif isinstance(taught, StarterExample):
            texts.append(_served(taught))
        else:
            texts.append("".join(text for text, _weight in taught))
    return texts


def _served(taught: StarterExample) -> str:
    return "\n".join([*(one["content"] for one in prompt.messages_for(taught.request)), taught.answer])
