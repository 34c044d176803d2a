"""Countries and regions under the names customers use, so that "to Germany" is not answered with the prices for France.

Pure. Cities are not listed: a capital letter makes them names, which are compared as they are.
"""

import re
from functools import lru_cache
from typing import Final

# One row per country: code, then every form. Adjectives are left out on purpose ("French press", "German shepherd").
_ROWS: Final = """
us|united states|usa|u.s.a.|u.s.|the states|america|united states of america|美国|美國|vereinigte staaten|états-unis|estados unidos
ca|canada|加拿大|kanada|canadá
mx|mexico|墨西哥|mexiko|mexique|méxico
br|brazil|brasil|巴西|brasilien|brésil
ar|argentina|阿根廷|argentinien|argentine
cl|chile|智利|chili
co|colombia|哥伦比亚|kolumbien|colombie
pe|peru|秘鲁|perú|pérou
gb|united kingdom|uk|u.k.|great britain|britain|england|scotland|wales|英国|英國|großbritannien|royaume-uni|reino unido
ie|ireland|爱尔兰|irland|irlande|irlanda
de|germany|德国|德國|deutschland|allemagne|alemania
fr|france|法国|法國|frankreich|francia
es|spain|西班牙|spanien|espagne|españa
pt|portugal|葡萄牙
it|italy|意大利|italien|italie|italia
nl|netherlands|holland|荷兰|niederlande|pays-bas|países bajos
be|belgium|比利时|belgien|belgique|bélgica
lu|luxembourg|卢森堡|luxemburg|luxemburgo
at|austria|奥地利|österreich|autriche
ch|switzerland|瑞士|schweiz|suisse|suiza
li|liechtenstein|列支敦士登
dk|denmark|丹麦|dänemark|danemark|dinamarca
se|sweden|瑞典|schweden|suède|suecia
no|norway|挪威|norwegen|norvège|noruega
fi|finland|芬兰|finnland|finlande|finlandia
is|iceland|冰岛|islande|islandia
pl|poland|波兰|polen|pologne|polonia
cz|czech republic|czechia|捷克|tschechien|tchéquie|chequia
sk|slovakia|斯洛伐克|slowakei|slovaquie|eslovaquia
hu|hungary|匈牙利|ungarn|hongrie|hungría
ro|romania|罗马尼亚|rumänien|roumanie|rumania
bg|bulgaria|保加利亚|bulgarien|bulgarie
gr|greece|希腊|griechenland|grèce|grecia
hr|croatia|克罗地亚|kroatien|croatie|croacia
si|slovenia|斯洛文尼亚|slowenien|slovénie|eslovenia
ee|estonia|爱沙尼亚|estland|estonie
lv|latvia|拉脱维亚|lettland|lettonie|letonia
lt|lithuania|立陶宛|litauen|lituanie|lituania
mt|malta|马耳他|malte
cy|cyprus|塞浦路斯|zypern|chypre|chipre
ua|ukraine|乌克兰|ucrania
ru|russia|俄罗斯|russland|russie|rusia
tr|türkiye|土耳其|türkei|turquie|turquía
rs|serbia|塞尔维亚|serbien|serbie
il|israel|以色列|israël
ae|united arab emirates|uae|dubai|阿联酋|迪拜
sa|saudi arabia|沙特
eg|egypt|埃及|ägypten|égypte|egipto
ma|morocco|摩洛哥|marokko|maroc|marruecos
za|south africa|南非|südafrika|afrique du sud|sudáfrica
ng|nigeria|尼日利亚
ke|kenya|肯尼亚|kenia
in|india|印度|indien|inde
pk|pakistan|巴基斯坦
bd|bangladesh|孟加拉国
cn|china|mainland china|中国|中國|中国大陆|国内|chine
hk|hong kong|香港|hongkong
mo|macau|macao|澳门|澳門
tw|taiwan|台湾|臺灣|taïwan
jp|japan|日本|japon|japón
kr|south korea|korea|韩国|韓國|südkorea|corée|corea
sg|singapore|新加坡|singapur|singapour
my|malaysia|马来西亚
th|thailand|泰国|泰國|thaïlande|tailandia
vn|vietnam|越南
id|indonesia|印度尼西亚|印尼
ph|philippines|菲律宾|philippinen|filipinas
au|australia|澳大利亚|澳洲|australien|australie
nz|new zealand|新西兰|紐西蘭|neuseeland|nouvelle-zélande|nueva zelanda
"""
_EU: Final = frozenset(
    """
    de fr es pt it nl be lu at dk se fi pl cz sk hu ro bg gr hr si ee lv lt mt cy ie
    """.split()
)
_EUROPE: Final = _EU | frozenset(["gb", "ch", "li", "no", "is", "ua", "rs", "tr", "ru"])
_REGIONS: Final = (
    (re.compile(r"\beu\b|\beuropean union\b|欧盟|歐盟|europäische union|union européenne|unión europea", re.I), _EU),
    (re.compile(r"\beurope\b|\beuropean (?:countries|addresses|orders)\b|欧洲|歐洲|\beuropa\b", re.I), _EUROPE),
    (re.compile(r"\bnorth america\b|北美", re.I), frozenset({"us", "ca", "mx"})),
    (re.compile(r"\bscandinavia\b|\bnordic\b|北欧", re.I), frozenset({"se", "no", "dk", "fi", "is"})),
    (
        re.compile(r"\basia\b|亚洲|亞洲", re.I),
        frozenset(["cn", "hk", "mo", "tw", "jp", "kr", "sg", "my", "th", "vn", "id", "ph", "in"]),
    ),
    (re.compile(r"\blatin america\b|\bsouth america\b|南美", re.I), frozenset(["mx", "br", "ar", "cl", "co", "pe"])),
)
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")
EVERYWHERE: Final = re.compile(
    r"\b(?:world-?wide|all (?:other )?countries|any country|every country|everywhere(?: else)?|anywhere|(?:all |any )?other (?:countries|destinations)|rest of the world|"
    r"countries (?:not|that are not)|not (?:ship|deliver|sell) (?:\w+ ){0,2}(?:abroad|internationally|outside)|only (?:ship|deliver|sell|send)|(?:ship|deliver|sell|send) only|internationally)\b"
    r"|全球|世界各地|其他国家|所有国家|其他地区|仅配送|只配送|只发|海外均",
    re.I,
)


@lru_cache(maxsize=1)
def _pattern() -> tuple[re.Pattern[str], dict[str, str]]:
    codes: dict[str, str] = {}
    for row in _ROWS.strip().splitlines():
        code, *forms = row.split("|")
        for form in forms:
            codes[form] = code
    forms = sorted((re.escape(form) for form in codes), key=len, reverse=True)
    latin = "|".join(form for form in forms if form.isascii() or not re.search(r"[\u4e00-\u9fff]", form))
    chinese = "|".join(form for form in forms if re.search(r"[\u4e00-\u9fff]", form))
    return re.compile(rf"(?<![a-zà-ÿ])(?:{latin})(?![a-zà-ÿ])|{chinese}"), codes


@lru_cache(maxsize=8192)
def countries(text: str) -> frozenset[str]:
    """ISO codes of the countries that a text names. "US" counts only in capitals: "us" is a pronoun."""
    pattern, codes = _pattern()
    found = {codes[match[0]] for match in pattern.finditer(text.casefold())}
    if re.search(r"\bUS\b", text):
        found.add("us")
    return frozenset(found)


@lru_cache(maxsize=8192)
def covered(text: str) -> frozenset[str]:
    """Countries that a passage speaks of, by name or through a region ("EU")."""
    found = set(countries(text))
    for pattern, members in _REGIONS:
        if pattern.search(text):
            found |= members
    return frozenset(found)


def mentions(text: str) -> list[tuple[int, int]]:
    """Where countries are named, as (start, end) in `text`."""
    folded = text.casefold()
    if len(folded) != len(text):
        return []
    return [match.span() for match in _pattern()[0].finditer(folded)]


# States, provinces and large cities -> country. Only names that are hardly anything else in a customer's message; they
# help to find the page of the country and are never a reason to withhold an answer.
_INSIDE: Final = """
us|alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|hawaii|idaho|illinois|indiana|iowa|kansas|kentucky|louisiana|maryland|massachusetts|michigan|minnesota|mississippi|missouri|montana|nebraska|nevada|new hampshire|new jersey|new mexico|new york|north carolina|north dakota|ohio|oklahoma|oregon|pennsylvania|rhode island|south carolina|south dakota|tennessee|texas|utah|vermont|virginia|west virginia|wisconsin|wyoming|puerto rico|los angeles|chicago|houston|philadelphia|san francisco|seattle|boston|miami|atlanta|denver|dallas|纽约|洛杉矶|加州|旧金山|芝加哥
ca|ontario|quebec|québec|british columbia|alberta|manitoba|saskatchewan|nova scotia|new brunswick|newfoundland|yukon|nunavut|toronto|montreal|montréal|vancouver|calgary|ottawa|edmonton|winnipeg|多伦多|温哥华|蒙特利尔
gb|london|manchester|birmingham|leeds|liverpool|bristol|glasgow|edinburgh|cardiff|belfast|northern ireland|伦敦|曼彻斯特
ie|dublin|galway|limerick|都柏林
de|berlin|hamburg|munich|münchen|cologne|köln|frankfurt|stuttgart|düsseldorf|leipzig|bavaria|柏林|慕尼黑|法兰克福
fr|paris|marseille|lyon|toulouse|bordeaux|lille|strasbourg|巴黎|里昂
es|madrid|barcelona|valencia|seville|sevilla|bilbao|málaga|马德里|巴塞罗那
it|rome|roma|milan|milano|naples|napoli|turin|torino|florence|firenze|罗马|米兰
nl|amsterdam|rotterdam|the hague|utrecht|阿姆斯特丹
be|brussels|bruxelles|antwerp|ghent|布鲁塞尔
at|vienna|wien|salzburg|graz|innsbruck|维也纳
ch|zurich|zürich|geneva|genève|basel|lausanne|苏黎世|日内瓦
pt|lisbon|lisboa|里斯本
dk|copenhagen|københavn|aarhus|哥本哈根
se|stockholm|gothenburg|göteborg|malmö|斯德哥尔摩
no|oslo|bergen|trondheim|stavanger|tromsø|奥斯陆
fi|helsinki|tampere|赫尔辛基
pl|warsaw|warszawa|krakow|kraków|gdansk|华沙
cz|prague|praha|brno|布拉格
hu|budapest|布达佩斯
gr|athens|thessaloniki|雅典
ro|bucharest
tr|istanbul|ankara|伊斯坦布尔
cn|beijing|shanghai|guangzhou|shenzhen|chengdu|hangzhou|wuhan|nanjing|tibet|xinjiang|北京|上海|广州|深圳|成都|杭州|武汉|南京|西藏|新疆
hk|kowloon|九龙|新界
tw|taipei|kaohsiung|台北|臺北|高雄
jp|tokyo|osaka|kyoto|东京|大阪
kr|seoul|busan|首尔
in|mumbai|delhi|bangalore|bengaluru|孟买
au|sydney|melbourne|brisbane|perth|queensland|new south wales|悉尼|墨尔本
nz|auckland|wellington|christchurch|奥克兰
ae|abu dhabi|阿布扎比
mx|mexico city|guadalajara|monterrey
br|são paulo|sao paulo|rio de janeiro
za|cape town|johannesburg
"""


@lru_cache(maxsize=1)
def _inside() -> tuple[re.Pattern[str], dict[str, str]]:
    codes: dict[str, str] = {}
    for row in _INSIDE.strip().splitlines():
        code, *forms = row.split("|")
        codes.update(dict.fromkeys(forms, code))
    latin = "|".join(sorted((re.escape(form) for form in codes if not _HAN.search(form)), key=len, reverse=True))
    han = "|".join(sorted((form for form in codes if _HAN.search(form)), key=len, reverse=True))
    return re.compile(rf"(?<![a-zà-ÿ])(?:{latin})(?![a-zà-ÿ])|{han}"), codes


@lru_cache(maxsize=1)
def _names() -> dict[str, tuple[str, ...]]:
    """code -> (its English name, its Chinese one)."""
    rows = (row.split("|") for row in _ROWS.strip().splitlines())
    return {row[0]: (row[1].title(), *[form for form in row[1:] if _HAN.search(form)][:1]) for row in rows}


def country_names(text: str) -> tuple[str, ...]:
    """Names, in English and Chinese, of the countries that a text means, also by a city or state; with "European
    Union" for its members."""
    pattern, codes = _inside()
    meant = [*sorted(countries(text)), *(codes[match[0]] for match in pattern.finditer(text.casefold()))]
    found = [name for code in dict.fromkeys(meant) for name in _names()[code]]
    if any(code in _EU for code in meant):
        found += ["European Union", "EU", "欧盟"]
    return tuple(found)


def by_country(text: str) -> str:
    """The text with states and cities replaced by their countries, as a page about delivery would say it."""
    pattern, codes = _inside()
    folded = text.casefold()
    if len(folded) != len(text):
        return text
    found, at = "", 0
    for match in pattern.finditer(folded):
        names = _names()[codes[match[0]]]
        name = names[-1] if _HAN.search(match[0]) else names[0]
        found, at = found + text[at : match.start()] + name, match.end()
    return found + text[at:]


def is_place(word: str) -> bool:
    """Whether a word is a country, state or city by itself."""
    folded = word.casefold()
    return folded in _pattern()[1] or folded in _inside()[1]
