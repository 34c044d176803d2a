"""Finds names of people by what stands around them: titles, greetings, "my name is", and a first name. Pure.

No model and no list of the world's names: what a conversation knows about its people is the better source. Company
words (`safe`: what stands in the documents) are never taken for a name, unless a cue says so.
"""

import re
from collections.abc import Iterator
from typing import Final

from chatbot.training.personal_data import Span

_WORD: Final = r"[A-ZÀ-ÖØ-ÞĀ-ŽΑ-ΩА-Я][\w’'-]*"
_RUN: Final = (
    rf"{_WORD}\.?(?: (?:(?:van|von|de|der|den|da|di|la|le|el|al|bin|ibn|dos|del|af) ){{0,2}}{_WORD}\.?){{0,3}}"
)
_CUES: Final[tuple[re.Pattern[str], ...]] = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:[Mm]rs?|[Mm]s|[Mm]iss|[Mm]adam|[Dd]r|[Pp]rof|Sir|Herr|Frau|Mme|Mlle|Sr|Sra)\b\.? (?P<name>{_RUN})",
        rf"\b(?i:my (?:full )?name is|name'?s|my name:|call me|name:|named|called|addressed to|on behalf of|"
        rf"my (?:wife|husband|son|daughter|mother|father|brother|sister|friend|boss|colleague|partner)(?: is)?,?) (?P<name>{_RUN})",
        rf"\b(?i:this is|i am|i'm|it's|speak (?:to|with)|talk to|spoke (?:to|with)|ask for|follow up with|attn:?) (?P<name>{_RUN})",
        rf"(?:^|\n)\s*(?i:dear|hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you),? (?P<name>{_RUN})(?=[,.!\n—-]|$)",
        rf"\b(?i:regards|sincerely|cheers|best wishes|best|yours|thanks|thank you),?[ \n]+(?P<name>{_RUN})\s*(?:$|\n)",
        rf"\b(?i:what(?:'s| is) your name\?|your name\?) (?P<name>{_RUN})",
    )
)
_PAIR: Final = re.compile(
    rf"(?<![\w@./-]){_WORD}\.?(?: (?:(?:van|von|de|der|den|da|di|la|le|al|bin|dos|del) ){{0,2}}{_WORD}\.?){{1,3}}"
)
_SINGLE: Final = re.compile(rf"(?<![\w@./-]){_WORD}")
_SURNAME: Final = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严武戴莫孔向汤"
_ZH: Final[tuple[re.Pattern[str], ...]] = (
    re.compile(
        rf"(?:我叫|我的名字(?:是|叫)|名字(?:是|叫)|姓名[:：是]?\s?|收件人[:：是]?\s?|收货人[:：是]?\s?|联系人[:：是]?\s?|叫做)(?P<name>[{_SURNAME}][\u4e00-\u9fff]{{1,2}}?)(?=[，。！？、；,.!\s的]|$|\d|电话|手机)"
    ),
    re.compile(rf"(?:我是|我姓名|这是)(?P<name>[{_SURNAME}][\u4e00-\u9fff]{{1,2}})(?=[，。！？,.!\s]|$)"),
    re.compile(rf"(?P<name>[{_SURNAME}][\u4e00-\u9fff]{{0,2}})(?=先生|女士|小姐|太太|老师|经理|阿姨|师傅)"),
    re.compile(r"我姓(?P<name>[\u4e00-\u9fff])"),
)
_FIRST: Final = frozenset(
    (
        "james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald steven "
        "paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary nicholas eric jonathan "
        "stephen larry justin scott brandon benjamin samuel gregory frank alexander raymond patrick jack dennis jerry tyler aaron jose "
        "adam nathan henry zachary douglas peter kyle noah ethan jeremy walter christian keith roger terry austin sean gerald carl "
        "dylan harold jordan jesse bryan lawrence arthur gabriel bruce logan billy joe alan juan elijah willie albert wayne randy "
        "mason vincent liam roy bobby caleb bradley russell lucas mary patricia jennifer linda elizabeth barbara susan jessica sarah "
        "karen lisa nancy betty sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie dorothy "
        "rebecca sharon laura cynthia amy kathleen angela shirley brenda emma anna pamela nicole samantha katherine christine helen "
        "debra rachel carolyn janet maria catherine heather diane olivia julie joyce victoria ruth virginia lauren kelly christina "
        "joan evelyn judith andrea hannah megan cheryl jacqueline martha madison teresa gloria sara janice ann kathryn abigail sophia "
        "frances jean alice judy isabella julia grace amber denise danielle marilyn beverly charlotte natalie theresa diana brittany "
        "doris kayla alexis lori marie ana yara jonas amara mei ali mohammed muhammad ahmed fatima aisha omar hassan ibrahim yusuf "
        "hans klaus peter jürgen stefan andreas thomas wolfgang petra monika sabine heike anja pierre jean luc francois claire camille "
        "sofia lucia carlos miguel javier antonio pedro luis jorge pablo elena carmen isabel ivan dmitri sergei olga natasha svetlana "
        "wei ming li yuki hiro kenji akira sakura priya raj amit anita sanjay deepak erik lars sven ingrid astrid nils kari tom tim "
        "ben sam max leo mia zoe ella eva nina lena jan piet kees giulia marco luca giovanni francesca paolo alex chris kate nick mike steve dave jim bob"
    ).split()
)  # fmt: skip
_COMMON: Final = frozenset(
    (
        "i'm i've i'd i'll it's that's what's let's don't can't there's the a an i you he she it we they my your his her our their this that these those what which who when where why how please thanks "
        "thank hello hi hey dear yes no ok okay sorry sure can could would will should do does did is are was were have has had if and or "
        "but so for from to in on at by with of as not just also there here all any some more now then today tomorrow yesterday "
        "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october "
        "november december order orders shipping delivery return refund customer care support service team help standard express "
        "inc ltd llc corp company group gmbh bank street avenue road north south east west new united states kingdom america europe usa uk "
        "us eu english german french chinese spanish university college school church hotel airport park museum festival orchestra "
        "islands island republic city town county lake mount port san saint st los las el great god mr mrs ms dr king queen prince princess "
        "bot user agent zip re ps pps app apt suite po box credit card black friday christmas easter happy good best kind regards sincerely "
        "visa mastercard paypal apple google amazon facebook instagram android iphone am pm usd eur gbp cny faq url id"
    ).split()
)  # fmt: skip


def find(text: str, safe: frozenset[str] = frozenset()) -> Iterator[Span]:
    """`safe` are words in small letters that name goods and places of the company."""
    for pattern in _CUES:
        for match in pattern.finditer(text):
            if run := _cleaned(match["name"]):
                yield Span("NAME", match.start("name"), match.start("name") + len(run), run)
    for pattern in _ZH:
        yield from (Span("NAME", *match.span("name"), match["name"]) for match in pattern.finditer(text))
    yield from _runs(text, safe)


def _cleaned(run: str) -> str:
    """The beginning of a run that can be a name; a full stop that ends the sentence is none of it."""
    kept: list[str] = []
    for word in run.split(" "):
        bare = word.strip(".’'-").lower()
        if bare in _COMMON or (word.isupper() and len(bare) > 3 and not kept):
            break
        kept.append(word)
    while kept and (not kept[-1] or kept[-1][0].islower()):
        kept.pop()
    joined = " ".join(kept)
    return joined if re.search(r"\b\w\.$", joined) else joined.rstrip(".")


def _runs(text: str, safe: frozenset[str]) -> Iterator[Span]:
    """Two to four words with capitals that are no words of the language or the company, and single first names."""
    for match in _PAIR.finditer(text):
        yield from _inside(match.start(), match[0], safe)
    for match in _SINGLE.finditer(text):
        if _bare(match[0]) in _FIRST - safe:
            run = match[0].removesuffix("'s").removesuffix("’s")
            yield Span("NAME", match.start(), match.start() + len(run), run)


def _bare(word: str) -> str:
    return word.strip(".,’'-").lower().removesuffix("'s").removesuffix("’s")


def _inside(start: int, run: str, safe: frozenset[str]) -> Iterator[Span]:
    words = run.split(" ")
    while words and (_bare(words[0]) in _COMMON or _bare(words[0]) in safe):
        start += len(words.pop(0)) + 1
    kept = _cleaned(" ".join(words))
    names = [word for word in kept.split(" ") if word]
    if len(names) < 2 or any(_bare(word) in safe for word in names):
        return
    known = any(_bare(word) in _FIRST for word in names)
    initials = any(re.fullmatch(r"[A-Z]\.?", word) for word in names[1:])
    if known or initials or (len(names) == 2 and not any(word.isupper() for word in names)):
        trimmed = kept.removesuffix("'s").removesuffix("’s")
        yield Span("NAME", start, start + len(trimmed), trimmed)
