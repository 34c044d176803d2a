"""What says nothing of the company is told from what does."""

import pytest

from finetune.courtesy import is_courtesy, is_plain_courtesy, without_lead


@pytest.mark.parametrize(
    "sentence",
    [
        "Hi [NAME_1]!", "Hello there!", "Good morning, Anna Maria.", "Thanks, [NAME_1].", "Thank you very much!",
        "Thank you for the photos, [NAME_1].", "So sorry about that.", "I'm really sorry!", "Sorry for the wait, Ben.",
        "Of course.", "Sure!", "Gladly.", "Good question.", "Hope that helps!", "Talk soon!", "You're welcome.", ":)",
        "Let me know.", "Please let us know if you need anything else.", "Just write if not.", "Anything else?",
        "Is there anything else I can do for you?", "Have a nice day!", "No worries, [NAME_1].", "Happy to help.",
        "您好！", "谢谢您的耐心等待。", "抱歉，让您久等了。", "好的。", "好的，我来帮您登记。", "祝您愉快！", "请放心。",
        "希望帮到您。", "请问还有其他问题吗？", "如有其他问题，请随时联系我们。",
        "有其他问题请随时联系我们。",
    ],
)  # fmt: skip
def test_courtesies_claim_nothing(sentence: str) -> None:
    assert is_courtesy(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Sure, we deliver to Canada.", "Of course we ship on Sundays.", "Of course, returns are free.",
        "Sorry, we do not repair sandals.", "Sorry, worn shoes cannot be returned.", "Sorry but it is sold out.",
        "Hi, your jacket is waterproof.", "Hello, it's out of stock.", "Thank you, it's with our security team now.",
        "Thanks for asking, the boots are waterproof.", "No problem, you can return them.", "Certainly not waterproof.",
        "Absolutely, both tents fit three people.", "Best sold in spring.", "Write to 5 people.", "Dear me, it leaks.",
        "You can return worn shoes.", "Let me know your size and we replace it for free.", "Got it in time.",
        "您好，我们不支持货到付款。", "抱歉，穿过的鞋不能退。", "好的，可以退货。", "当然可以退货。", "抱歉，小程序那边满了。",
        "您好，寄到香港运费 12 美元。", "谢谢您，订单已经取消。", "没问题，周日也送货。",
        "有货的问题解决了。",
    ],
)  # fmt: skip
def test_what_the_customer_is_told_is_no_courtesy(sentence: str) -> None:
    assert not is_courtesy(sentence)


def test_a_greeting_is_taken_off_a_sentence() -> None:
    assert without_lead("Hi Anna, the boots are waterproof.") == "the boots are waterproof."
    assert without_lead("Of course! Returns are free.") == "Returns are free."


@pytest.mark.parametrize(
    ("sentence", "plain"),
    [
        ("Hope that helps.", True),
        ("Happy trails!", True),
        ("Let me know if you have any other questions.", True),
        ("Thank you for your patience!", True),
        ("希望能帮到您。", True),
        ("祝您旅途愉快！", True),
        ("还有别的问题吗？", True),
        ("有问题请随时联系我们。", True),
        ("Sorry, Anna.", False),
        ("Of course!", False),
        ("No problem.", False),
        ("当然可以。", False),
        ("好的。", False),
        ("谢谢您把密码发给我们。", False),
        ("如果您有密码的问题请告诉我密码。", False),
        ("Ask here with your password.", False),
        ("Write to us when your card number is at hand.", False),
        ("😀", False),
        ("", False),
    ],
)
def test_what_may_be_said_without_a_source_is_made_of_few_words(sentence: str, plain: bool) -> None:
    assert is_plain_courtesy(sentence) is plain
