"""What colleagues and customers read of a name."""

import pytest

from chatbot.accounts.models import User


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("Mia", "Berger", "Mia Berger"),
        ("小明", "王", "王小明"),
        ("娜娜", "欧阳", "欧阳娜娜"),
        ("Ming", "王", "Ming 王"),
        ("小明", "", "小明"),
        ("", "", "xm"),
    ],
)
def test_a_name_is_written_as_its_language_writes_it(first: str, last: str, shown: str) -> None:
    assert User(username="xm", first_name=first, last_name=last).shown_name == shown
