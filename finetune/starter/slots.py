"""Values for the slots of facts, at random and in the language's way: names, prices, days, codes. Pure, seeded.

Most values are made of syllables and digits, not picked from lists: a model that has seen them all could learn them by
heart, and what it has to learn is to copy.
"""

import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

_SLOT: Final = re.compile(r"\{([A-Za-z]+)(\d?)\}")

_ONSETS: Final = "b br c cl d dr f fl g gr h j k kl l m n p pl qu r s sh st t th tr v w y z".split()
_VOWELS: Final = "a e i o u ai ea ie oo ou ar er or in on an el".split()
_CODAS: Final = ["", "", "", "n", "r", "l", "s", "t", "x", "m", "ck", "nd", "lt", "ss"]
_HAN: Final = "安北滨晨川岱东风谷光海杭禾恒湖华嘉江锦景静卡兰朗乐林龙明木宁诺鹏启清青然瑞山盛石舒松泰天维文西夏想晓新星旭雅扬逸银永宇远云泽正致中竹卓"
_SURNAMES: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余"

_LISTS: Final[dict[str, dict[str, list[str]]]] = {
    "en": {
        "items": "shoes|lamps|jackets|kettles|chairs|headphones|tents|toys|carpets|bicycles|books|pans|watches".split(
            "|"
        ),
        "item": "tent|sofa|kettle|bag|cooler|bicycle trailer|lamp|table|boat|cabin|drill|mixer".split("|"),
        "credit": "a voucher|store credit|bonus points|a gift card".split("|"),
        "color": "black|moss green|sand|sea blue|rust red|light grey|yellow|plum|copper|mint|white|navy".split("|"),
        "material": "linen|recycled wool|oak|steel|cotton|bamboo|felt|leather|cork|hemp|aluminium|silk".split("|"),
        "part": "the motor|the frame|the seams|all parts|the battery|the zip|the display|the sole".split("|"),
        "pay": "credit card|invoice|bank transfer|cash|PayPal|direct debit|gift card|cheque|Alipay".split("|"),
        "groups": "students|nurses|members|new customers|teachers|clubs|pensioners|companies".split("|"),
        "plan": "Basic|Team|Plus|Studio|Family|Solo|Pro|Starter|Atlas|Nova".split("|"),
        "room": "double room|family room|tent pitch|attic room|suite|single room|cabin".split("|"),
        "place": "the station|the old market|the library|the bridge|the town hall|the harbour".split("|"),
        "team": "repair|design|support|purchasing|returns|delivery|training|press".split("|"),
        "weekday": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday".split("|"),
        "country": (
            "France|Norway|Japan|Canada|Spain|Ireland|Austria|Poland|Brazil|Korea|Italy|Chile|Denmark|Greece|Iceland|"
            "Portugal|Sweden|Turkey|Kenya|Mexico|Germany|India|Peru|Finland|Switzerland"
        ).split("|"),
    },
    "zh": {
        "items": "鞋子|台灯|外套|水壶|椅子|耳机|帐篷|玩具|地毯|自行车|图书|炒锅|手表".split("|"),
        "item": "帐篷|沙发|水壶|背包|冰箱|拖车|台灯|桌子|电钻|搅拌机".split("|"),
        "credit": "代金券|店铺余额|积分|礼品卡".split("|"),
        "color": "黑色|墨绿色|沙色|海蓝色|锈红色|浅灰色|黄色|紫色|铜色|薄荷色|白色|藏青色".split("|"),
        "material": "亚麻|再生羊毛|橡木|钢|棉|竹|毛毡|皮革|软木|麻|铝|丝绸".split("|"),
        "part": "电机|车架|缝线|全部零件|电池|拉链|屏幕|鞋底".split("|"),
        "pay": "信用卡|支付宝|微信支付|银行转账|现金|货到付款|礼品卡|支票|银联".split("|"),
        "group": "学生|护士|会员|新客户|教师|社团|老年人|企业客户".split("|"),
        "plan": "基础|团队|高级|工作室|家庭|个人|专业|入门".split("|"),
        "room": "双人间|家庭房|营位|阁楼间|套房|单人间|木屋".split("|"),
        "place": "火车站|老集市|图书馆|大桥|市政厅|码头".split("|"),
        "team": "维修|设计|客服|采购|退货|配送|培训|公关".split("|"),
        "weekday": "周一|周二|周三|周四|周五|周六|周日".split("|"),
        "country": "法国|挪威|日本|加拿大|西班牙|爱尔兰|奥地利|波兰|巴西|韩国|意大利|智利|丹麦|希腊|冰岛|葡萄牙|瑞典|土耳其|墨西哥|德国|印度|芬兰|瑞士".split(
            "|"
        ),
    },
}
_CURRENCIES: Final = {
    "en": ["{} euro", "€{}", "${}", "{} dollars", "£{}", "{} francs"],
    "zh": ["{}元", "{}元", "{}美元", "{}欧元"],
}

Draw = Callable[[random.Random], str]


def word(chance: random.Random, *, syllables: int = 2) -> str:
    """An invented word, capitalised: Brailon, Stoukel."""
    made = "".join(chance.choice(_ONSETS) + chance.choice(_VOWELS) for _ in range(syllables)) + chance.choice(_CODAS)
    return made.capitalize()


def han(chance: random.Random, length: int) -> str:
    return "".join(chance.choice(_HAN) for _ in range(length))


def common_han(chance: random.Random, length: int) -> str:
    """Any of the common characters, so that each of them is copied now and then."""
    return "".join(chance.choice(common_characters()) for _ in range(length))


@cache
def common_characters() -> str:
    """The 3,755 characters of everyday Chinese: level 1 of GB 2312, rows 16 to 55, in its order."""
    cells = (bytes([0xA0 + row, 0xA0 + cell]) for row in range(16, 56) for cell in range(1, 95))
    return "".join(code.decode("gb2312", "ignore") for code in cells)


def _money(chance: random.Random, language: str, currency: str) -> str:
    amount = chance.choice([chance.randint(1, 30), chance.randint(10, 400), chance.randint(100, 2999)])
    cents = chance.choice(["", "", f".{chance.randint(0, 99):02d}", ".90", ".50"])
    return currency.format(f"{amount}{cents}")


def _time(chance: random.Random) -> str:
    return f"{chance.randint(6, 22)}:{chance.choice(['00', '00', '15', '30', '45'])}"


def _code(chance: random.Random) -> str:
    letters = "".join(chance.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(chance.randint(2, 5)))
    return f"{letters}{chance.randint(2, 9999)}"


_NUMBERS: Final[dict[str, tuple[int, int]]] = {
    "days": (2, 120),
    "weeks": (2, 16),
    "months": (2, 36),
    "years": (2, 25),
    "hours": (2, 90),
    "minutes": (5, 240),
    "number": (2, 60),
    "percent": (2, 60),
    "degrees": (20, 95),
    "grams": (20, 4800),
    "year": (1890, 2025),
}


def draw(kind: str, chance: random.Random, language: str, *, currency: str = "", company: str = "") -> str:
    """A value for a slot of this kind. Raises KeyError for a kind that does not exist."""
    if kind in _NUMBERS:
        return str(chance.randint(*_NUMBERS[kind]))
    if kind in _LISTS[language]:
        return chance.choice(_LISTS[language][kind])
    english = language == "en"
    match kind:
        case "money":
            return _money(chance, language, currency or chance.choice(_CURRENCIES[language]))
        case "time":
            return _time(chance)
        case "code":
            return _code(chance)
        case "company":
            return company
        case "product" if english:
            tail = chance.choice(
                ["", "", f" {chance.randint(2, 900)}", f" {word(chance, syllables=1)}", " Pro", " Mini"]
            )
            return word(chance, syllables=chance.choice([2, 2, 3])) + tail
        case "product":
            return han(chance, chance.choice([2, 2, 3])) + chance.choice(
                ["", f"{chance.randint(2, 900)}", "Pro", "轻便版"]
            )
        case "person" if english:
            return f"{word(chance)} {word(chance, syllables=chance.choice([1, 2]))}"
        case "person":
            return chance.choice(_SURNAMES) + han(chance, chance.choice([1, 2]))
        case "city" if english:
            return word(chance) + chance.choice(["", "", " Falls", "burg", " Bay", "ton"])
        case "city":
            return han(chance, 2) + chance.choice(["", "市", "县"])
        case "street" if english:
            return f"{chance.randint(1, 199)} {word(chance)} {chance.choice(['Street', 'Road', 'Lane', 'Square'])}"
        case "street":
            return f"{han(chance, 2)}路{chance.randint(1, 999)}号"
    raise KeyError(kind)


def currency(chance: random.Random, language: str) -> str:
    """How one company writes its prices: a text with {} for the amount."""
    return chance.choice(_CURRENCIES[language])


def kinds(text: str) -> set[str]:
    """The slots a wording has, with their numbers."""
    return {f"{name}{number}" for name, number in _SLOT.findall(text)}


class Values(dict[str, str]):
    """Values of one fact, drawn when first needed and the same ever after."""

    def __init__(self, chance: random.Random, language: str, given: Mapping[str, str], *, currency: str) -> None:
        super().__init__(given)
        self._chance, self._language, self._currency = chance, language, currency

    def __missing__(self, slot: str) -> str:
        kind = slot.rstrip("0123456789")
        if kind in ("Items", "group") and self._language == "en":
            value = self["items" if kind == "Items" else "groups"].capitalize()
        else:
            value = draw(kind, self._chance, self._language, currency=self._currency, company=self.get("company", ""))
            for _try in range(20):  # two of a kind in one fact differ
                if value not in self.values():
                    break
                value = draw(kind, self._chance, self._language, currency=self._currency)
        self[slot] = value
        return value

    def fill(self, text: str) -> str:
        return _SLOT.sub(lambda match: self[match[1] + match[2]], text)
