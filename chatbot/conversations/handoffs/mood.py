"""How a customer sounds: a number from -1 to 1 for each message, whether it is anger at us, and where it is heading.

Pure. English is scored by the lexicon of vaderSentiment, Chinese by a short list of ours; other languages count as
neutral rather than being guessed at. A product that is called terrible is a question to answer, not an angry
customer: anger needs words that are aimed at the company, its service or its people, or plain swearing.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from chatbot.conversations.answers import language as languages

READ_CHARS: Final = 1500
"""More of one message is not read."""
TREND: Final = 3
"""Messages in a row that make a trend."""
_SOUR: Final = -0.3
_BITTER: Final = -0.6
_CALM: Final = 0.05
"""What scores above this is no anger, whatever its words."""
_PRAISE: Final = 0.4
"""Above this even swearing is praise."""


@dataclass(frozen=True)
class Mood:
    value: float = 0.0
    """-1 (bad) to 1 (good)."""
    angry: bool = False


def of(text: str, *, language: str = "") -> Mood:
    """The mood of one message; `language` is what to think where the text does not tell."""
    plain = " ".join(unicodedata.normalize("NFKC", text[:READ_CHARS]).replace("’", "'").split())
    code = languages.likely_language(plain, default=language)
    if code.startswith("zh"):
        return _chinese(plain)
    return _english(plain) if code == "en" else Mood(0.0, bool(_ABUSE.search(plain)))


def turns_bad(moods: Sequence[Mood]) -> bool:
    """Whether the newest of a customer's messages (oldest first) is a reason to bring in a person.

    One angry message is. So is a mood that falls over three messages and ends low.
    """
    if not moods:
        return False
    if moods[-1].angry:
        return True
    last = [mood.value for mood in moods[-TREND:]]
    falling = len(last) == TREND and last[0] > last[1] > last[2]
    return falling and last[1] <= _SOUR / 2 and last[2] <= _BITTER


def word_for(moods: Sequence[Mood]) -> str:
    """`angry`, `bad`, `good` or `neutral`, of the newest messages."""
    if any(mood.angry for mood in moods[-TREND:]):
        return "angry"
    mean = sum(mood.value for mood in moods[-TREND:]) / max(1, len(moods[-TREND:]))
    return "bad" if mean <= _SOUR else "good" if mean >= -_SOUR else "neutral"


# --- English ------------------------------------------------------------------------------------------------
_ABUSE: Final = re.compile(
    r"\b(?:f+u+c+k+(?:ing|in|ed|er|ers)?|f\*+k?(?:ing)?|wtf|ffs|bullshit|bs|assholes?|bastards?|bitch(?:es)?|"
    r"go to hell|screw you|piss(?:ed)? off|piece of (?:shit|crap|garbage|junk))\b"
    r"|\b(?:scheiß\w*|arschl\w+|merde|connards?|mierda)\b",
    re.I,
)
_LOW: Final = (
    "terrible|awful|horrible|horrendous|atrocious|pathetic|disgusting|disgraceful|useless|worst|appalling|abysmal|"
    "rubbish|garbage|crap|shit|joke|hopeless|incompetent|unprofessional|rude|dreadful|ridiculous|shocking|lousy|poor"
)
_OURS: Final = (
    "customer (?:service|support|care)|service|support|company|shop|store|business|experience|staff|team|agents?|"
    "people|bot|chat ?bot|assistant|chat|website|you|you guys"
)
_AIMED: Final = re.compile(
    rf"\b(?:{_LOW})\s+(?:{_OURS})\b"
    rf"|\b(?:your?|ur|this|the)\s+(?:(?:{_OURS}|lot)\s+){{1,2}}(?:is|are|was|were|has been|have been)\s+(?:\w+\s+){{0,3}}(?:{_LOW})\b"
    rf"|\b(?:you(?:'re| are| guys are| people are| all are)|u r)\s+(?:\w+\s+){{0,3}}(?:{_LOW}|liars?|thieves|crooks|scammers|"
    r"stupid|idiots?|dumb|wasting|kidding|lying|stealing|scamming|cheating|not (?:helping|helpful|listening))\b"
    r"|\b(?:this is|that's|that is|it's|it is|you(?:'re| are)|what)\s+(?:\w+\s+){0,2}an?\s+(?:\w+\s+){0,2}"
    r"(?:scam|fraud|joke|rip-?\s?off|disgrace|shambles|farce|insult)\b"
    r"|\b(?:this is|that's|that is|it's|it is|simply|just|absolutely|totally|completely|utterly)\s+(?:\w+\s+){0,2}"
    r"(?:unacceptable|outrageous|ridiculous|disgraceful|pathetic|insane|absurd)\b"
    r"|\b(?:i'm|i am|im|we're|we are)\s+(?:\w+\s+){0,3}(?:furious|angry|livid|fuming|disgusted|outraged|fed up|sick of|pissed|mad at|"
    r"done with you|losing (?:my )?patience|beyond (?:frustrated|annoyed|angry)|sick and tired|tired of (?:this|you|waiting|being|your))\b"
    r"|\b(?:fed up|sick and tired|(?:i|we)(?:'ve| have) had enough(?: of|\b\W*$)|lost (?:my|all) patience|waste of (?:my |everyone's )?(?:time|money)|wasting my (?:time|money)|"
    r"stole my money|stealing my money|(?:you|been|being|was|got) ripp(?:ed|ing) (?:me )?off|worst (?:\w+ ){0,3}ever)\b"
    r"|\bnever (?:ever )?(?:\w+ )?(?:buy|buying|order|ordering|shop|shopping|use|using|deal|dealing)\b.{0,40}\bagain\b"
    r"|\b(?:nobody|no one|no-one|none of you) (?:\w+ ){0,2}(?:cares?|helps?|answers?|replies|responds?|listens?|bothers?)\b"
    r"|\bhow (?:many (?:more )?times (?:do|must|have) i (?:have to|need to|told|said|asked|written|called|explain)|dare you|hard can it be|incompetent)\b|\bshame on you\b|\bget (?:a grip|your act together)\b"
    r"|\bare you (?:kidding|serious|joking|stupid|deaf)\b|\bdo you even (?:read|care|listen)\b"
    r"|\b(?:sue you|my lawyer|legal action|small claims|trading standards|report you|charge ?back)\b",
    re.I,
)
_JOKE: Final = re.compile(r"\bjoke\b", re.I)
"""Good news to the lexicon."""
_SHOUTED: Final = re.compile(r"\b[A-Z]{3,}\b")


def _english(text: str) -> Mood:
    value = float(_lexicon().polarity_scores(text)["compound"])
    if _ABUSE.search(text):
        return Mood(value, False) if value > _PRAISE else Mood(min(value, _SOUR), True)
    if _AIMED.search(text):
        value = float(_lexicon().polarity_scores(_JOKE.sub(" ", text))["compound"])
        return Mood(min(value, _SOUR) if value <= _CALM else value, angry=value <= _CALM)
    return Mood(value, angry=value <= _BITTER and _shouts(text))


def _shouts(text: str) -> bool:
    """Capitals throughout, or a row of exclamation marks: with words that are bad enough that is anger."""
    letters = [character for character in text if character.isalpha()]
    capitals = sum(1 for character in letters if character.isupper())
    return text.count("!") >= 3 or (
        len(letters) >= 12 and capitals / len(letters) > 0.7 and len(_SHOUTED.findall(text)) >= 3
    )


@lru_cache(maxsize=1)
def _lexicon() -> Any:
    """Read once, at the first message: 7,500 words, no model."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


# --- Chinese ------------------------------------------------------------------------------------------------
# Simplified and traditional. Each group says the same; text is looked through for them as it stands.
_ANGRY_ZH: Final = re.compile(
    r"他妈|他媽|妈的|媽的|操你|草泥马|傻[逼比叉]|[脑腦][残殘]|滚蛋|[滚滾]吧|去死|混蛋|王八|[骗騙]子|坑[人爹]|[黑奸]店|[垃圾]{2}(?:公司|客服|平台|服务|服務|店|商家|机器人|機器人)"
    r"|什么破|什麼破|什么垃圾|什麼垃圾|什么玩意|什麼玩意|[气氣]死|受[够夠]了|忍无可忍|忍無可忍|太[过過]分|欺人太甚|不可理喻|莫名其妙|[无無][语語]了|太[气氣]人|火大|[恶惡]心"
    r"|(?:服务|服務|客服|[态態]度|效率|体验|體驗).{0,4}(?:太差|[极極]差|很差|真差|差[劲勁]|太[烂爛]|糟糕|[恶惡]劣|太低)"
    r"|(?:你们|你們|你|客服).{0,6}(?:到底|究竟).{0,12}[？?！!吗嗎]?|(?:没|沒)人(?:[回理管]|[处處]理|解[决決])|(?:再也|[绝絕][对對])不(?:[会會])?(?:[来來买買]|光[顾顧]|用)"
    r"|[骗騙](?:我|人|[钱錢]|消[费費]者)|[敷糊]衍|不[负負][责責]任|浪[费費]我.{0,3}[时時][间間]|(?:要|去|我)投[诉訴]|12315|消[费費]者[协協][会會]|曝光你|[给給]差[评評]"
)
_BAD_ZH: Final = re.compile(
    r"不[满滿]意|失望|糟糕|太慢|[烦煩]|生[气氣]|[讨討][厌厭]|着急|急死|[坏壞]了|[错錯][误誤]|[问問][题題]|不行|没用|沒用|差[劲勁]|太差|[难難]用|[垃圾]{2}|一直没|一直沒|[还還]没|[还還]沒"
)
_GOOD_ZH: Final = re.compile(
    r"[谢謝]|感[谢謝激]|很好|不[错錯]|[满滿]意|[喜欢歡]{2}|太好了|[赞讚]|[厉厲]害|完美|[开開]心|棒"
)


def _chinese(text: str) -> Mood:
    if _ANGRY_ZH.search(text):
        return Mood(-0.8, angry=True)
    bad = len(_BAD_ZH.findall(text))
    good = len(_GOOD_ZH.findall(_BAD_ZH.sub(" ", text)))
    return Mood(max(-1.0, min(1.0, 0.3 * (good - bad))))
