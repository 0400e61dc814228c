"""Tasks of a language model from files with an example per line."""

import hashlib
import json
import random
import tomllib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from holdfast.errors import HoldfastError, reading
from holdfast.streams.language import Example, Texts
from holdfast.text import safe_name, shown
from holdfast.validation import Strict, validated

LINES = ".jsonl"
LIST = ".toml"
TEXT = ".txt"
FEWEST_TASKS = 2
PARTS = ("train", "validation", "test")
HELD_OUT = 0.2  # the share of the examples for each part that a file does not have
SPLIT_SEED = 0


class Line(Strict):
    """One example as a line of a file.

    Args:
        prompt: What stands before the completion.
        completion: What is learnt.
        text: A text of which every token is learnt, in place of the two.
        split: The part that the example belongs to. None: it is drawn.
    """

    prompt: str | None = None
    completion: str | None = None
    text: str | None = None
    split: Literal["train", "validation", "test"] | None = None

    @model_validator(mode="after")
    def _is_one_form(self) -> "Line":
        """Refuse an example that says nothing, or says it twice."""
        is_pair = self.prompt is not None and self.completion is not None
        has_half = self.prompt is not None or self.completion is not None
        if (self.text is not None) == has_half or has_half != is_pair:
            raise HoldfastError("expected the fields prompt and completion, or the field text")
        said = self.completion if self.text is None else self.text
        if not (said or "").strip():
            raise HoldfastError("there is nothing to learn, since the completion or text is empty")
        return self

    @property
    def example(self) -> Example:
        """The example as streams take it."""
        if self.text is not None:
            return self.text
        return (self.prompt or "", self.completion or "")


class _Entry(Strict):
    """One task in a TOML file."""

    file: str
    name: str | None = None


class _List(Strict):
    """A TOML file that lists tasks."""

    task: list[_Entry]


@dataclass(frozen=True)
class TaskFiles:
    """The tasks that were read.

    Args:
        texts: The examples of each task, by its name.
        notes: What a user should know, such as how examples were held out.
    """

    texts: dict[str, Texts]
    notes: tuple[str, ...]

    def digests(self) -> dict[str, str]:
        """Compute what the examples of each task are known by."""
        return {name: _digest(texts) for name, texts in self.texts.items()}


def read_tasks(source: Path, held_out: float = HELD_OUT) -> TaskFiles:
    """Read the tasks of a folder, or of a TOML file that lists them.

    Each line of a file is a JSON object with `prompt` and `completion`, or with `text`. With
    `split` it says whether the example is for "train", "validation" or "test". What a file does not
    have is drawn from its training examples.

    Args:
        source: A folder with a file `NAME.jsonl` per task, or a TOML file with a table `[[task]]`
            per task, which has `file` and may have `name`.
        held_out: The share of the examples that is drawn for each missing part, in (0, 0.5).

    Returns:
        The tasks by name. Those of a folder are sorted.

    Raises:
        HoldfastError: A file is missing or damaged; the message names the file and the line.
    """
    if not 0 < held_out < 0.5:
        raise HoldfastError(
            "the held-out share is above 0 and below 0.5, because it is taken for validation and "
            f"again for testing, got {held_out}"
        )
    files = _files_of(source)
    if len(files) < FEWEST_TASKS:
        raise HoldfastError(
            f"stages need at least two tasks, {safe_name(str(source))} has {len(files)}; add a "
            f"file NAME{LINES} for each task"
        )
    texts: dict[str, Texts] = {}
    drawn: dict[tuple[str, ...], list[str]] = {}
    for name, file in files:
        lines = _lines_of(file)
        texts[name], missing = _parted(lines, held_out, safe_name(str(file)), name)
        if missing:
            drawn.setdefault(missing, []).append(name)
    notes = []
    for missing, names in drawn.items():
        parts = " and ".join(missing)
        notes.append(
            f"{100 * held_out:g} % of the training examples are held out for {parts}, by a fixed "
            f"seed: {', '.join(map(shown, names))}"
        )
    return TaskFiles(texts, tuple(notes))


def read_general(file: Path) -> list[Example]:
    """Read general text, on which it is measured what training costs.

    Args:
        file: A file with a text per line (.txt), or with a JSON object per line (.jsonl).

    Returns:
        The texts.

    Raises:
        HoldfastError: The file is missing, empty or damaged.
    """
    name = safe_name(str(file))
    if file.suffix == TEXT:
        with _opened(file):
            lines = file.read_text(encoding="utf-8").splitlines()
        texts: list[Example] = [line for line in lines if line.strip()]
    else:
        texts = [line.example for line in _lines_of(file)]
    if not texts:
        raise HoldfastError(f"the general text {name} is empty; expected a text per line")
    return texts


def digest_of_examples(examples: Sequence[Example]) -> str:
    """Compute what examples are known by."""
    text = json.dumps(list(examples))
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(texts: Texts) -> str:
    """What the examples of a task are known by."""
    parts = [list(texts.train), list(texts.validation), list(texts.test)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _files_of(source: Path) -> list[tuple[str, Path]]:
    """The name and the file of each task."""
    name = safe_name(str(source))
    if source.is_dir():
        found = [(file.stem, file) for file in sorted(source.glob(f"*{LINES}"))]
        if not found:
            raise HoldfastError(
                f"the folder {name} holds no tasks; expected a file NAME{LINES} for each of them"
            )
        return found
    if not source.is_file():
        raise HoldfastError(
            f"there is no folder or file {name} with tasks; give a folder with a file "
            f"NAME{LINES} for each task, or a TOML file that lists them"
        )
    if source.suffix != LIST:
        raise HoldfastError(
            f"{name} is one file, but stages need several tasks; give the folder of the files, "
            "or a TOML file that lists them"
        )
    with reading(name, "TOML"):
        listed = validated(_List, **tomllib.loads(source.read_text(encoding="utf-8")))
    files: dict[str, Path] = {}
    for entry in listed.task:
        # Names of files in a list are seen from the list.
        file = source.parent / entry.file
        task = entry.name or file.stem
        if task in files:
            raise HoldfastError(f"{name}: two tasks are called {task!r}; give one another name")
        files[task] = file
    return list(files.items())


def _opened(file: Path) -> AbstractContextManager[None]:
    """Turn what goes wrong with a file into one sentence that names it."""
    name = safe_name(str(file))
    if not file.is_file():
        raise HoldfastError(f"there is no file {name}; check the path")
    return reading(name, "text in UTF-8")


def _lines_of(file: Path) -> list[Line]:
    """The examples of a file."""
    with _opened(file):
        # Editors on Windows begin a file with a mark that JSON does not have.
        texts = file.read_text(encoding="utf-8-sig").splitlines()
    examples = []
    for number, text in enumerate(texts, 1):
        # Editors leave an empty line at the end.
        if text.strip():
            examples.append(_line(text, f"{safe_name(str(file))}, line {number}"))
    return examples


def _line(text: str, where: str) -> Line:
    """One example."""
    # Two steps, because a message about a field needs no word about JSON.
    with reading(where, "a JSON object"):
        values = json.loads(text)
    if not isinstance(values, dict):
        raise HoldfastError(f"{where}: expected a JSON object, got {text.strip()[:50]!r}")
    try:
        return validated(Line, **values)
    except (HoldfastError, TypeError) as error:
        raise HoldfastError(f"{where}: {error}") from None


def _parted(
    lines: Sequence[Line], held_out: float, where: str, name: str
) -> tuple[Texts, tuple[str, ...]]:
    """The parts of a task, and the names of those that were drawn."""
    parts: dict[str, list[Example]] = {part: [] for part in PARTS}
    for line in lines:
        parts[line.split or "train"].append(line.example)
    missing = tuple(part for part in PARTS[1:] if not parts[part])
    examples = parts["train"]
    # One example is left to train on, and one goes to each part that is drawn.
    if len(examples) <= len(missing):
        needed = f"needs at least {len(missing) + 1}"
        if missing:
            needed += f", from which those for {' and '.join(missing)} are taken"
        raise HoldfastError(
            f"task {shown(name)!r} has too few training examples in {where}: {len(examples)}; it "
            f"{needed}"
        )
    order = list(range(len(examples)))
    # Not the seed of a training: all seeds are scored on the same examples.
    random.Random(SPLIT_SEED).shuffle(order)
    count = max(1, round(held_out * len(examples)))
    # Small files keep an example to train on, whatever the share is.
    count = min(count, (len(examples) - 1) // max(len(missing), 1))
    for part in missing:
        # In the order of the file, so that the drawn examples are easy to find in it.
        chosen = sorted(order[:count])
        parts[part] = [examples[place] for place in chosen]
        order = order[count:]
    train = [examples[place] for place in sorted(order)]
    return Texts(train, parts["test"], parts["validation"]), missing
