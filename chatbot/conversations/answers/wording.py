"""Other words for a question: what documents may call the things a customer names. They help to find, never to answer.

Pure. Customers write "postage to Toronto"; the page says "shipping" and "Canada". The words found here are given to
search beside the question at a lower weight, and nothing that is decided about the answer looks at them.
"""

import re
from functools import lru_cache
from typing import Final

from chatbot.conversations.answers import places
from finetune.terms import normalise, term_set

# What a customer writes -> what a document is likely to say. Left: words or phrases, matched as whole words.
_OTHER: Final = """
postage, p&p, freight | shipping delivery cost
courier, couriers, carrier, carriers, parcel service | courier carrier shipping partner delivery service
wire, wiring, wired, bank account, iban, sepa | bank transfer payment
bitcoin, crypto, ethereum, btc | cryptocurrency payment methods accept
cash, banknotes, coins | cash payment
card debited, debited, charged, charge my card, take the money | payment charged card
instalments, installments, pay later, klarna, afterpay, in parts | instalments pay in parts payment
cheap, cheaper, deal, deals, bargain, promo, promo code, coupon, voucher code | discount offer code price
student, college, university, school e-mail | student discount university
bulk, wholesale, b2b, company, companies, office, team order | business customers companies quantity discount
receipt, bill, vat, tax number | invoice receipt tax
duty, duties, import tax, tariff, tariffs, customs | customs duties import tax
send back, bring back, give back, take it back, sent back, sending back | return returns
money back, get my money, my money, reimburse | refund
swap, change it for, different size, bigger size, smaller size, another size, one size | exchange size
broke, broken, snapped, ripped, torn, tore, seam, came apart, falling apart, fell apart, faulty, hole | warranty claim defect repair
fix, mend, mending, resole, new sole, new zipper, zipper, workshop | repair repairs workshop cost
second hand, second-hand, used, from a friend, pre-owned, ebay | second-hand used bought original buyer proof of purchase warranty
gift, present, birthday | gift receipt present
wrong street, wrong address, wrong house, typo in, moved house, moving house, new address, house number | change delivery address order
put in the wrong, change my order, add something, forgot to add, ordered by mistake, ordered twice | change cancel order
never arrived, not arrived, hasn't arrived, did not come, didn't come, lost, missing, stolen, empty box | lost parcel missing delivery
where is my, track, tracking, status of my order | order tracking parcel
log in, sign in, locked out, can't get in, password, 2fa, authenticator | account password sign in login
hacked, stolen account, phishing, suspicious | account security
delete my data, forget me, gdpr, personal data, my data | privacy personal data delete
newsletter, marketing mails, spam | newsletter unsubscribe
points, stamps, rewards, bonus | loyalty programme points
stink, stinks, smell, smells, smelly, odour, odor | smell odour care
dirty, mud, muddy, filthy, stain, stains | clean cleaning dirty
washing machine, laundry, dry clean, tumble dry, hand wash | wash care
waterproof, watertight, rain, leak, leaks, leaking, wet | waterproof membrane water
too small, too big, too tight, too wide, half size, narrow, grew out, outgrown, outgrew | size fit
different sizes, one foot, left foot, right foot | different sizes pair mixed
kid, kids, child, daughter, son, toddler, baby | children kids
dog, dogs, pet, pets | dogs pets
parking, park, by car, bus, train, tram | parking directions
wheelchair, disabled, step-free, stairs | accessible wheelchair
open on sundays, sunday, weekend, late, tonight | opening hours
holiday, holidays, christmas, easter, new year's eve, bank holiday | holidays closed opening hours
phone, call, ring, hotline, talk to somebody | telephone contact
apply, application, vacancy, hiring, job, jobs, internship, intern, apprenticeship | careers apply application job
stove, burner, cook, cooking | stove fuel
recall, recalled, safety notice, dangerous, caught fire, overheats | safety notice recall
eco, green, sustainable, co2, carbon, recycled, recycle, recycling | sustainability environment recycled
made in, factory, where do you make, produced | made manufactured factory
founded, founder, started, how old is your company, history | founded about us
in stock, sold out, available again, back in stock | stock availability
pre-order, preorder, backorder | pre-order
rent, rental, borrow, hire, lend | rent rental hire
course, class, workshop, walk, hike, tour, event | events workshops
lightest, heaviest, weigh, heavy | weight
expire, expires, expiry, run out, valid until | expire valid months
credit, store credit | store credit
邮费, 运费, 快递费 | 配送 运费 费用
不合适, 穿不下, 太小, 太大, 长大 | 换货 尺码 儿童
坏了, 破了, 开胶, 断了, 裂了 | 保修 维修
抬头, 开票, 报销 | 发票
企业, 公司采购, 团购, 批量 | 企业采购 折扣
扔了, 没有盒子, 鞋盒 | 包装 鞋盒 退货
到账, 退钱 | 退款
租 | 租赁 出租
抗风, 几级风, 大风 | 风速 抗风 防风
雪, 下雪 | 雪 雪载
"""


@lru_cache(maxsize=1)
def _table() -> tuple[re.Pattern[str], dict[str, str]]:
    words: dict[str, str] = {}
    for row in _OTHER.strip().splitlines():
        left, _bar, right = row.partition("|")
        for form in left.split(","):
            words[normalise(form.strip())] = right.strip()
    ordered = sorted(words, key=len, reverse=True)
    latin = "|".join(re.escape(form) for form in ordered if form.isascii())
    others = "|".join(re.escape(form) for form in ordered if not form.isascii())
    return re.compile(rf"(?<![\w&])(?:{latin})(?![\w&])|{others}"), words


def other_words(question: str) -> str:
    """Words to search for besides, in the order of the question; empty when there are none."""
    pattern, words = _table()
    found = [words[match[0]] for match in pattern.finditer(normalise(question))]
    found.extend(places.country_names(question))
    return " ".join(dict.fromkeys(" ".join(found).split()))


@lru_cache(maxsize=2048)
def alternatives(question: str) -> dict[str, frozenset[str]]:
    """Terms of the question -> terms that a text about the same thing holds instead."""
    pattern, words = _table()
    found: dict[str, frozenset[str]] = {}
    for match in pattern.finditer(normalise(question)):
        for term in term_set(match[0]):
            found[term] = found.get(term, frozenset()) | term_set(words[match[0]])
    return found


def has_other_words(word: str) -> bool:
    """Whether a word has others here: a document that does not hold it may still speak of it."""
    return normalise(word) in _single_words()


@lru_cache(maxsize=1)
def _single_words() -> frozenset[str]:
    return frozenset(word for form in _table()[1] for word in form.split())
