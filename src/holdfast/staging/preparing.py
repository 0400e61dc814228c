"""From what a user gives to the settings of trainings, checked before the first step."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.runs.own_method import checked_code
from holdfast.staging.loading import check_method, model_digest, place_of, tokenizer_of
from holdfast.staging.probing import Probed
from holdfast.staging.settings import Adapter, Places, StageSettings, default_rate
from holdfast.staging.task_files import TaskFiles, digest_of_examples, read_general, read_tasks
from holdfast.streams.language import from_prompts
from holdfast.streams.tokenizers import Reading
from holdfast.streams.tokens import CutTextWarning
from holdfast.text import shown
from holdfast.validation import validated


@dataclass(frozen=True)
class Prepared:
    """Settings that were checked.

    Args:
        settings: What trainings depend on.
        notes: What a user should know, such as how examples were held out.
    """

    settings: StageSettings
    notes: tuple[str, ...]


def prepare(
    places: Places,
    held_out: float,
    adapter: Adapter | None = None,
    lr: float | None = None,
    max_length: int | None = None,
    **options: object,
) -> Prepared:
    """Read the tasks, find the model, and check that they fit each other.

    Args:
        places: Where the files are.
        held_out: The share of the examples that is drawn for parts that a file does not have.
        adapter: The adapter that is trained. None: all weights are.
        lr: The learning rate. None: 0.001 for an adapter, 0.00005 for all weights.
        max_length: The most tokens of a text. None: what the model reads, at most 512.
        **options: Further fields of `StageSettings`.

    Returns:
        The settings.

    Raises:
        HoldfastError: A file is missing or damaged, or an option is wrong.
    """
    files = read_tasks(Path(places.tasks), held_out)
    place = place_of(places)
    if place.kind not in ("folder", "gguf"):
        raise HoldfastError(
            f"--model {places.model} is no language model of transformers; give a folder that "
            "save_pretrained has written, a GGUF file, or a name of the Hugging Face hub"
        )
    reading = tokenizer_of(places)
    settings = validated(
        StageSettings,
        model="",
        tasks=files.digests(),
        general=_general_digest(places),
        adapter=adapter,
        lr=default_rate(adapter) if lr is None else lr,
        max_length=reading.length(max_length),
        **options,
    )
    check_method(settings.method)
    known: Mapping[str, object] = {
        "model": model_digest(places),
        "code": checked_code(settings.method, {}),
    }
    return Prepared(
        settings.model_copy(update=known), (*files.notes, *_cut(files, reading, settings))
    )


def _cut(files: TaskFiles, reading: Reading, settings: StageSettings) -> list[str]:
    """Turn all texts into tokens once, and say how many were cut."""
    tokenizer: Any = reading.tokenizer
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CutTextWarning)
        from_prompts(files.texts, tokenizer, longest=settings.max_length)
    return [str(one.message) for one in caught if issubclass(one.category, CutTextWarning)]


def refuse_changed(probed: Probed) -> None:
    """Refuse to train further if the model or the tasks are not those of the probe.

    Args:
        probed: The probe, with what was trained.

    Raises:
        HoldfastError: Files have changed since.
    """
    settings = probed.settings
    places = probed.conditions.places
    now = read_tasks(Path(places.tasks), probed.conditions.held_out).digests()
    names = sorted({*now, *settings.tasks})
    others = [name for name in names if now.get(name) != settings.tasks.get(name)]
    changed = [f"task {shown(name)}" for name in others]
    if _general_digest(places) != settings.general:
        changed.append("the general text")
    if model_digest(places) != settings.model:
        changed.append("the model")
    if changed:
        raise HoldfastError(
            f"files changed since the probe ({', '.join(changed)}), so its plan says nothing "
            "about them; restore them, or run holdfast stage probe again"
        )
    checked_code(settings.method, settings.code)


def _general_digest(places: Places) -> str | None:
    """What the general text is known by; None if there is none."""
    if places.general is None:
        return None
    return digest_of_examples(read_general(Path(places.general)))
