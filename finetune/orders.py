"""Finds text that gives orders to a machine, wherever it stands, so that it is never obeyed and never repeated.

Pure. It judges wording only. A passage keeps its other paragraphs: what is cut is the paragraph that holds the order.
"""

import re
from typing import Final

_MACHINE: Final = (
    r"(?:ai|a\.i\.|assistants?|chat\s?bots?|bots?|language models?|llms?|gpt|the model|agents? reading|"
    r"support bot|virtual (?:assistant|agent)s?)"
)
_PAST: Final = r"(?:previous|prior|above|earlier|preceding|existing|former|other|all|any|your|these|the)"
_RULES: Final = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|training|context|programming|"
    r"restrictions?|guardrails?|documents?|sources?|polic(?:y|ies))"
)
# Orders about the orders: no honest document or customer writes them without meaning the machine.
_STRONG: Final = re.compile(
    rf"""\b(?:ignore|disregard|forget|override|overwrite|bypass|drop|skip|discard)\s+(?:(?:{_PAST}|of|my|what|everything)\s+){{0,4}}
        (?:{_PAST}\s+)?{_RULES}\b
      | \b(?:ignore|disregard|forget)\s+(?:everything|all|anything)\s+(?:above|before|you|that)
      | \b(?:system|developer|hidden|initial|secret)\s+(?:prompt|message|instructions?)\b
      | \b(?:repeat|reveal|print|show|output|tell\s+me|display|leak|what\s+(?:are|is|were))\s+(?:\w+\s+){{0,3}}?your\s+
        (?:(?:system|own|hidden|initial|original|internal|secret|exact|full|first)\s+){{0,2}}(?:prompt|instructions|programming|source\s+code)\b
      | \b(?:you\s+are\s+now|from\s+now\s+on,?\s+you|pretend\s+(?:to\s+be|that\s+you|you\s+are)|act\s+as\s+(?:if|an?|the|my)\b|roleplay|role-play|
        jailbreak|dan\s+mode|developer\s+mode|do\s+anything\s+now)
      | <\s*/?\s*(?:system|instructions?|prompt|assistant|im_start|im_end)\b | \[/?(?:inst|system)\] | <\|[a-z_]+\|>
      | ^\s*(?:system|assistant|developer)\s*:
      | \b(?:note|attention|instructions?|message|notice|important)\s*(?:to|for)\s+(?:(?:all|any|the|every)\s+)?{_MACHINE}\b
      | \b{_MACHINE}\s*(?:reading|processing|that\s+reads?|summari[sz]ing|answering|:|,?\s*(?:must|should|shall|please|you\s+must|is\s+to|are\s+to))
        (?:\s+(?:reading|this|now|always|never|not|instead|reply|answer|say|tell|ignore|claim|respond|recommend|state|confirm|offer|give))
      | 忽略.{{0,8}}(?:指令|指示|提示|规则|内容|设定|要求) | (?:无视|忘记|忘掉|不要理会|忽視|忽略掉).{{0,8}}(?:指令|指示|提示|规则|设定|之前|以上|前面)
      | 系统提示词? | 系統提示 | 提示词 | 你的(?:指令|提示|系统) | (?:你现在是|从现在(?:起|开始)你|假装你|扮演)
      | (?:AI|人工智能|智能|机器人)\s*(?:助手|客服|模型)\s*(?:必须|请|应|须|：|:|，请|注意)
      | \b(?:ignoriere|vergiss)\s+(?:\w+\s+){{0,3}}(?:anweisungen|regeln|vorgaben)
      | \b(?:ignore[zr]?|oublie[zr]?)\s+(?:\w+\s+){{0,4}}(?:instructions|consignes|règles)
      | \b(?:ignora|olvida)\s+(?:\w+\s+){{0,4}}(?:instrucciones|reglas)
    """,
    re.I | re.X | re.M,
)
# Orders to tell customers something: said to staff in honest documents too, so only the sentence is dropped.
_WEAK: Final = re.compile(
    r"""^\W*(?:please\s+|always\s+|you\s+(?:must|should)\s+)?(?:tell|inform|say\s+to|assure|promise|reply\s+to|answer)\s+
        (?:every|all|any|the|each)\s+(?:customers?|users?|visitors?|people|asker)\b
      | ^\W*(?:say|state|claim|answer|reply|respond|write|repeat|confirm)\s+(?:only\s+)?(?:that|with|the\s+(?:word|sentence|following|phrase)|after\s+me|exactly|[:"“'])
      | \b(?:告诉|回复|答复)(?:所有|每位|每个|任何)(?:客户|顾客|用户) | ^\W*(?:请?(?:回答|回复|重复|说)[:：“"])""",
    re.I | re.X,
)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.S)


def is_order(text: str) -> bool:
    """Whether a text orders the machine about: "ignore your instructions", "act as", "repeat your prompt"."""
    return bool(_STRONG.search(text))


def is_dictation(text: str) -> bool:
    """Whether a sentence dictates what is to be said: "say that ...", "tell every customer that ..."."""
    return bool(_WEAK.search(text)) or is_order(text)


def without_orders(passage: str) -> str:
    """The passage without the paragraphs that hold orders to a machine, and without hidden comments."""
    passage = _COMMENT.sub(" ", passage)
    if not (_STRONG.search(passage) or _WEAK.search(passage) or "customers" in passage or "顾客" in passage):
        return passage
    kept = []
    for paragraph in re.split(r"(\n\s*\n)", passage):
        if _STRONG.search(paragraph):
            continue
        kept.append("\n".join(line for line in paragraph.split("\n") if not _WEAK.search(line)))
    return "".join(kept)
