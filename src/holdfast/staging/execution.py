"""One training: from the state before its last stage to scores, to a state, and to a model."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from holdfast.errors import HoldfastError
from holdfast.metrics.token_losses import TokenLosses
from holdfast.results.storage import read_json, write_json
from holdfast.runs.processes import settled
from holdfast.staging.loading import GENERAL, Built, Workplace, workplace
from holdfast.staging.settings import Places
from holdfast.staging.signals import Signals, signals_of
from holdfast.staging.training import Files, Training
from holdfast.training import checkpoint, checkpoint_file
from holdfast.training.contents import forms
from holdfast.training.display import Moment, Pulse, Silent, Watch
from holdfast.training.tracks import measure

FORMAT = 1
MARK = "holdfast.json"  # the file in the folder of a model that says what it was trained on
TRAINING = "training"
Tell = Callable[[Moment], None]


@dataclass(frozen=True)
class Conditions:
    """Where and how trainings are carried out.

    Args:
        places: Where the model, the tasks and the general text are.
        out: The folder of the results.
        held_out: The share of the examples that is drawn for parts that a file does not have.
        device: Where to train.
    """

    places: Places
    out: Path
    held_out: float
    device: str = "cpu"

    @property
    def files(self) -> Files:
        """Where the results of trainings are."""
        return Files(self.out)


@dataclass(frozen=True)
class Job:
    """One training to carry out, as a worker process gets it.

    Args:
        training: The training.
        part: The part of the examples to score. None: nothing is scored.
        keeps_state: Whether the state is written, from which further stages are trained.
        saves: The folder for the trained model. None: it is not kept.
        conditions: Where and how.
        signals: Whether it is measured how sure the model is.
        general: Whether the losses of the general text are measured.
    """

    training: Training
    part: str | None
    keeps_state: bool
    saves: Path | None
    conditions: Conditions
    signals: bool = False
    general: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Args:
        job: The job.
        seconds: How long it took.
        mistake: Why it failed. Empty if it did not.
    """

    job: Job
    seconds: float
    mistake: str = ""


@dataclass(frozen=True)
class Scores:
    """What was measured after a training.

    Args:
        examples: The score of each example of each task, by its name.
        general: The sum of the losses and the number of tokens of each general text, or None.
        facts: Seconds, parameters and bytes.
        signals: How sure the model is on each task; see `staging.signals`. Empty: not measured.
    """

    examples: Mapping[str, list[float]]
    general: tuple[list[float], list[int]] | None
    facts: Mapping[str, float]
    signals: Mapping[str, Signals]

    def mean(self, task: str) -> float:
        """The mean score of a task."""
        scores = self.examples[task]
        return sum(scores) / len(scores)

    @property
    def over_tasks(self) -> float:
        """The mean score over tasks."""
        return sum(map(self.mean, self.examples)) / len(self.examples)


def execute(job: Job, tell: Tell | None = None) -> Outcome:
    """Carry out a training. A mistake is part of the outcome, so the others are still carried out.

    Args:
        job: The training, and what of it is kept.
        tell: Called from time to time with how far it is. None: nobody wants to know.

    Returns:
        What became of it.
    """
    began = time.monotonic()
    conditions = job.conditions
    training = job.training
    try:
        with settled():
            # `settled` sets one thread, which suits small networks.
            torch.set_num_threads(training.settings.threads)
            place = workplace(
                conditions.places, training.settings, conditions.held_out, conditions.device
            )
            built = place.built(training)
            _to_the_end(built, job, tell)
            # Before the scores, because these say that the training is finished.
            if job.saves is not None:
                save_model(built, place, training, job.saves)
            if job.part is not None:
                found = _scored(built, place, job, began)
                write_json(conditions.files.scores(training, job.part), found)
    except HoldfastError as error:
        return Outcome(job, time.monotonic() - began, str(error))
    return Outcome(job, time.monotonic() - began)


def _to_the_end(built: Built, job: Job, tell: Tell | None) -> None:
    """Bring a learner to the end of a training: by its state, or by training its last stage."""
    training = job.training
    if built.stages is None:
        return
    files = job.conditions.files
    # An interrupted command may have trained it and not scored it yet.
    if files.state(training).is_file():
        _load(built, files.state(training))
        return
    if training.parent.stages:
        _load(built, files.state(training.parent))
    _train(built, training, tell)
    if job.keeps_state:
        _save(built, files.state(training))


def _train(built: Built, training: Training, tell: Tell | None) -> None:
    """Train the last stage."""
    learner = built.learner
    stages = built.stages
    if stages is None:
        return
    number = len(training.stages) - 1
    watch: Watch = Silent()
    if tell is not None:
        planned = {place: training.steps_of(place) for place in range(len(stages))}
        watch = Pulse(tell, planned)
    # This checks that the texts and the model fit each other.
    learner.begin(stages[number])
    losses = []
    with learner.state.random.active():
        for step, batch in enumerate(learner.view.batches(), 1):
            losses.append(learner.step(batch))
            watch.step(stages[number], step, training.steps)
    learner.end()
    watch.phase(stages[number], "evaluation")
    # One look at the end, because a look at every step would wait for the device.
    if not torch.isfinite(torch.stack(losses)).all():
        raise HoldfastError(
            f"the loss became infinite while {training.label} was trained, with lr="
            f"{training.settings.lr:g}; lower --lr"
        )


def _scored(built: Built, place: Workplace, job: Job, began: float) -> dict[str, Any]:
    """Score every task and the general text, as plain values."""
    learner = built.learner
    part = job.part or "test"
    # Before the first stage, the outputs are open already: they are the words of the vocabulary.
    examples = {}
    signals = {}
    for name in place.texts:
        task = place.task(name)
        examples[name] = learner.evaluate(task, part).tolist()
        if job.signals:
            signals[name] = signals_of(learner.view, getattr(task, part))
    general = None
    if job.general and place.general is not None:
        # Whichever stage was trained last, the general text belongs to none.
        (point,) = measure(learner.view, {GENERAL: place.general}, None)
        general = {"losses": point.losses, "tokens": point.tokens}
    seconds = learner.state.progress.seconds
    return {
        "format": FORMAT,
        "examples": examples,
        "general": general,
        "signals": signals,
        "facts": {
            "seconds": time.monotonic() - began,
            "training": float(seconds.get("training", 0.0)),
            "evaluation": float(seconds.get("evaluation", 0.0)),
            "consolidation": float(seconds.get("consolidation", 0.0)),
            "parameters": sum(p.numel() for p in learner.model.parameters()),
            "trained": learner.view.space.numel,
            "method_bytes": learner.method.state_bytes(),
        },
    }


def read_scores(path: Path) -> Scores:
    """Read what was measured after a training.

    Args:
        path: The file.

    Raises:
        HoldfastError: It is not there or damaged.
    """
    values: Any = read_json(path)
    try:
        if values["format"] != FORMAT:
            raise ValueError("another format")
        general = values["general"]
        if general is not None:
            general = (list(map(float, general["losses"])), list(map(int, general["tokens"])))
        examples = {name: list(map(float, one)) for name, one in values["examples"].items()}
        # A mean over no example would be no number.
        if not all(examples.values()):
            raise ValueError("a task without scores")
        return Scores(examples, general, dict(values["facts"]), dict(values["signals"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HoldfastError(
            f"{path} does not hold the scores of a training; delete it and run again"
        ) from error


def losses_of(points: Mapping[str | None, Scores]) -> TokenLosses | None:
    """Collect the losses of the general text at several times.

    Args:
        points: What was measured, by the last task or stage; None is before training.

    Returns:
        The losses, or None if there is no general text.
    """
    found: TokenLosses | None = None
    for after, scores in points.items():
        if scores.general is None:
            return None
        losses, tokens = scores.general
        if found is None:
            found = TokenLosses(GENERAL, tokens)
        found.points.append(after)
        found.losses.append(losses)
    return found


def save_model(built: Built, place: Workplace, training: Training, folder: Path) -> None:
    """Save the trained model and its tokenizer so that transformers or peft can load them.

    Args:
        built: The learner and the model that it has trained.
        place: Where the tokenizer is.
        training: What it was trained on.
        folder: The folder. A model that was saved there by an earlier training is replaced.

    Raises:
        HoldfastError: The folder holds other files, or cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise HoldfastError(
            f"{folder} holds files that are no saved model of holdfast stage; choose another --out"
        )
    model: Any = built.model
    # Files of a larger model would otherwise stay beside those of an adapter.
    shutil.rmtree(folder, ignore_errors=True)
    # The mark comes first, so that a half-saved model is known and replaced, and is signed last.
    write_json(folder / MARK, {TRAINING: ""})
    with torch.no_grad():
        model.save_pretrained(folder)
    place.tokenizer.save_pretrained(folder)
    write_json(folder / MARK, {TRAINING: training.hash})


def is_saved(training: Training, folder: Path) -> bool:
    """Tell whether a folder holds the model of a training, and all of it.

    Args:
        training: The training.
        folder: The folder.
    """
    try:
        return read_json(folder / MARK) == {TRAINING: training.hash}
    except HoldfastError:
        return False


def _save(built: Built, path: Path) -> None:
    """Write the state of a learner without the weights that are never trained."""
    tensors, plain = built.learner.state.saved().to_file()
    kept = {name: value for name, value in tensors.items() if name not in built.frozen}
    checkpoint_file.write(path, kept, plain | {"beside": None})


def _load(built: Built, path: Path) -> None:
    """Restore the state of a learner; what is never trained stays as it is."""
    kept, plain = checkpoint_file.read(path)
    tensors, _ = built.learner.state.saved().to_file()
    whole = {name: tensors[name] for name in built.frozen if name in tensors} | kept
    stages = list(built.stages or ())
    listed = plain | {"tensors": forms(whole)}
    checkpoint.put(built.learner.state, str(path), whole, listed, stages)
