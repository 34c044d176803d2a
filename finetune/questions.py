"""What kind of answer a question wants (an amount, a time, a place ...) and whether a text could be one.

Pure. English and Chinese in full, German, French and Spanish in their commonest forms.
"""

import re
from functools import lru_cache
from typing import Final, Literal, cast

from finetune.facts import facts, names

Ask = Literal[
    "money", "duration", "clock", "date", "place", "phone", "email", "quantity", "person", "yesno", "how", "why"
]

_ASKS: Final[tuple[tuple[Ask, re.Pattern[str]], ...]] = tuple(
    (ask, re.compile(pattern, re.I))
    for ask, pattern in cast(
        tuple[tuple[Ask, str], ...],
        (
            (
                "money",
                r"\bhow much (?:is|are|does|do|would|will|for|to|it)\b(?!.{0,30}\b(?:weigh|hold))|\b(?:cost|price|fee)s?\b.{0,40}\?|\bwhat (?:is|are|'s) the (?:\w+ )?(?:price|cost|fee|charge)"
                r"|\bhow much\b.{0,30}\b(?:cost|pay|charge)|多少钱|什么价|价格是|费用是|(?:运费|费用|价格|收费).{0,6}(?:多少|几)|wie ?viel kostet|was kostet|combien (?:coûte|ça coûte)|cuánto cuesta",
            ),
            (
                "duration",
                r"\bhow (?:long|soon|fast|quickly|many (?:days|weeks|months|hours|years|minutes))\b(?!.{0,12}\b(?:is the|are the) (?:\w+ )?(?:rope|cord|cable|pole|strap)s?\b)"
                r"|\b(?:deadline|time limit|within what time)\b|多久|多长时间|几天|多少天|几个工作日|期限|wie lange|combien de temps|cuánto tiempo",
            ),
            (
                "clock",
                r"\b(?:what|which) time|\bwhen (?:do|does|are|is) (?:you|the|your|it)\b.{0,40}\b(?:open|close)|\bopening (?:hours|times)|\b(?:business|store|shop|opening) hours"
                r"|\bhow late\b|几点|营业时间|什么时候(?:开门|关门|营业)|wann (?:öffnet|habt|haben)|horaires|horario",
            ),
            (
                "date",
                r"\b(?:what|which) (?:date|year|day|month)\b|\bwhen (?:did|was|were)\b|\bsince when\b|哪一?年|哪天|何时|几月|什么时候|什麼時候",
            ),
            (
                "place",
                r"\bwhere\b|\b(?:what|which) (?:is the |is your )?(?:address|city|town|street|location)\b|哪里|哪儿|在哪|地址|何地|什么地方|哪裡|\bwo (?:ist|sind|kann|finde)\b|\boù\b|\bdónde\b",
            ),
            (
                "phone",
                r"\b(?:phone|telephone|hotline) (?:number)?|\bnumber (?:can i|to) call\b|电话|telefonnummer|numéro de téléphone|teléfono",
            ),
            ("email", r"\be-?mail address\b|\b(?:what|which) (?:is the |is your )?e-?mail\b|邮箱|电子邮件地址"),
            (
                "quantity",
                r"\bhow (?:many|heavy|big|large|tall|wide|deep|thick|old)\b|\bwhat (?:is the )?(?:weight|capacity|size|maximum|minimum)\b|\bhow much (?:does .{0,40}weigh|water)|多少(?!钱|天)|多重|多大|几(?:个|次|人|种|件|名|位)",
            ),
            ("person", r"\bwho\b|\bwhom\b|谁|哪位|何人|誰"),
            ("why", r"\bwhy\b|为什么|为何|原因|為什麼|warum|pourquoi"),
            (
                "how",
                r"\bhow (?:do|can|should|would|to|does)\b|\bwhat (?:do i need|steps)\b|怎么|如何|怎样|怎麼|\bwie (?:kann|muss|geht)\b|\bcomment\b|\bcómo\b",
            ),
            (
                "yesno",
                r"^(?:\W|and |but |so |ok(?:ay)?,? )*(?:is|are|can|could|do|does|did|will|would|may|must|should|has|have|am|was|were)\b|[吗嗎]|能不能|是否|可不可以|有没有|可以.{0,20}[么?？]|^(?:kann|ist|gibt|habt|haben|est-ce|puis-je|puedo|hay)\b",
            ),
        ),
    )
)
_PLACE_WORDS: Final = re.compile(
    r"\b(?:street|road|avenue|lane|square|quay|dock|floor|town|city|mall|station|plaza|building|centre|center|store in|located|location)\b"
    r"|[省市区縣县路街号镇村国州岛]|位于|地址|在",
    re.I,
)
_REASON: Final = re.compile(
    r"\b(?:because|since|so that|as |due to|therefore|reason|in order to|to avoid|for \w+ reasons)\b|因为|由于|所以|为了|因此|以便|導致|导致|由於",
    re.I,
)
_QUESTION_START: Final = re.compile(
    r"^(?:\W|and |but |so |also |ok(?:ay)?,? |hi,? |hello,? |please )*(?:what|when|where|who|whom|whose|why|which|how|is|are|can|could|do|does|did|will|would|may|must|"
    r"should|has|have|am|was|were|tell me|explain|describe|i(?:'d| would) like to know|i want to know|i need to know|any idea)\b",
    re.I,
)
_QUESTION_ZH: Final = re.compile(
    r"[吗嗎呢么]\s*$|什么|怎么|如何|多少|多久|几[天个点次]|哪|谁|为什么|是否|能不能|可不可以|有没有|可以.*吗|什麼|怎麼|誰"
)


@lru_cache(maxsize=2048)
def asks(question: str) -> frozenset[Ask]:
    """The kinds of answer wanted; the most telling ones first in meaning, not in order. Empty: no telling."""
    found: set[Ask] = {ask for ask, pattern in _ASKS if pattern.search(question)}
    if "clock" in found:
        found -= {"duration", "date"}
    if found - {"yesno", "how"}:
        found -= {"yesno"}
    return frozenset(found)


def is_question(text: str) -> bool:
    """Whether a text asks something, with or without a question mark."""
    text = text.strip()
    return text.endswith(("?", "？")) or bool(_QUESTION_START.match(text)) or bool(_QUESTION_ZH.search(text))


@lru_cache(maxsize=8192)
def fits(ask: Ask, text: str) -> bool:
    """Whether a text holds an answer of the wanted kind."""
    kinds = {(fact.kind, fact.unit) for fact in facts(text)}
    plain_kinds = {kind for kind, _ in kinds}
    if ask == "money":
        return (
            "money" in plain_kinds
            or "percent" in plain_kinds
            or bool(
                re.search(r"\bfree\b|no (?:extra )?(?:charge|fee|cost)|免费|包邮|gratis|kostenlos|gratuit", text, re.I)
            )
        )
    if ask == "duration":
        return any(
            kind == "number" and unit in {"second", "minute", "hour", "day", "week", "month", "year"}
            for kind, unit in kinds
        ) or bool(
            plain_kinds & {"date", "time"}
            or re.search(
                r"\b(?:lifetime|immediately|at once|instantly|never expires?|same day|next day|tomorrow|unlimited|no (?:time )?limit)\b|立即|当天|次日|终身|永久|不限",
                text,
                re.I,
            )
        )
    if ask == "clock":
        return "time" in plain_kinds or bool(
            re.search(r"\b(?:24/7|around the clock|closed|any hour|24 hours)\b|全天|24小时|休息", text, re.I)
        )
    if ask == "date":
        return bool(plain_kinds & {"date", "time"}) or any(
            kind == "number" and (unit in {"year", "day", "month", "week", "hour", ""}) for kind, unit in kinds
        )
    if ask == "place":
        return bool(_PLACE_WORDS.search(text)) or bool(names(text)) or "url" in plain_kinds
    if ask == "phone":
        return "phone" in plain_kinds
    if ask == "email":
        return "email" in plain_kinds
    if ask == "quantity":
        return bool(plain_kinds & {"number", "percent", "money"}) or bool(
            re.search(
                r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|dozen|unlimited|no limit)\b|[一二三四五六七八九十两百]",
                text,
                re.I,
            )
        )
    if ask == "person":
        return bool(names(text, inner_only=False)) or bool(re.search(r"[\u4e00-\u9fff]{2}", text))
    if ask == "why":
        return bool(_REASON.search(text))
    return True
