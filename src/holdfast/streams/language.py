"""Prompts and what is to be said to them, as tasks of a language model."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from holdfast.errors import HoldfastError, one_of
from holdfast.named_inputs import NamedInputs
from holdfast.streams.choices import ChoicePart
from holdfast.streams.parts import ArrayPart, Part
from holdfast.streams.task import Stream, Task
from holdfast.streams.tokens import IDS, MASK, CutTextWarning
from holdfast.text import shown

LABELS = "labels"
IGNORED = -100  # the label of a token that is not learnt
SCENARIOS = ("domain", "task")
LONGEST = 512  # tokens of a text, unless you say otherwise
FEWEST = 2  # tokens of a text, since the first one is predicted from nothing
# A prompt and its completion, or a text of which every token counts.
Example = tuple[str, str] | str


class Tokenizer(Protocol):
    """What is asked of a tokenizer. Those of the Transformers library have it."""

    eos_token_id: int | None

    def __call__(self, text: str, **options: Any) -> Any:
        """Turn a text into `input_ids`."""

    def __len__(self) -> int:
        """The number of tokens that it knows."""


@dataclass(frozen=True)
class Texts:
    """The examples of one task of a language model.

    Args:
        train: Examples to learn from. Each is a pair (prompt, completion), of which the completion
            is learnt, or one text, of which every token is learnt.
        test: Examples to be scored by.
        validation: Examples to choose settings by. None: there are none.
        choices: Completions among which the model chooses when it is scored, such as the names of
            classes. Every completion must be one of them. None: the model says what it likes.

    Example:
        >>> len(Texts(train=[("2 + 2 =", " 4")], test=[("1 + 2 =", " 3")]).train)
        1
    """

    train: Sequence[Example]
    test: Sequence[Example]
    validation: Sequence[Example] = ()
    choices: Sequence[str] = ()


def from_prompts(
    tasks: Mapping[str, Texts],
    tokenizer: Tokenizer,
    *,
    scenario: str = "domain",
    longest: int = LONGEST,
    end: bool = True,
    name: str = "texts",
) -> Stream:
    """Make a stream of texts for a causal language model.

    Prompt and completion are turned into tokens separately, so a prompt has the same tokens when it
    is completed by a model. Begin completions with a space if the prompt does not end in one.

    Args:
        tasks: The examples of each task by its name, in the order in which they are learnt.
        tokenizer: The tokenizer of the model, such as `AutoTokenizer.from_pretrained` returns it.
        scenario: "domain": one model for all tasks, which does not know the task. "task": the task
            is known, so each may have an adapter of its own.
        longest: The most tokens of a text, at least 2. Of longer ones, the beginning of the prompt
            is left out, then the end of the completion or of the text; a warning counts them.
        end: Whether completions and texts end in the tokenizer's token for the end of a text.
        name: The name of the stream.

    Returns:
        The stream. Its inputs are `input_ids`, `attention_mask` and `labels`, and its objective is
        "language".

    Raises:
        HoldfastError: A text is missing, empty, or no text; the message names task and example.

    Warns:
        CutTextWarning: Texts were cut.
    """
    one_of("scenario", scenario, SCENARIOS)
    if longest < FEWEST:
        raise HoldfastError(f"longest is a number of tokens of at least {FEWEST}, got {longest}")
    encoder = _Encoder(tokenizer, longest, end)
    made = [encoder.task(number, *named) for number, named in enumerate(tasks.items())]
    if encoder.cut:
        warnings.warn(
            f"{encoder.cut:,} of {encoder.read:,} texts are longer than {longest} tokens and were "
            "cut; pass a larger longest= if the model can read more",
            CutTextWarning,
            stacklevel=2,
        )
    return Stream(
        tuple(made),
        scenario=scenario,
        outputs=len(tokenizer),
        shape=(),
        name=name,
        objective="language",
    )


@dataclass
class _Encoder:
    """Turns examples into tokens, and counts those that were cut."""

    tokenizer: Tokenizer
    longest: int
    end: bool
    read: int = field(default=0, init=False)
    cut: int = field(default=0, init=False)

    def task(self, number: int, name: str, texts: Texts) -> Task:
        """Make a task of its texts."""
        where = f"task {shown(name)!r}"
        validation = None
        if texts.validation:
            validation = self.scored(texts, texts.validation, number, f"{where}, validation")
        return Task(
            number,
            name,
            train=self.part(texts.train, number, f"{where}, train"),
            test=self.scored(texts, texts.test, number, f"{where}, test"),
            outputs=(0, len(self.tokenizer)),
            validation=validation,
        )

    def scored(self, texts: Texts, examples: Sequence[Example], number: int, where: str) -> Part:
        """Make a part by which a model is scored, with all choices of each example."""
        choices = list(texts.choices)
        if not choices:
            return self.part(examples, number, where)
        if len(set(choices)) < max(len(choices), FEWEST):
            raise HoldfastError(
                f"{where}: choices need at least two different texts, got {choices}"
            )
        rows = []
        right = []
        for k, example in enumerate(examples):
            prompt, said = _read(example, f"{where}, {k}")
            if said not in choices:
                raise HoldfastError(
                    f"{where}, {k}: the completion {shown(said)!r} is none of the choices"
                )
            right.append(choices.index(said))
            rows += [self._row((prompt, choice), f"{where}, {k}") for choice in choices]
        return ChoicePart(_joined(rows), torch.tensor(right, dtype=torch.long), number)

    def part(self, examples: Sequence[Example], number: int, where: str) -> ArrayPart:
        """Make the part of a task from its examples."""
        rows = [self._row(example, f"{where}, {k}") for k, example in enumerate(examples)]
        return ArrayPart(_joined(rows), torch.zeros(len(rows), dtype=torch.long), number)

    def _row(self, example: object, where: str) -> tuple[list[int], list[int]]:
        """The tokens of an example, and their labels."""
        prompt, said = _read(example, where)
        before: list[int] = []
        if prompt:
            before = self._tokens(prompt, special=True)
        tokens = self._tokens(said, special=not before)
        if self.end and self.tokenizer.eos_token_id is not None:
            tokens = [*tokens, self.tokenizer.eos_token_id]
        if len(before) + len(tokens) < FEWEST:
            raise HoldfastError(
                f"{where}: {shown(said)!r} is a single token, which nothing comes before; give a "
                "prompt, or a longer text"
            )
        self.read += 1
        return self._within(before, tokens)

    def _within(self, before: list[int], tokens: list[int]) -> tuple[list[int], list[int]]:
        """Cut a text to the allowed length, and label it."""
        self.cut += len(before) + len(tokens) > self.longest
        # One token of the prompt stays, because the first token of a text cannot be learnt.
        kept = min(len(tokens), self.longest - min(len(before), 1))
        tokens = tokens[:kept]
        # A slice from -0 would be the whole prompt, but at least one token of it is kept.
        before = before[-max(self.longest - kept, 1) :]
        return before + tokens, [IGNORED] * len(before) + tokens

    def _tokens(self, text: str, special: bool) -> list[int]:
        """The tokens of a text, after the token for its beginning if the tokenizer has one."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=special)[IDS]
        # Some tokenizers end every text; the end belongs behind the completion.
        if special and len(ids) > 1 and ids[-1] == self.tokenizer.eos_token_id:
            return ids[:-1]
        return ids


def _read(example: object, where: str) -> tuple[str, str]:
    """The prompt of an example, which may be empty, and what is to be said."""
    if isinstance(example, str):
        prompt, said = "", example
    else:
        try:
            prompt, said = example  # type: ignore[misc]
        except (TypeError, ValueError):
            raise _no_example(example, where) from None
    if not isinstance(prompt, str) or not isinstance(said, str):
        raise _no_example(example, where)
    if not said.strip():
        raise HoldfastError(
            f"{where}: there is nothing to say, since the completion is empty; leave the example "
            "out"
        )
    return prompt, said


def _no_example(example: object, where: str) -> HoldfastError:
    """The error for something else than an example."""
    return HoldfastError(
        f"{where}: expected a pair (prompt, completion) of texts or one text, got "
        f"{str(example)[:50]!r}"
    )


def _joined(rows: Sequence[tuple[list[int], list[int]]]) -> NamedInputs:
    """Texts of several lengths as tensors, padded on the right."""
    length = max((len(tokens) for tokens, _ in rows), default=FEWEST)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full((len(rows), length), IGNORED)
    for place, (tokens, answers) in enumerate(rows):
        ids[place, : len(tokens)] = torch.tensor(tokens)
        mask[place, : len(tokens)] = 1
        labels[place, : len(tokens)] = torch.tensor(answers)
    padding = {IDS: 0, MASK: 0, LABELS: IGNORED}
    return NamedInputs({IDS: ids, MASK: mask, LABELS: labels}, padding=padding)
