"""What a message is besides a question: a greeting, thanks, an insult, a wish for a person, an order to the bot, noise.

Pure, by wording only. In doubt a message is a question: answering one too many is better than brushing one off.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

from chatbot.conversations.answers.language import Key
from finetune.terms import terms

_FILL: Final = r"[\s,.!?;:~…'’\"“”()\-–—，。！？；：、～]*"
_SPACE: Final = re.compile(r"\s+")
_SHORT: Final = 160
"""Characters of what is looked at for small talk; longer texts say more."""

_GREETING: Final = (
    r"(?:hi+|hello+|hey+|hiya|howdy|yo|greetings|good (?:morning|afternoon|evening|day)|hi there|hello there|hey there|anyone (?:there|here)|"
    r"hallo+|guten (?:tag|morgen|abend)|moin|servus|grüezi|bonjour|bonsoir|salut|coucou|¡?hola|buenos días|buenas(?: tardes| noches)?|ciao|olá|"
    r"您好|你好[呀啊]?|哈喽|嗨|早上好|下午好|晚上好|早安|在吗|在嗎|有人吗|有人嗎|hi|hello)"
)
_THANKS: Final = (
    r"(?:(?:ok(?:ay)?|great|perfect|cool|awesome|super|alright|nice|good)?[\s,!.]*(?:many thanks|thanks?(?: you)?(?: (?:so|very) much| a lot| a ton| a million)?|thx|ty|cheers|much appreciated|"
    r"appreciate it|danke(?: schön| sehr)?|vielen dank|merci(?: beaucoup| bien)?|(?:muchas )?gracias|grazie|obrigad[oa]|谢谢(?:你|您|啦|了)?|多谢|感谢|非常感谢|謝謝(?:你|您)?|感謝)"
    r"(?:[\s,!.]*(?:for (?:your|the|all your)? ?(?:help|time|info|information|support|answer|quick (?:reply|answer))|that(?:'s| was| is)?(?: really| very)? ?(?:helped|helpful|great|all|perfect|useful|answers? it)?"
    r"(?: me)?(?: a lot)?|you(?:'ve| have)? (?:been|were|are) (?:very |so |really )?(?:helpful|great|kind)|bye|again|你的帮助|您的帮助|帮忙))*)"
)
_BYE: Final = (
    r"(?:(?:good)?bye+(?: bye)?|see (?:you|ya)(?: later| soon)?|cya|have a (?:nice|good|great) (?:day|one|evening|weekend)|good night|take care|farewell|tschüss|"
    r"auf wiedersehen|au revoir|adiós|adios|hasta luego|再见|拜拜|再會|再見|回头见|晚安|that'?s all(?: for now)?|no,? that'?s (?:all|it)|nothing else)"
)
_ROBOT: Final = (
    r"(?:(?:so |wait |hold on )?(?:are|r) (?:you|u) (?:a |an |really a? ?|actually a? ?)?(?:real )?(?:robot|bot|chat ?bot|human|person|machine|ai|a\.i\.|real|computer|real person|an? ai|alive|human being)"
    r"(?: or (?:a |an )?(?:real )?(?:robot|bot|human|person|machine|ai))?|am i (?:talking|chatting|speaking|writing) (?:to|with) (?:a |an )?(?:real )?(?:robot|bot|chat ?bot|human|person|machine|ai)(?: or (?:a |an )?(?:real )?(?:bot|robot|human|person|machine))?|"
    r"is this (?:a )?(?:bot|robot|ai|human|real person|automated)|who (?:are|r) (?:you|u)|what are you|what(?:'s| is) your name|do you have a name|"
    r"(?:bist du|sind sie) (?:ein |eine )?(?:roboter|bot|mensch|maschine|ki)|wer (?:bist du|sind sie)|(?:es-tu|êtes-vous|tu es|vous êtes) un (?:robot|humain|bot)|qui (?:êtes-vous|es-tu)|¿?(?:eres|es usted) un (?:robot|humano|bot)|¿?quién eres|"
    r"你是(?:不是)?(?:机器人|人工智能|真人|人吗|人还是机器人?|AI|ai|機器人)(?:吗|嗎|还是(?:真人|人|机器人))?|您是(?:机器人|真人|機器人)(?:吗|嗎|还是(?:真人|机器人))?|你是谁|您是谁|你是誰|你叫什么(?:名字)?|是机器人吗|是真人吗)"
)
_WELL: Final = (
    r"(?:(?:and )?how (?:are|r) (?:you|u)(?: doing)?(?: today)?|how(?:'s| is) it going|what'?s up|sup|how do you do|how have you been|wie geht'?s(?: dir| ihnen)?|wie geht es (?:dir|ihnen)|"
    r"(?:comment )?ça va|comment allez-vous|¿?(?:cómo|como) estás?|¿?qué tal|你好吗|你怎么样|最近好吗|你好嗎)"
)
_ABLE: Final = (
    r"(?:what can you do(?: for me)?|what do you (?:do|know)|how can you help(?: me)?|can you help(?: me)?|(?:i need |please |i need some )?help(?: me)?(?: please)?|help|i have a question|(?:may|can) i ask (?:you )?(?:a question|something)|"
    r"quick question|was kannst du|können sie mir helfen|hilfe|aide|ayuda|que peux-tu faire|你(?:能|会)(?:做|干)什么|你能帮我吗|可以帮我吗|能帮我什么|帮助|我有(?:个|一个)?问题|想问个问题|你有什么功能)"
)
_FINE: Final = (
    r"(?:ok(?:ay|ey)?|k|kk|alright|all right|fine|great|good|perfect|cool|nice|awesome|got it|i see|understood|sure|right|yes|yep|yeah|yup|no|nope|nah|no thanks?(?: you)?|not now|hm+|aha|ah|oh|wow|lol|haha+|(?:that'?s )?(?:good|great|helpful|interesting)|"
    r"alles klar|gut|ja|nein|nein danke|d'accord|oui|non|vale|sí|好的?|好吧|嗯+|行|明白了?|知道了|了解|收到|是的?|不是|不用了?|不用谢谢|没有了|哦|哈哈+|可以)"
)
_CHAT: Final = (
    r"(?:(?:can you |please )?tell me (?:a )?(?:joke|story|something funny)|(?:do you )?(?:love|like) me|i love you|(?:will you )?marry me|what(?:'s| is) the (?:weather|time)(?: like)?(?: today| now)?|"
    r"what(?:'s| is) the meaning of life|sing (?:me )?(?:a song)?|(?:how old|where) are you(?: from)?|are you (?:single|happy|sad|ok|okay|smart|conscious)|test(?:ing)?(?: \d+)*|"
    r"讲个?笑话|说个?笑话|给我讲个?笑话|我爱你|你爱我吗|今天天气(?:怎么样|如何)?|你几岁|唱(?:首)?歌|erzähl(?:e)? (?:mir )?(?:einen )?witz|raconte(?:-moi)? une blague|cuéntame un chiste)"
)
_INSULT_WORDS: Final = re.compile(
    r"\b(?:fuck\w*|shit\w*|idiots?|stupid|moron\w*|dumb|useless|asshole|bitch|crap|suck\w*|worthless|piece of (?:shit|junk|garbage)|scheiß\w*|arschloch|dummkopf|merde|connard|mierda|pendejo)\b"
    r"|傻[逼比瓜子]|白痴|笨蛋|垃圾|废物|滚|他妈|妈的|蠢",
    re.I,
)

_TOPICS: Final[tuple[tuple[Key, str], ...]] = (
    ("robot", _ROBOT),
    ("well", _WELL),
    ("thanks", _THANKS),
    ("bye", _BYE),
    ("able", _ABLE),
    ("chat", _CHAT),
    ("fine", _FINE),
    ("greeting", _GREETING),
)
_WHOLE: Final = tuple((topic, re.compile(rf"{_FILL}(?:{pattern}){_FILL}", re.I)) for topic, pattern in _TOPICS)
_LEADING: Final = re.compile(
    rf"^{_FILL}(?:(?:{_GREETING}|{_THANKS}|{_WELL}|ok(?:ay)?|好的|请问|請問)(?:[\s,.!;:…–—，。！；：、]+|(?<=[好问問了的])(?=[\u4e00-\u9fff])))+",
    re.I,
)
_TRAILING: Final = re.compile(
    rf"[\s,.!?;:，。！？]*(?:(?:many |kind )?thanks?(?: you)?(?: (?:so|very) much| a lot| in advance)?|thx|cheers|please|pls|danke(?: schön)?|bitte|merci(?: d'avance)?|gracias|谢谢(?:你|您|啦|了)?|多谢|謝謝){_FILL}$",
    re.I,
)

# Also "I am Ann": but "I am German" or "I'm Swiss" may matter to the question.
_NAME: Final = r"(?-i:[A-Z][\w'’-]+)(?: (?-i:[A-Z][\w'’-]+)){0,2}"
_INTRODUCTION: Final = re.compile(
    rf"{_FILL}(?:(?:(?:and |by the way,? )?my name(?: is|['’]s)|the name(?: is|['’]s)|i['’]?m called|ich hei(?:ß|ss)e|mein name ist"
    rf"|je m['’]appelle|me llamo) {_NAME}|(?:i am|i['’]?m) (?!\S*(?:ish|ese|ian|can|man|ch|ss){_FILL}$){_NAME}|(?:this is )?{_NAME} (?:here|speaking)"
    rf"|(?:(?:(?:kind|best|warm)(?:est)? )?(?:regards|wishes)|{_THANKS})[\s,!.–-]+{_NAME}|(?:我叫|我的名字(?:是|叫)|本人姓?名?叫)[\u4e00-\u9fff·]{{2,6}}){_FILL}",
    re.I,
)

_PERSON_WORDS: Final = (
    "human", "person", "people", "agent", "agents", "representative", "rep", "operator", "advisor", "adviser", "colleague", "employee",
    "staff", "somebody", "someone", "manager", "supervisor", "consultant", "specialist",
)  # fmt: skip
_CONTACT: Final = frozenset(
    [
        "talk",
        "speak",
        "chat",
        "connect",
        "transfer",
        "forward",
        "escalate",
        "pass",
        "put",
        "get",
        "give",
        "want",
        "need",
        "prefer",
        "have",
        "hand",
        "bring",
        "call",
        "request",
        "speaking",
        "talking",
        "chatting",
        "switch",
        "reach",
    ]
)
_FUZZY: Final = ("human", "person", "agent", "representative", "operator", "employee")
_REAL_WORDS: Final = frozenset(
    {"humane", "humans", "humor", "humour", "urgent", "personal", "persons", "operators", "operate", "operation"}
)
_NOT_A_WISH: Final = re.compile(
    r"\b(?:do|must|should) (?:i|we) (?:have|need|really need)?\s*(?:to )?\b|\b(?:don'?t|do not|no need|not|without) (?:\w+ ){0,3}(?:talk|speak|human|person|agent)"
    r"|\b(?:spoke|talked|chatted|told|said|was|were)\b|\b(?:does|did|has|is|are) (?:an?|the|your|my|any) (?:\w+ )?(?:agent|person|representative|manager|employee|staff)\b|\bhow many\b|\bper person\b|\bpersons?'? tents?\b"
    r"|\b(?:one|two|three|four|five|six|\d+)[ -]?(?:person|people)\b|\b(?:another|other|different|someone else's|new) (?:person|people)\b|\bin person\b|\b(?:gift|refund|discount|job|apply|career)\b",
    re.I,
)
_WISH_EN: Final = re.compile(
    r"\b(?:real|live|actual|human|proper) (?:human|person|people|agent|being|support|help|operator|assistance)\b|\b(?:human|agent|operator|representative|person|live chat|live agent)\s*(?:please|pls|now|!+)|"
    r"^\W*(?:(?:a |an )?(?:human|person|agent|operator|representative|live agent|real person|human agent|customer (?:service|support|care)|support|staff))\W*$|"
    r"\b(?:someone|somebody|anyone|anybody|(?:a|any) (?:\w+ )?(?:person|human|agent|representative)) (?:\w+ ){0,3}(?:talk|speak|chat) (?:to|with)\b|"
    r"\b(?:talk|speak|chat|connect me|transfer me|put me through|put me) (?:to|with) (?:an? |the |your |some(?:one|body) (?:from|in|at) )?(?:customer (?:service|support|care)|support(?: team)?|sales(?: team)?|human|someone|somebody)\b",
    re.I,
)
_WISH_OTHER: Final = re.compile(
    r"转人工|轉人工|转接?(?:客服|真人)|人工(?:客服|服务|坐席)?[!！。.]*$|(?:找|要|接|换|请|想|需要|呼叫|联系|帮我).{0,4}(?:人工|真人|活人)|(?:跟|和|与|找).{0,3}(?:真人|人工|活人|客服人员|工作人员|客服)(?:客服)?.{0,3}(?:说|聊|谈|沟通|对话|讲|联系)|"
    r"真人客服|人工客服[!！。.]*$|我要(?:投诉|找客服)|叫(?:个|你们)?(?:经理|人工|真人)|(?:轉接?|找).{0,2}(?:真人|客服)|"
    r"\b(?:mit|an) (?:einem|einer|jemand\w*|dem|der)?\s*(?:echten |richtigen )?(?:menschen|mitarbeiter\w*|person|kundenberater\w*|berater\w*|kundendienst|jemandem)\b.{0,20}(?:sprechen|reden|chatten|schreiben|verbinden|weiterleiten)|(?:echter|richtiger) mensch|mensch bitte|mitarbeiter bitte|"
    r"\b(?:parler|discuter|passer?|mettre en relation) .{0,12}(?:à|avec|un)\s*(?:un |une |quelqu'un|votre )?(?:vrai |vraie )?(?:humain|personne|conseiller\w*|agent|quelqu'un)|un humain|conseiller s'il|"
    r"\b(?:hablar|comunicar\w*|pasar\w*|chatear) (?:con|a) (?:una? |alguien|el |su )?(?:persona|humano|agente|alguien|asesor\w*|representante)|una persona real|agente humano",
    re.I,
)
_ABOUT_PEOPLE_ZH: Final = re.compile(
    r"(?:人工|真人|客服).{0,6}(?:几点|时间|什么时候|多久|电话|多少|在哪|几天|上班|邮箱)|(?:怎么|如何).{0,6}客服.{0,4}(?:退|换|修)"
)


def squeezed(text: str) -> str:
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def has_words(text: str) -> bool:
    """Whether there is at least one letter or digit; emoji and punctuation alone have none."""
    return any(character.isalnum() for character in text)


def is_noise(text: str) -> bool:
    """Keyboard mashing: one long word without vowels or with one letter over and over, or letters without end."""
    word = squeezed(text).casefold()
    if not has_words(word):
        return True
    if " " in word or not word.isascii() or not word.isalpha():
        return bool(re.fullmatch(r"(.)\1{4,}", word))
    if re.fullmatch(r"(.{1,3})\1{3,}", word) and len(word) > 5:
        return True
    rows = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertz", "poiuytrewq", "lkjhgfdsa", "mnbvcxz")
    runs = sum(1 for i in range(len(word) - 2) if any(word[i : i + 3] in row for row in rows))
    if (
        len(word) >= 4
        and runs >= max(1, (len(word) - 2) // 2)
        and word not in {"were", "power", "poor", "tree", "property"}
    ):
        return True
    return len(word) >= 6 and not re.search(r"[aeiouy]", word)


def topic_of(text: str) -> Key | None:
    """The kind of small talk that a whole message is, or None."""
    plain = squeezed(text)
    if len(plain) > _SHORT:
        return None
    rest = _LEADING.sub("", plain)
    for candidate in (plain, rest, _TRAILING.sub("", rest)):
        if candidate and has_words(candidate):
            for topic, pattern in _WHOLE:
                if pattern.fullmatch(candidate):
                    return topic
    if not has_words(rest) and has_words(plain):
        return "thanks" if re.match(rf"{_FILL}{_THANKS}", plain, re.I) else "greeting"
    if (
        _INSULT_WORDS.search(plain)
        and len(terms(_INSULT_WORDS.sub(" ", plain))) <= 1
        and not plain.endswith(("?", "？"))
    ):
        return "insult"
    return None


def introduces(sentence: str) -> bool:
    """Whether a sentence only says who writes. A name in a question would be looked for in the documents."""
    plain = squeezed(sentence)
    return len(plain) <= _SHORT and _INTRODUCTION.fullmatch(plain) is not None


def without_courtesies(text: str) -> str:
    """The message without greetings before and thanks behind; the message itself when nothing else is in it."""
    rest = _TRAILING.sub("", _LEADING.sub("", text, count=1)).strip()
    if not has_words(rest):
        return text.strip()
    return rest + ("?" if text.rstrip().endswith("?") and not rest.endswith("?") else "")


@lru_cache(maxsize=4096)
def _corrected(word: str) -> str:
    """The word for a person that this is a misspelling of, or the word itself."""
    if word in _PERSON_WORDS or word in _REAL_WORDS:
        return word
    for known in _FUZZY:
        close = abs(len(word) - len(known)) <= 2 and word[0] == known[0]
        if close and (sorted(word) == sorted(known) or SequenceMatcher(None, word, known).ratio() >= 0.84):
            return known
    return word


def wants_person(text: str) -> bool:
    """Whether the customer asks to be handed to a person, typing errors included. Questions about people are none."""
    plain = squeezed(text).casefold().replace("’", "'")
    if _WISH_OTHER.search(plain):
        return not _ABOUT_PEOPLE_ZH.search(plain)
    if _NOT_A_WISH.search(plain):
        return False
    plain = re.sub(r"[a-z]{4,}", lambda match: _corrected(match[0]), plain)
    if _WISH_EN.search(plain):
        return True
    words = re.findall(r"[a-z']+", plain)
    people = [index for index, word in enumerate(words) if word in _PERSON_WORDS]
    for index in people:
        before = words[max(0, index - 6) : index]
        if any(word in _CONTACT for word in before) and (
            "to" in before
            or "with" in before
            or "me" in before
            or {"want", "need", "get", "prefer", "request"} & set(before)
        ):
            return len(words) <= 25
    return False
