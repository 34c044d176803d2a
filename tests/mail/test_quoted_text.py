"""What a customer wrote is kept, what a mail program quoted below it is not: in several programs and languages."""

import pytest

from chatbot.conversations.mail.plain_text import from_html
from chatbot.conversations.mail.quoting import new_text

GMAIL = """Yes, size 42 please.

On Tue, Nov 3, 2026 at 10:11 AM Fellwren <chat@shop.test> wrote:

> Which size do you need?
> Kind regards
"""
GMAIL_WRAPPED = """Yes, size 42 please.

On Tue, Nov 3, 2026 at 10:11 AM Fellwren Customer Service <
reply+abcdefghijklmnopqrstuvwxyz234567@answers.shop.test> wrote:

> Which size do you need?
"""
APPLE = """Yes, size 42 please.

Sent from my iPhone

> On 3 Nov 2026, at 10:11, Fellwren <chat@shop.test> wrote:
>
> Which size do you need?
"""
OUTLOOK = """Yes, size 42 please.

________________________________
From: Fellwren <chat@shop.test>
Sent: Tuesday, November 3, 2026 10:11 AM
To: Kim <kim@customer.test>
Subject: Your conversation with Fellwren

Which size do you need?
"""
OUTLOOK_DESKTOP = """Yes, size 42 please.

From: Fellwren <chat@shop.test>
Sent: Tuesday, November 3, 2026 10:11 AM
To: Kim <kim@customer.test>
Subject: Your conversation with Fellwren

Which size do you need?
"""
OLD_OUTLOOK = """Yes, size 42 please.

-----Original Message-----
From: Fellwren
Which size do you need?
"""
UNMARKED = """Yes, size 42 please.

On Tue, Nov 3, 2026 at 10:11 AM, Fellwren <chat@shop.test> wrote:

Which size do you need?
"""
GERMAN_GMAIL = """Ja, Größe 42 bitte.

Am Di., 3. Nov. 2026 um 10:11 Uhr schrieb Fellwren <chat@shop.test>:

> Welche Größe brauchen Sie?
"""
GERMAN_THUNDERBIRD = """Ja, Größe 42 bitte.

Am 03.11.26 um 10:11 schrieb Fellwren:
> Welche Größe brauchen Sie?
"""
GERMAN_OUTLOOK = """Ja, Größe 42 bitte.

Von: Fellwren <chat@shop.test>
Gesendet: Dienstag, 3. November 2026 10:11
An: Kim <kim@customer.test>
Betreff: Ihr Gespräch

Welche Größe brauchen Sie?
"""
GERMAN_GMX = """Ja, Größe 42 bitte.

Gesendet mit der GMX Mail App

> Gesendet: Dienstag, 03. November 2026 um 10:11 Uhr
> Welche Größe brauchen Sie?
"""
CHINESE_APPLE = """请给我42码。

发自我的iPhone

> 在 2026年11月3日，10:11，Fellwren <chat@shop.test> 写道：
>
> 您需要什么尺码？
"""
CHINESE_GMAIL = """请给我42码。

Fellwren <chat@shop.test> 于2026年11月3日周二 10:11写道：

> 您需要什么尺码？
"""
CHINESE_QQ = """请给我42码。


------------------ 原始邮件 ------------------
发件人: "Fellwren" <chat@shop.test>;
发送时间: 2026年11月3日(星期二) 上午10:11
收件人: "kim" <kim@customer.test>;
主题: 您的会话

您需要什么尺码？
"""
CHINESE_163 = """请给我42码。

---- 回复的原邮件 ----
| 发件人 | Fellwren |
您需要什么尺码？
"""
CHINESE_163_WEB = """请给我42码。

在 2026-11-03 10:11:12，"Fellwren" <chat@shop.test> 写道：

您需要什么尺码？
"""
CHINESE_OUTLOOK = """请给我42码。

发件人: Fellwren <chat@shop.test>
发送时间: 2026年11月3日 10:11
收件人: kim@customer.test
主题: 您的会话

您需要什么尺码？
"""
FRENCH = """Oui, taille 42.

Le mar. 3 nov. 2026 à 10:11, Fellwren <chat@shop.test> a écrit :

> Quelle taille ?
"""
JAPANESE = """42でお願いします。

2026年11月3日(火) 10:11 Fellwren <chat@shop.test>:

> サイズは？
"""


@pytest.mark.parametrize(
    ("mail", "kept"),
    [
        *((mail, "Yes, size 42 please.") for mail in (GMAIL, GMAIL_WRAPPED, APPLE, OUTLOOK, OUTLOOK_DESKTOP, OLD_OUTLOOK, UNMARKED)),
        *((mail, "Ja, Größe 42 bitte.") for mail in (GERMAN_GMAIL, GERMAN_THUNDERBIRD, GERMAN_OUTLOOK, GERMAN_GMX)),
        *((mail, "请给我42码。") for mail in (CHINESE_APPLE, CHINESE_GMAIL, CHINESE_QQ, CHINESE_163, CHINESE_163_WEB, CHINESE_OUTLOOK)),
        (FRENCH, "Oui, taille 42."),
        (JAPANESE, "42でお願いします。"),
    ],
)  # fmt: skip
def test_only_the_new_words_are_kept(mail: str, kept: str) -> None:
    assert new_text(mail) == kept
    assert new_text(mail.replace("\n", "\r\n")) == kept


def test_an_answer_below_the_quotation_is_kept() -> None:
    assert new_text("On Mon 3 Nov, Shop <a@b.test> wrote:\n> Which size?\n\n42 please.\n") == "42 please."


def test_answers_between_quoted_lines_are_all_kept() -> None:
    mail = "Hi,\n\nOn Mon 3 Nov, Shop <a@b.test> wrote:\n> Which size?\n42\n> Which colour?\nGreen\n"
    assert new_text(mail) == "Hi,\n\n42\nGreen"


def test_nothing_but_quoted_text_is_kept_rather_than_nothing() -> None:
    assert "Which size" in new_text("> Which size?\n")
    assert "Which size" in new_text("From: a\nSent: b\nTo: c\nSubject: d\n\nWhich size?")


@pytest.mark.parametrize(
    "text",
    [
        "Thanks,\nplease also send the size guide.",
        "I want:\n- one boot\n- two socks\n\nBest regards\nKim\nand a lace",
        "On Monday I wrote:\nnobody answered.",
        "From: the shop\nI bought boots.",
        "My address:\nKim <kim@customer.test>:\nHill 3",
        "a -- b\n---\nc",
        "Please call: 555 123\nDate: tomorrow",
        "我在想：\n什么时候发货？",
    ],
)
def test_words_that_only_look_like_a_mail_programs_are_kept(text: str) -> None:
    assert new_text(text) == text


def test_a_signature_after_two_dashes_is_dropped() -> None:
    assert new_text("42 please\n\n-- \nKim Lee\nHill 3") == "42 please"


HOSTILE = {
    "on": "On " * 70_000,
    "on lines": "On a\n" * 50_000,
    "from": "From: a\n" * 50_000,
    "from and spaces": "From:" + " " * 300_000 + "x",
    "blank lines": "\n" * 300_000 + "x",
    "blank lines with spaces": " \n" * 150_000,
    "quotes": "> " * 150_000,
    "wrote": "wrote " * 60_000 + ":",
    "colons": "a:\n" * 50_000,
    "dashes": "-" * 300_000,
    "addresses": "a@" * 150_000 + ":",
    "dates": "2024年1月1日" * 30_000 + "写道：",
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_no_more_than_its_length(name: str) -> None:
    assert new_text(f"Hi\n{HOSTILE[name]}")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["<!--", "<a ", "&", "<div>", "<blockquote>", "<script>", "<svg>", "<table>", "<p", "<", "&#x", "<a><b>", "</div>"]
)  # fmt: skip
def test_hostile_html_takes_no_more_than_its_length(piece: str) -> None:
    from_html("words " + piece * (400_000 // len(piece)))


def test_html_keeps_words_lines_and_marks_quotations() -> None:
    html = (
        "<!doctype html><html><head><title>No</title></head><body><!-- no --><div>One</div><div>Two<br>Three</div>"
        "<ul><li>a<li>b</ul><p>5 &lt; 6 &amp; 7</p><blockquote>old<blockquote>older</blockquote></blockquote>"
        "<img src='https://evil.test/x'><svg><text>no</text></svg><style>no</style>end</body></html>"
    )
    assert from_html(html) == "One\nTwo\nThree\n- a\n- b\n5 < 6 & 7\n\n> old\n> > older\nend"
