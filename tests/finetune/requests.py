"""Requests as the answering code would send them."""

from finetune.records import ContextPassage, GenerationRequest, Turn

RETURNS = ContextPassage(
    1, "Returns", "Worn shoes", "Worn shoes can be returned within 30 days. 鞋子可以在三十天之内退回。"
)


def ask(question: str = "How long do I have?", **changes: object) -> GenerationRequest:
    fields: dict[str, object] = {
        "turns": (Turn("customer", question),),
        "question": question,
        "passages": (RETURNS,),
        "company": "Trailhead",
        "max_new_tokens": 48,
        **changes,
    }
    return GenerationRequest(**fields)  # type: ignore[arg-type]
