"""Whether an answer says that it does not know, instead of claiming something. Pure: it reads wording, not intent.

English and Chinese in full, German, French and Spanish in their commonest forms. An answer that cites a passage claims
something, whatever else it says.
"""

import re
from typing import Final

from finetune.support import citation_marks

_UNKNOWN: Final = re.compile(
    r"\b(?:do(?:es)? not|don'?t|doesn'?t|did not|didn'?t|could not|couldn'?t|can ?not|can'?t|unable to|am not able to)\s+(?:\w+\s+){0,2}?"
    r"(?:know|find|say|answer|tell|help with|mention|contain|cover|confirm|share|give|discuss|do that)\b"
    r"|\b(?:not|nothing)\s+(?:\w+\s+){0,3}?(?:in|covered by|mentioned in|found in) (?:our|the|my) (?:documents?|passages?|sources?|information)\b"
    r"|\b(?:no|not any) (?:information|details?|passages?)\b|\bnot sure\b"
    r"|\b(?:bring in|pass (?:this|you) (?:on )?to|connect you (?:to|with)|talk to|ask|hand (?:this |you )?over to|forward (?:this|you) to) (?:a|one of (?:my|our)|my|our) (?:\w+ )?(?:colleagues?|person|human|agents?|team)\b"
    r"|(?:不知道|不清楚|不确定|没有找到|找不到|没有查到|无法(?:回答|确认|提供|告知|协助)|不能(?:回答|提供|告知|协助)|没有(?:相关|提到|提及|说明|这方面)|未(?:提到|提及|说明))"
    r"|(?:转接|请|转给|联系).{0,6}(?:同事|人工|专员)"
    r"|\bweiß (?:ich )?(?:\w+ )?nicht\b|\bsteht nicht in\b|\bkeine (?:angaben|informationen)\b"
    r"|\bne (?:sais|peux) pas\b|\bn'ai pas trouvé\b|\bno (?:lo )?sé\b|\bno (?:he encontrado|puedo)\b",
    re.I,
)


def abstains(answer: str) -> bool:
    """Nothing said, or words of not knowing and no passage cited."""
    text = answer.strip()
    return not text or (not citation_marks(text) and bool(_UNKNOWN.search(text)))


def is_unknowing(sentence: str) -> bool:
    """Whether one sentence is of not knowing: it claims nothing that a passage could support."""
    return bool(_UNKNOWN.search(sentence))
