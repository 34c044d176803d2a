"""How customers sound: angry people are heard, and people with a broken product are not taken for angry ones."""

import time

import pytest

from chatbot.conversations.handoffs import mood
from chatbot.conversations.handoffs.mood import Mood

ANGRY = """
This is unacceptable, I have been waiting for three weeks!
Your customer service is a joke
I am furious. You lost my parcel twice.
WHERE IS MY MONEY??? THIS IS HORRIBLE!!!
You people are useless
what a scam
I'm sick and tired of this, nobody answers my mails
fuck you
worst company ever
I will never order from you again, terrible experience
Are you kidding me? Third time the wrong size.
this is ridiculous, I want my money back now
You are all liars and thieves
your support team is so incompetent
I've had enough of this bot
shame on you
How many times do I have to explain this
Absolutely disgusting service, I will report you
what a waste of time
wtf is wrong with you people
你们的服务太差了
骗子！退钱！
我要投诉你们
等了一个月没人回，受够了
什么垃圾公司
再也不会买你们的东西
你们到底什么时候发货？！
客服态度太差，气死我了
騙子，把錢還給我
""".strip().splitlines()

CALM = """
this error message is terrible, how do I fix it?
The zip of my tent is broken, what can I do?
My order arrived damaged and the box was horrible.
I hate the colour, can I exchange it?
The tent leaked in the storm, it was a disaster. Is that covered by the warranty?
Is the phishing mail about a scam from you?
How do I kill the process on the device?
My dog died and destroyed the shoes, can I return them?
Sorry, I made a stupid mistake with the address
Why was my payment declined?
I was charged twice, please help
The stove burned badly and hurt my hand
No worries, you guys are not bad at all!
Where is my parcel? It is late.
I'm still waiting for my refund
The instructions are useless, where do I find better ones?
STILL NOT WORKING
Your service is great, thank you so much!!!
It is a crap photo but you can see the tear
How many times can I return an order?
This is fucking awesome, thank you!
Wie kann ich die Jacke umtauschen? Die Farbe ist nicht schön.
锅坏了，怎么保修？
错误提示太难看懂了，怎么解决？
什么时候发货？
收到的鞋子有问题，可以退货吗？
怎么投诉快递？
这个颜色好难看，能换吗
谢谢，服务很好
""".strip().splitlines()


@pytest.mark.parametrize("text", ANGRY)
def test_anger_at_us_is_heard(text: str) -> None:
    assert mood.of(text).angry


@pytest.mark.parametrize("text", CALM)
def test_trouble_with_a_product_is_not_anger(text: str) -> None:
    assert not mood.of(text).angry


def test_good_and_bad_words_have_their_sign() -> None:
    assert mood.of("Thank you, that was wonderful and very helpful").value > 0.5
    assert mood.of("This is a horrible, terrible disaster").value < -0.5
    assert mood.of("Where is the office?").value == 0
    assert mood.of("谢谢，服务很好").value > 0 > mood.of("很失望，太慢了").value


def test_a_language_that_is_not_measured_is_neutral_and_not_read_as_english() -> None:
    assert mood.of("Wo finde ich die Rechnung für die Bestellung?", language="de").value == 0


@pytest.mark.parametrize(
    ("values", "bad"),
    [
        ([0.1, -0.3, -0.7], True),
        ([-0.7, -0.3, 0.1], False),
        ([-0.7, -0.7, -0.7], False),
        ([0.5, 0.4, -0.7], False),
        ([-0.3, -0.7], False),
        ([], False),
    ],
)
def test_a_mood_that_falls_over_three_messages_is_a_reason(values: list[float], bad: bool) -> None:
    assert mood.turns_bad([Mood(value) for value in values]) is bad


def test_only_the_newest_message_counts_as_an_outburst() -> None:
    assert mood.turns_bad([Mood(0), Mood(-0.8, angry=True)])
    assert not mood.turns_bad([Mood(-0.8, angry=True), Mood(0.3)])


@pytest.mark.parametrize(
    "text",
    ["you are " * 2000, "never order " * 800, "a" * 20000, "！" * 4000, "how many times do i " * 500, "你们到" * 2000],
)
def test_hostile_lengths_cost_little(text: str) -> None:
    mood.of("warm up")
    before = time.process_time()
    mood.of(text)
    assert time.process_time() - before < 1
