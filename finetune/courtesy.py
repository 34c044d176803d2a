"""Sentences that say nothing about the company: greetings, thanks, offers of help. Pure, English and Chinese."""

import re
from typing import Final

from finetune.facts import facts

_COURTESY: Final = re.compile(
    r"^\W*(?:hi|hello|hey|dear|thanks?|thank you|sorry|of course|sure|happy to|glad|you'?re welcome|let me know|please let|just write|"
    r"kind regards|best|cheers|have a|is there anything|anything else|no problem|certainly|absolutely|i hope|good (?:morning|afternoon)|"
    r"您好|你好|谢谢|感谢|不客气|好的|抱歉|请问还有|祝|当然)[^.!?。！？]{0,60}[.!?。！？,:，：]*$",
    re.I,
)
_LEAD: Final = re.compile(r"^\s*(?:(?:hi|hello|hey|dear) [^,.!\n]{1,40}[,!]|happy to help:|of course[.,!:])\s+", re.I)


def without_lead(sentence: str) -> str:
    """The sentence without the greeting in front of it."""
    return _LEAD.sub("", sentence)


def is_courtesy(sentence: str) -> bool:
    """Whether nothing in it could be true or false of the company."""
    return bool(_COURTESY.match(sentence)) and not facts(sentence)
