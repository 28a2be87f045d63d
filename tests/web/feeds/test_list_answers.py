"""The outcomes of events that wait for their lists."""

from streams.messages.list_requests import TOKEN_BYTES_MAX, outcome_of, token_of
from web.feeds.list_answers import ListAnswers


def test_events_get_their_outcomes() -> None:
    """Each request gets those of its own events, of several lists; the first one counts."""
    answers = ListAnswers()
    with answers.expected(2) as (tokens, outcomes), answers.expected(1) as (others, of_others):
        answers.take([[outcome_of(tokens[0], "learnt")], (), [("trace", None), outcome_of(others[0], "capped")]])
        assert {tokens[0]: "learnt"} == outcomes
        answers.take([[outcome_of(tokens[0], "redelivered"), outcome_of(tokens[1], "retried")]])

        assert {tokens[0]: "learnt", tokens[1]: "retried"} == outcomes
        assert {others[0]: "capped"} == of_others


def test_an_event_that_nobody_waits_for_is_ignored() -> None:
    """Before, after, and of another gateway."""
    answers, elsewhere = ListAnswers(), ListAnswers()
    with elsewhere.expected(1) as (theirs, _):
        pass
    with answers.expected(1) as (tokens, outcomes):
        assert answers.any
        answers.take([[outcome_of(theirs[0], "learnt")]])
        assert {} == outcomes
    answers.take([[outcome_of(tokens[0], "learnt")]])

    assert {} == outcomes
    assert not answers.any


def test_tokens_are_never_used_again() -> None:
    """Nor does another gateway, or the next process of this one, use them; each fits into a header."""
    tokens = []
    for answers in (ListAnswers(), ListAnswers()):
        for n_events in (3, 0, 500):
            with answers.expected(n_events) as (few, _):
                assert n_events == len(few)
                tokens += few

    assert 1006 == len(set(tokens))
    assert all(token == token_of([("playfold-list", token)]) for token in tokens)
    assert max(map(len, tokens)) < TOKEN_BYTES_MAX
