"""A carrier that hangs costs one caller a wait, and is used again soon after it answers."""

import pytest

from chatbot.conversations.live.breaker import QUIET_SECONDS, SLOW_SECONDS, TRIAL_SECONDS, Breaker, Hangs


class Carrier:
    """Answers, refuses at once, or hangs until its caller's timeout."""

    def __init__(self) -> None:
        self.now = 0.0
        self.hangs = self.refuses = False
        self.asked = 0
        self.breaker = Breaker("The carrier", clock=lambda: self.now)

    def _answer(self, word: str) -> str:
        self.asked += 1
        if self.hangs:
            self.now += 2 * SLOW_SECONDS
            raise TimeoutError
        if self.refuses:
            raise ConnectionRefusedError
        return word

    def ask(self) -> str:
        return self.breaker.call(self._answer, "yes")


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


def test_a_carrier_that_answers_or_refuses_at_once_is_asked_every_time(carrier: Carrier) -> None:
    assert carrier.ask() == "yes"
    carrier.refuses = True
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            carrier.ask()
    carrier.refuses = False
    assert carrier.ask() == "yes"
    assert carrier.asked == 5


def test_after_a_hang_nobody_waits_until_one_caller_tries_again(carrier: Carrier) -> None:
    carrier.hangs = True
    for round_ in (1, 2):
        with pytest.raises(TimeoutError):
            carrier.ask()
        for _ in range(5):
            with pytest.raises(Hangs):
                carrier.ask()
        assert carrier.asked == round_
        carrier.now += QUIET_SECONDS
    carrier.hangs = False
    assert carrier.ask() == "yes"
    assert carrier.ask() == "yes"


def test_while_one_caller_tries_the_others_are_refused(carrier: Carrier) -> None:
    carrier.hangs = True
    with pytest.raises(TimeoutError):
        carrier.ask()
    carrier.now += QUIET_SECONDS

    def others_ask() -> str:
        with pytest.raises(Hangs):
            carrier.ask()
        return "tried"

    assert carrier.breaker.call(others_ask) == "tried"


def test_a_caller_who_never_comes_back_does_not_lock_the_others_out(carrier: Carrier) -> None:
    carrier.hangs = True
    with pytest.raises(TimeoutError):
        carrier.ask()
    carrier.now += QUIET_SECONDS
    carrier.hangs = False

    def never_ending() -> str:
        carrier.now += TRIAL_SECONDS
        return carrier.ask()

    assert carrier.breaker.call(never_ending) == "yes"
