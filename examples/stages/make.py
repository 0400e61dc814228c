"""Write three small tasks, general text, and a small untrained language model.

    python examples/stages/make.py FOLDER

The model has one token per character and some thousand weights, so `holdfast stage` takes seconds
with it. It shows the form of the files and of the results, but it knows no language.
"""

import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics

ROWS = 60  # of each task
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 .,:;+=<>{}\"'()-"
SPECIAL = ("<pad>", "<end>", "<unknown>")
LONGEST = 96  # tokens


def words(draw: random.Random) -> str:
    """Draw a word of one to four letters."""
    return "".join(draw.choices("abcde", k=draw.randint(1, 4)))


def backwards(draw: random.Random) -> tuple[str, str]:
    """A word that is to be turned around."""
    word = words(draw)
    return f"{word} backwards:", f" {word[::-1]}"


def sums(draw: random.Random) -> tuple[str, str]:
    """Two digits that are to be added."""
    first = draw.randint(0, 9)
    second = draw.randint(0, 9)
    return f"{first}+{second}=", str(first + second)


def as_json(draw: random.Random) -> tuple[str, str]:
    """A word and a number that are to be written as JSON."""
    name = words(draw)
    number = draw.randint(0, 9)
    return f"{name} is {number}:", f" {json.dumps({name: number})}"


TASKS: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "backwards": backwards,
    "json": as_json,
    "sums": sums,
}


def make_tasks(folder: Path) -> None:
    """Write a file per task, with a share of rows for validation and for testing."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    for name, example in TASKS.items():
        lines = []
        for row in range(ROWS):
            prompt, completion = example(draw)
            split = {0: "test", 1: "validation"}.get(row % 4, "train")
            values = {"prompt": prompt, "completion": completion, "split": split}
            lines.append(json.dumps(values))
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_general(file: Path, number: int = 200) -> None:
    """Write sentences of Python's own documentation, one per line."""
    sentences: list[str] = []
    for topic in sorted(topics):
        text = " ".join(topics[topic].split()).lower()
        sentences += re.findall(r"(?<=\. )[a-z ,]{30,80}\.", text)
    file.write_text("\n".join(sentences[:number]) + "\n", encoding="utf-8")


def make_model(folder: Path) -> None:
    """Write a language model and its tokenizer, as `save_pretrained` writes them."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    numbers = {token: number for number, token in enumerate((*SPECIAL, *LETTERS))}
    tokens = Tokenizer(models.WordLevel(numbers, unk_token=SPECIAL[2]))
    tokens.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    pad, end, unknown = SPECIAL
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token=pad, eos_token=end, unk_token=unknown
    )
    config = LlamaConfig(
        vocab_size=len(numbers),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make(folder: Path) -> None:
    """Write everything into a folder."""
    make_tasks(folder / "tasks")
    make_general(folder / "general.txt")
    make_model(folder / "model")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
