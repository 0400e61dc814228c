"""Texts whose token losses are followed while a language model learns something else."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from holdfast.engine.batch import Rows
from holdfast.engine.next_token import NextToken, tokens_of
from holdfast.engine.snapshot import evaluating
from holdfast.errors import HoldfastError
from holdfast.metrics.token_losses import TokenLosses
from holdfast.models.token_states import IGNORED
from holdfast.streams.task import Part, Task
from holdfast.training.view import View

Track = Mapping[str, Part]  # texts by the name of the track
ROWS_AT_ONCE = 8  # texts; every token of general text has a logit per word of the vocabulary


class TrackPoint(NamedTuple):
    """The losses of the texts of a track at one time. Checkpoints hold it as a list.

    Attributes:
        name: The name of the track.
        after: The last task learnt, or None before training.
        losses: The sum of the losses of the tokens of each text, in nats.
        tokens: The number of tokens of each text that count.
    """

    name: str
    after: str | None
    losses: list[float]
    tokens: list[int]


def check_tracks(view: View, tracks: Track) -> None:
    """Refuse tracks that cannot be followed, before the first step.

    Raises:
        HoldfastError: The learner trains no language model, or a track has no texts.
    """
    if not tracks:
        return
    if not isinstance(view.objective, NextToken):
        raise HoldfastError(
            "track follows the token losses of texts, which needs a language model: pass "
            "objective='language' to the learner, or leave track out"
        )
    for name, part in tracks.items():
        if not len(part):
            raise HoldfastError(f"the track {name!r} has no texts; give it at least one")


def check_resumed(tracks: Track, points: list[TrackPoint]) -> None:
    """Refuse to resume a run with other tracks than those that it followed.

    Raises:
        HoldfastError: They differ.
    """
    before = {point.name for point in points}
    if before != set(tracks):
        raise HoldfastError(
            f"the run that is resumed followed the tracks {sorted(before)}, but track has "
            f"{sorted(tracks)}; pass the same, or start from the beginning in another folder"
        )


@torch.no_grad()
def measure(view: View, tracks: Track, after: Task | None) -> Iterator[TrackPoint]:
    """Compute the losses of every text of the tracks.

    If the task of an input is known, as in the task scenario, texts are read with the weights of
    the task that was learnt last. Training does not notice the measurement.

    Args:
        view: The learner, between two tasks.
        tracks: The texts.
        after: The last task learnt, or None before training.

    Yields:
        A point for each track.
    """
    known = None
    if after is not None:
        known = view.setup.known_task(after.index)
    model = view.model
    for name, part in tracks.items():
        losses: list[float] = []
        tokens: list[int] = []
        timed = view.state.progress.timed("evaluation")
        aside = view.state.random.aside("track", name)
        with timed, aside, evaluating(model), view.forward.casting():
            order = torch.arange(len(part)).split(ROWS_AT_ONCE)
            for x, y, task in part.batches(order):
                inputs = view.prepare(x.to(view.device), augment=False)
                outputs: Tensor = view.head(model.features(inputs, known), known)
                rows = Rows(inputs, y, task)
                likelihoods = NextToken().log_likelihoods(outputs.float(), rows)
                losses += (-likelihoods).tolist()
                tokens += (tokens_of(rows)[1] != IGNORED).sum(1).tolist()
        yield TrackPoint(name, None if after is None else after.name, losses, tokens)


def tracked(points: list[TrackPoint]) -> dict[str, TokenLosses]:
    """Collect the points of each track.

    Example:
        >>> before = TrackPoint("general", None, [4.0], [2])
        >>> after = TrackPoint("general", "a", [5.0], [2])
        >>> tracked([before, after])["general"].rise("a").estimate
        0.5
    """
    found: dict[str, TokenLosses] = {}
    for point in points:
        track = found.setdefault(point.name, TokenLosses(point.name, point.tokens))
        track.points.append(point.after)
        track.losses.append(point.losses)
    return found
