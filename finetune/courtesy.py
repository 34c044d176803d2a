"""Sentences that say nothing about the company: greetings, thanks, offers of help. Pure, English and Chinese.

Only whole sentences count: what follows "Sure, " or "您好，" is what the customer is told, and is judged like the rest.
"""

import re
from typing import Final

from finetune.facts import facts
from finetune.sentences import sentences

_NAME: Final = r"(?:[\s,]+(?:\[[A-Z]+_\d+\]|(?-i:[A-Z])[\w'’-]*|there)){0,3}"
_ENGLISH: Final = (
    rf"(?:(?:hi|hello|hey|dear)(?: [\w'’-]+)?|good (?:morning|afternoon|evening)){_NAME}",
    rf"(?:many )?thank(?:s| you)(?: so much| very much| a lot)?(?: (?:for|in advance)\b[^.!?,;:]{{0,60}})?{_NAME}",
    rf"(?:(?:i(?:'?m| am)|we(?:'?re| are)) )?(?:so |very |really |truly )?sorry"
    rf"(?: (?:for|about|to hear)\b[^.!?,;:]{{0,60}})?{_NAME}",
    rf"(?:of course|sure(?: thing)?|gladly|certainly|absolutely|no (?:problem|worries)|(?:good|great) question|all right"
    rf"|got it|understood|i (?:see|understand)|you(?:'re| are) (?:very )?welcome|(?:happy|glad) to help|cheers|best"
    rf"|(?:kind|best|warm) regards|take care|(?:i |we )?hope (?:that|this|it) helps|talk (?:to you )?soon"
    rf"|one moment(?:,? please)?|good news)(?: with this| with that)?{_NAME}",
    r"(?:please |just )?(?:let (?:me|us) know|write|ask)(?: (?:if|when|should|in case|once more|again|here|to us)\b[^.!?;:]{0,60})?",
    r"(?:is there )?anything else\b[^.!?;:]{0,40}",
    r"have an? (?:\w+ )?(?:day|evening|afternoon|morning|weekend|trip|hike|time)\b[^.!?;:]{0,30}",
    r"(?:happy|safe|good) (?:trails|travels|journey|trip|hiking|shopping|reading|holidays|weekend)",
)
_CHINESE: Final = (
    r"[您你]好[^，。！？,.!?]{0,8}",
    r"(?:谢谢|感谢|多谢)[您你]?[^，。！？,.!?]{0,20}",
    r"(?:非常|很|真)?(?:抱歉|不好意思|对不起)(?:[，,]?(?:给您添麻烦|让您久等)了?)?",
    r"好的(?:[，,]?我来(?:帮您|为您)[^，。！？,.!?]{0,10})?",
    r"当然(?:可以)?|没问题|不客气|请(?:您)?放心|请稍等|明白了?|收到",
    r"希望(?:能)?(?:帮到|对)您[^，。！？,.!?]{0,12}",
    r"祝您?[^，。！？,.!?]{0,20}",
    r"(?:请问)?(?:您)?还有(?:什么|其他|别的)[^，。！？,.!?]{0,20}",
    r"(?:如|如果|若)(?:您)?(?:还)?有[^，。！？,.!?]{0,12}(?:问题|疑问|需要)[^。！？.!?]{0,20}",
    r"有(?:任何|其他|别的|什么)(?:问题|疑问|需要)[^。！？.!?]{0,20}",
)
_PLAIN_ENGLISH: Final = frozenset(
    """
    a afternoon again all am an and another any anything are ask asking at best bit can care cheers contact day else
    evening for further get glad good got great happy have hello help helping helps here hey hi hike hiking holidays
    hope i if in is it journey just kind know let little long many me message moment more morning much need nice no
    of on one or other our out patience please pleasure question questions reach reading really regards safe see
    shopping so soon sorry take talk thank thanks that the there thing this time to trail trails travels trip truly
    understand understood us very wait waiting warm we weekend welcome with wonderful would write writing you your
    """.split()
)
_PLAIN_CHINESE: Final = re.compile(
    r"\W*(?:[您你]好|(?:谢谢|感谢|多谢)[您你]?的?(?:耐心)?(?:等待|咨询|反馈|理解|支持|来信)?|(?:非常|很|真)?(?:抱歉|不好意思|对不起)"
    r"|不客气|请稍等|明白了?|收到|希望(?:能|可以)?(?:对您有(?:所)?帮助|帮(?:到|助)[您你])"
    r"|祝[您你]?(?:生活|旅途|旅行|购物|周末|工作|假期|徒步|一切)*(?:愉快|顺利|开心)|(?:请问)?[您你]?还有(?:什么|其他|别的)*(?:问题|需要|疑问)(?:吗)?"
    r"|(?:如果?|若)?[您你]?(?:还)?有(?:任何|其他|别的|什么)*(?:问题|疑问|需要)[，,]?(?:请|欢迎)?(?:随时)?(?:联系|告诉|问|找)(?:我们?))\W*"
)
_COURTESY: Final = re.compile(rf"\W*(?:{'|'.join((*_ENGLISH, *_CHINESE))})\W*", re.I)
_LEAD: Final = re.compile(r"^\s*(?:(?:hi|hello|hey|dear) [^,.!\n]{1,40}[,!]|happy to help:|of course[.,!:])\s+", re.I)


def without_lead(sentence: str) -> str:
    """The sentence without the greeting in front of it."""
    return _LEAD.sub("", sentence)


def is_plain_courtesy(sentence: str) -> bool:
    """Whether it is a courtesy of a few common words alone: one that may be said to a customer without a source.

    `is_courtesy` lets a sentence go on as it likes ("write to us here ..."), which is enough to judge what people wrote;
    a model could be made to say anything in that place. Names are none of those words: it could be another customer's.
    Nor is what could answer a question: "Of course!".
    """
    if re.search(r"[\u4e00-\u9fff]", sentence):
        return _PLAIN_CHINESE.fullmatch(sentence) is not None
    words = re.findall(r"[^\W_]+", re.sub(r"['’]\w+", "", sentence).lower())
    return bool(words) and is_courtesy(sentence) and _PLAIN_ENGLISH.issuperset(words)


def without_courtesies(text: str) -> str:
    """What of a text says something, in its order; the text itself where nothing does."""
    told = [sentence for sentence in sentences(without_lead(text)) if not is_courtesy(sentence)]
    return " ".join(told) or text.strip()


def is_courtesy(sentence: str) -> bool:
    """Whether nothing in it could be true or false of the company; a smile alone is one."""
    if not re.search(r"\w", sentence):
        return True
    return _COURTESY.fullmatch(sentence) is not None and not facts(sentence)
