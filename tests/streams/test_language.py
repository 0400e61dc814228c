"""Texts as tasks: what counts, what is cut, and what is refused."""

import pytest
import torch

from holdfast.errors import HoldfastError
from holdfast.streams.language import CutTextWarning, Texts, from_prompts
from small_language_models import END, Letters


def inputs(*train, **options):
    texts = Texts(list(train), [("a", "b")])
    stream = from_prompts({"one": texts}, Letters(), **options)
    return stream[0].train.fetch(torch.arange(len(train)))[0]


def tokens(text):
    return Letters()(text)["input_ids"]


def test_the_completion_counts_and_the_end_is_learnt():
    x = inputs(("ab", "cd"), ("a", "b"))
    assert x["input_ids"].tolist() == [[*tokens("abcd"), END], [*tokens("ab"), END, 0, 0]]
    assert x["labels"].tolist() == [
        [-100, -100, *tokens("cd"), END],
        [-100, *tokens("b"), END, -100, -100],
    ]
    assert x["attention_mask"].sum(1).tolist() == [5, 3]
    open_end = inputs(("ab", "cd"), end=False)
    assert open_end["labels"].tolist() == [[-100, -100, *tokens("cd")]]


def test_every_token_of_a_plain_text_counts():
    x = inputs("abc")
    assert x["labels"].tolist() == [[*tokens("abc"), END]]


def test_texts_that_are_too_long_lose_the_start_of_their_prompt_with_one_warning():
    with pytest.warns(CutTextWarning, match="1 of 3 texts are longer than 4 tokens"):
        x = inputs(("abcdef", "gh"), ("a", "b"), longest=4)
    assert x["input_ids"][0].tolist() == [*tokens("fgh"), END]
    with pytest.warns(CutTextWarning):
        x = inputs(("ab", "cdefgh"), longest=4)
    assert x["labels"][0].tolist() == [-100, *tokens("cde")]
    with pytest.warns(CutTextWarning):
        x = inputs("abcdefgh", longest=4)
    assert x["labels"][0].tolist() == tokens("abcd")


def test_a_token_for_the_beginning_stands_once_and_one_for_the_end_last():
    class Wrapping(Letters):
        bos = 49

        def __call__(self, text, add_special_tokens=True, **options):
            ids = tokens(text)
            if add_special_tokens:
                ids = [self.bos, *ids, END]
            return {"input_ids": ids}

    texts = Texts([("ab", "c"), "abc"], [("a", "b")])
    stream = from_prompts({"one": texts}, Wrapping())
    x = stream[0].train.fetch(torch.arange(2))[0]
    assert x["input_ids"].tolist() == [[49, *tokens("abc"), END]] * 2
    assert x["labels"][0].tolist() == [-100, -100, -100, *tokens("c"), END]


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (("ab", ""), "train, 0: there is nothing to say"),
        ("  ", "there is nothing to say"),
        (("ab", 3), r"expected a pair \(prompt, completion\)"),
        (("a", "b", "c"), "expected a pair"),
        (None, "expected a pair"),
        (7, "expected a pair"),
    ],
)
def test_examples_without_texts_are_refused_by_task_and_number(example, message):
    with pytest.raises(HoldfastError, match=message):
        inputs(example)


def test_a_single_token_has_nothing_before_it():
    with pytest.raises(HoldfastError, match="single token"):
        inputs("a", end=False)
    with pytest.raises(HoldfastError, match="at least 2"):
        inputs("ab", longest=1)
    with pytest.raises(HoldfastError, match="scenario"):
        inputs("ab", scenario="class")
    with pytest.raises(HoldfastError, match="no training examples"):
        from_prompts({"one": Texts([], [("a", "b")])}, Letters())
