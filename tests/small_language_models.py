"""A small causal language model, its tokenizer, and tasks of texts for it."""

import random

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from holdfast.streams.language import Example, Texts, from_prompts
from holdfast.streams.task import Stream

VOCABULARY = 50
END = 1


class Letters:
    """One token per character."""

    eos_token_id = END

    def __len__(self) -> int:
        return VOCABULARY

    def __call__(self, text: str, **options: object) -> dict[str, list[int]]:
        return {"input_ids": [2 + ord(letter) % 48 for letter in text]}


def small_model(seed: int = 0, *, tied: bool = True, layers: int = 2) -> LlamaForCausalLM:
    """A model of some thousand weights in evaluation mode."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        tie_word_embeddings=tied,
        pad_token_id=0,
        bos_token_id=END,
        eos_token_id=END,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def copies(number: int, seed: int = 0, *, reverse: bool = False) -> list[Example]:
    """Words that are to be copied, or turned around."""
    draw = random.Random(seed)
    examples: list[Example] = []
    for _ in range(number):
        word = "".join(draw.choices("abcd", k=draw.randint(1, 4)))
        if reverse:
            examples.append((f"{word}<", word[::-1]))
        else:
            examples.append((f"{word}>", word))
    return examples


def two_tasks(scenario: str = "domain", train: int = 24, test: int = 8) -> Stream:
    """Copying words, then reversing them."""
    tasks = {
        "copy": Texts(copies(train), copies(test, 1)),
        "reverse": Texts(copies(train, reverse=True), copies(test, 1, reverse=True)),
    }
    return from_prompts(tasks, Letters(), scenario=scenario)
