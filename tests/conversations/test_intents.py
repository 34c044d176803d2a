"""Deciding on a canned answer: sure, too close to call, not sure; and all questions of a message or none."""

from chatbot.conversations.canned_replies.intents import Candidate, Near, Prepared, Ranked, choose, decide


def _ranked(*scores: float, threshold: float = 0.6) -> Ranked:
    candidates = tuple(Candidate(number, score) for number, score in enumerate(scores, start=1))
    return Ranked(candidates, (Near(1, "How?", 0.9),) * 9, threshold, trust=0.9)


def test_at_the_threshold_it_is_sure_and_just_below_it_is_not() -> None:
    assert decide(_ranked(0.6, 0.1)).verdict == "sure"
    assert decide(_ranked(0.599, 0.1)).verdict == "unsure"


def test_two_replies_that_fit_alike_are_too_close() -> None:
    decision = decide(_ranked(0.8, 0.75))
    assert (decision.verdict, decision.reply, decision.second) == ("close", 1, 0.75)


def test_one_reply_alone_needs_no_lead() -> None:
    assert decide(_ranked(0.61)).verdict == "sure"


def test_without_candidates_nothing_is_decided() -> None:
    assert (decide(Ranked()).verdict, decide(Ranked()).reply) == ("nothing", None)


def test_only_a_few_of_the_nearest_examples_are_kept() -> None:
    assert len(decide(_ranked(0.9)).nearest) == 3


def _prepared(reply: int) -> Prepared:
    return Prepared(reply, f"r{reply}", f"R{reply}", f"Text {reply}.", decide(_ranked(0.9)))


def test_a_part_that_is_not_covered_leaves_the_whole_message_to_the_search() -> None:
    assert choose([_prepared(1), None]) is None
    assert choose([]) is None


def test_several_questions_get_each_text_once() -> None:
    chosen = choose([_prepared(1), _prepared(2), _prepared(1)])
    assert chosen is not None
    assert chosen.text == "Text 1.\n\nText 2."
    assert [one.reply for one in chosen.replies] == [1, 2]
