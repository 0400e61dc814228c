"""The model, its tokenizer and its tasks, which a process loads once."""

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import nn

from holdfast.errors import HoldfastError
from holdfast.methods import parse_method
from holdfast.models.backbone_places import Place, find_backbone
from holdfast.models.language import causal_model_at, language_model
from holdfast.staging.adapters import with_adapter
from holdfast.staging.scores import SCORERS
from holdfast.staging.settings import Places, StageSettings
from holdfast.staging.task_files import read_general, read_tasks
from holdfast.staging.training import Stage, Training
from holdfast.streams.file_digests import network_digest
from holdfast.streams.language import Example, Texts, from_prompts
from holdfast.streams.task import Part, Stream, Task
from holdfast.streams.tokenizers import Reading, opened
from holdfast.text import safe_name
from holdfast.training import Learner, optimizer

GENERAL = "general"
OF_NETWORK = "model."  # how the names of the network's tensors begin in a checkpoint


@dataclass(frozen=True)
class Built:
    """A learner for a training.

    Args:
        learner: The learner, before its first task.
        model: The model of transformers whose weights it trains.
        stages: The stages as tasks of the learner. None: there are none.
        frozen: The names of the tensors in a checkpoint that are never trained.
    """

    learner: Learner
    model: nn.Module
    stages: Stream | None
    frozen: frozenset[str]


class Workplace:
    """What trainings of the same settings share.

    Args:
        places: Where the files are.
        settings: What the trainings depend on.
        held_out: The share of the examples that is drawn for parts that a file does not have.
        device: Where to train.

    Raises:
        HoldfastError: A file can't be read, or the model has no tokenizer.
    """

    def __init__(self, places: Places, settings: StageSettings, held_out: float, device: str):
        self.settings = settings
        self.device = device
        self.texts = read_tasks(Path(places.tasks), held_out).texts
        self.tokenizer: Any = tokenizer_of(places).tokenizer
        self.place = place_of(places)
        self.tasks = self._stream(self.texts, "tasks")
        self.general = self._general(places.general)
        self._model: nn.Module | None = None

    def _stream(self, texts: dict[str, Texts], name: str) -> Stream:
        """Texts as tasks. That some were cut was said before the first training."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return from_prompts(texts, self.tokenizer, longest=self.settings.max_length, name=name)

    def _general(self, file: str | None) -> Part | None:
        """General text, of which every token counts."""
        if file is None:
            return None
        texts = Texts(read_general(Path(file)), _NO_TEST)
        return self._stream({GENERAL: texts}, GENERAL)[0].train

    def built(self, training: Training) -> Built:
        """Make a learner for a training, at the weights before its first stage."""
        # Loaded late, so that a mistake in the tasks is found before.
        if self._model is None:
            self._model = causal_model_at(self.place)
        settings = self.settings
        # Reading the files again would take longer than a short training.
        model = copy.deepcopy(self._model)
        if settings.adapter is not None:
            model = with_adapter(model, settings.adapter, training.seed)
        network = language_model(model)
        # Before there is a method, which may freeze weights that it has trained.
        frozen = {
            OF_NETWORK + name
            for name, parameter in network.named_parameters(remove_duplicate=False)
            if not parameter.requires_grad
        }
        # The untrained model takes no step, but a learner needs a number.
        steps = training.steps if training.stages else 1
        learner = Learner(
            network,
            settings.method,
            optimizer(settings.optimizer, lr=settings.lr),
            scenario="domain",
            objective="language",
            scorer=SCORERS[settings.score],
            seed=training.seed,
            device=self.device,
            steps=steps,
            batch_size=settings.batch_size,
            clip=settings.clip,
        )
        stages = None
        if training.stages:
            stages = self._stages(training.stages)
        return Built(learner, model, stages, frozenset(frozen))

    def _stages(self, stages: Sequence[Stage]) -> Stream:
        """The stages as tasks, each with the examples of its tasks, mixed evenly."""
        texts = {}
        for number, stage in enumerate(stages, 1):
            # A name of its own, because the same tasks may be trained in two stages.
            name = f"{number}: {' + '.join(stage)}"
            texts[name] = Texts(_evenly([self.texts[task].train for task in stage]), _NO_TEST)
        return self._stream(texts, "stages")

    def task(self, name: str) -> Task:
        """A task as it is scored."""
        # Its place among the files has nothing to do with its place among the stages.
        return replace(self.tasks[name], index=0)


_NO_TEST: list[Example] = [("a", "b")]  # stages are scored by the test examples of each task


def _evenly(parts: Sequence[Sequence[Example]]) -> list[Example]:
    """Join examples of several tasks, each task as often as the others."""
    longest = max(map(len, parts))
    return [part[place % len(part)] for place in range(longest) for part in parts]


def place_of(places: Places) -> Place:
    """Find the model.

    Raises:
        HoldfastError: There is none, or something else.
    """
    source = places.model
    if places.gguf is not None:
        file = Path(source).expanduser() / places.gguf
        if not file.is_file():
            raise HoldfastError(
                f"there is no file {safe_name(str(file))}; --gguf names a file in the folder of "
                "--model"
            )
        source = str(file)
    return find_backbone(source)


def model_digest(places: Places) -> str:
    """Compute a digest of the files of the model."""
    return network_digest(place_of(places).path)


def tokenizer_of(places: Places) -> Reading:
    """Load the tokenizer of the model.

    Args:
        places: Where the model is.

    Raises:
        HoldfastError: There is no tokenizer.
    """
    return opened(place_of(places).path)


def check_method(spec: str) -> None:
    """Refuse a method whose network transformers could not load.

    Args:
        spec: The method.

    Raises:
        HoldfastError: It adds weights to the network, or has weights per task.
    """
    for part in parse_method(spec).parts:
        declared = part.declare()
        if declared.parameters != "none" or declared.isolates or declared.own_weights:
            raise HoldfastError(
                f"method={spec!r}: {part.name} keeps weights that the model itself does not have, "
                "so the result could not be saved for transformers; use --adapter for adapters, "
                "and a method such as ER(100), EWC(1) or LwF() on top"
            )


# One, because each holds a model.
@lru_cache(maxsize=1)
def _workplace(places: str, settings: str, held_out: float, device: str) -> Workplace:
    """The workplace of this process, by the JSON of what it is made from."""
    return Workplace(
        Places.model_validate_json(places),
        StageSettings.model_validate_json(settings),
        held_out,
        device,
    )


def workplace(places: Places, settings: StageSettings, held_out: float, device: str) -> Workplace:
    """Give what trainings of the same settings share, which a process loads once.

    Args:
        places: Where the files are.
        settings: What the trainings depend on.
        held_out: The share of the examples that is drawn for parts that a file does not have.
        device: Where to train.
    """
    # Settings hold dicts, so the cache knows them by their text.
    return _workplace(places.model_dump_json(), settings.model_dump_json(), held_out, device)
